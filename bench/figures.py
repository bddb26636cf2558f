"""What is shown of a run: ratios beside the rates they were made of, and the goal of each."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import msgspec

Rates = Mapping[str, Sequence[float]]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """`ours` over `yardstick`, each round by itself, then the median. `goal` is (at least | at most | below, n)."""

    ours: str
    yardstick: str
    goal: tuple[str, float] | None = None


AT_LEAST, AT_MOST, BELOW = "at least", "at most", "below"
FIGURES = {
    "drain_over_paho_noop": Figure(ours="ours_drain", yardstick="paho_noop", goal=(AT_LEAST, 1.5)),
    "drain_without_receipts_over_paho_noop": Figure(ours="ours_drain_without_receipts", yardstick="paho_noop"),
    "live_over_c_subscriber": Figure(ours="ours_live", yardstick="c_subscriber", goal=(AT_LEAST, 0.7)),
    "live_over_c_subscriber_without_receipts": Figure(
        ours="ours_live_without_receipts", yardstick="c_subscriber", goal=(AT_LEAST, 0.7)
    ),
    "drain_over_database_only": Figure(ours="ours_drain", yardstick="database_only", goal=(AT_LEAST, 0.3)),
    "drain_over_mqttjs_pg": Figure(ours="ours_drain", yardstick="mqttjs_pg", goal=(AT_LEAST, 8)),
    "drain_over_paho_psycopg": Figure(ours="ours_drain", yardstick="paho_psycopg"),
    "drain_over_node_red": Figure(ours="ours_drain", yardstick="node_red"),
    "rate_10m_rows_over_empty": Figure(ours="ours_drain_10m_rows", yardstick="ours_drain", goal=(AT_LEAST, 0.9)),
    "p50_commit_over_bare_commit": Figure(ours="commit_ms", yardstick="bare_commit_ms", goal=(AT_MOST, 8)),
    "p50_receipt_over_bare_commit": Figure(ours="receipt_ms", yardstick="bare_commit_ms"),
    "rss_growth_mb": Figure(ours="rss_mb", yardstick="rss_mb", goal=(BELOW, 50)),
}
ALERTS = {
    "event_over_bare_notify": Figure(ours="event_ms", yardstick="bare_notify_ms", goal=(AT_MOST, 2.5)),
    "publish_to_page_p99_ms": Figure(ours="publish_to_page_ms", yardstick="bare_commit_ms", goal=(AT_MOST, 2000)),
}
OUTREACH = {
    "sdk_dispatch_over_bare_http": Figure(ours="sdk_dispatch", yardstick="bare_http", goal=(AT_LEAST, 0.7)),
    "plan_100k_over_bare_insert": Figure(  # seconds over seconds, so the rates the other way round
        ours="inserted_a_second", yardstick="planned_a_second", goal=(AT_MOST, 1.5)
    ),
}
EVERYTHING = {**FIGURES, **ALERTS, **OUTREACH}
HALF_LOAD = ("p50_commit_over_bare_commit", "p50_receipt_over_bare_commit", "rss_growth_mb")
ONLY_WHEN_ASKED = ("drain_over_node_red",)


def ratio(figure: Figure, rates: Rates) -> dict[str, Any]:
    """A round counts when both were measured in it: a failed one is NaN, and null in the file."""
    pairs = list(zip(rates.get(figure.ours, ()), rates.get(figure.yardstick, ()), strict=False))
    ratios = [
        ours / yardstick for ours, yardstick in pairs if yardstick > 0 and ours == ours and yardstick == yardstick
    ]
    of = {name: [_shown(rate) for rate in rates.get(name, ())] for name in (figure.ours, figure.yardstick)}
    return {"value": round(median(ratios), 3) if ratios else None, "of": of}


def _shown(rate: float) -> float | None:
    return round(rate, 3) if rate == rate else None  # NaN is no JSON


def met(name: str, value: float | None) -> str:
    """For the table: whether the goal is reached."""
    goal = EVERYTHING[name].goal
    if goal is None:
        return ""
    if value is None:
        return "not measured"
    how, limit = goal
    reached = {AT_LEAST: value >= limit, AT_MOST: value <= limit, BELOW: value < limit}[how]
    return "met" if reached else "NOT MET"


def table(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each figure: value, goal, whether met, and the medians it was made of."""
    lines = [f"{'':44}{'value':>10}  {'goal':16}{'':14}medians of the rounds"]
    for name, figure in found.items():
        goal = EVERYTHING[name].goal
        wanted = f"{goal[0]} {goal[1]:g}" if goal else ""
        value = "–" if figure["value"] is None else f"{figure['value']:.2f}"
        lines.append(f"{name:44}{value:>10}  {wanted:16}{met(name, figure['value']):14}{_made_of(figure['of'])}")
    return lines


def _made_of(of: Mapping[str, Sequence[float | None]]) -> str:
    known = {name: [rate for rate in rates if rate is not None] for name, rates in of.items()}
    return "  ".join(f"{name} {median(rates):,.4g}" if rates else f"{name} –" for name, rates in known.items())

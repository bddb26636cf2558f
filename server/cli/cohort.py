"""`careloop backtest --cohort`, as a person or a script reads it: what was published, reproduced, and ours."""

from collections.abc import Sequence

import msgspec
import rich_click as click

from server.cli import console
from server.cli.progress import counted
from server.ops.cohort import making, trial
from server.ops.cohort.trial import Result

WHAT = {
    "loss_of_control": "Control lost over weeks (true mean above 150/95)",
    "crisis": "Crisis (truly 188/98 and higher, for hours)",
    "hypotension": "Low blood pressure (truly below 86, for days)",
    "silence": "Silence (two weeks and more without a reading)",
}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One seed for a script: the result and which promises it does not keep."""

    result: Result
    not_kept: list[str]


def replay(seed: int, others: Sequence[int], *, as_json: bool) -> int:
    """The exit code: 1 when `seed` breaks a promise. The other seeds are shown as they are."""
    results = []
    for one in (seed, *others):
        with counted(f"seed {one}, patients") as progress:
            results.append(trial.run(making.cohort(one), progress))
    if as_json:
        console.objects([Line(result=one, not_kept=one.not_kept()) for one in results])
    else:
        _reproduced(results[0])
        _ours(results[0])
        _noticed(results[0])
        _others(results[1:])
        for broken in results[0].not_kept():
            click.echo(f"Not kept: {broken}.")
    return 1 if results[0].not_kept() else 0


def _reproduced(one: Result) -> None:
    months = making.PATIENTS * making.DAYS / trial.MONTH_DAYS
    click.echo(f"Published (JMIR Med Inform 2025;13:e66066), and invented again with seed {one.seed}\n")
    away = one.naive_alerts / trial.ALERTS_PUBLISHED - 1
    published_rate = trial.LEFT_TO_STAFF_PUBLISHED / months
    rows = [
        ("patients", making.PATIENTS, one.patients),
        ("days", making.DAYS, one.days),
        ("home readings", f"{making.READINGS:,}", f"{one.readings:,}"),
        ("alerts under naive limits", f"{trial.ALERTS_PUBLISHED:,}", f"{one.naive_alerts:,} ({away:+.1%})"),
        ("alerts needing a person", f"{trial.LEFT_TO_STAFF_PUBLISHED:,}", f"{one.alerts:,} with Careloop's rules"),
        ("… per patient-month", f"{published_rate:.2f}", f"{one.per_patient_month:.2f}"),
    ]
    console.table(["", "published", "here"], rows, empty="")


def _ours(one: Result) -> None:
    click.echo("\nCareloop's hypertension programme as shipped, by rule\n")
    months = one.patients * one.days / trial.MONTH_DAYS
    rows = [(code, many, f"{many / months:.2f}") for code, many in one.by_rule.items()]
    console.table(["rule", "alerts", "per patient-month"], rows, empty="No rule found anything.")
    severities = ", ".join(f"{many} {severity}" for severity, many in one.by_severity.items())
    click.echo(f"\n{severities}. High readings lost: {one.high_lost} of {one.high_readings}", nl=False)
    older = f"; {one.high_older} came a day late or later and are in the item of older readings"
    click.echo(f"{older if one.high_older else ''}.")


def _noticed(one: Result) -> None:
    click.echo("\nWhat truly happened, and when a fitting alert opened\n")
    rows = [
        (
            WHAT[found.kind], found.labelled, f"{found.missed} of {found.labelled}",
            lasting(found.median_delay_h), lasting(found.longest_delay_h),
        )
        for found in one.noticed
    ]  # fmt: skip
    console.table(["true episode", "labelled", "missed", "median delay", "longest"], rows, empty="")


def _others(results: Sequence[Result]) -> None:
    if not results:
        return
    click.echo("\nOther seeds, as they are\n")
    rows = [
        (
            one.seed, f"{one.naive_alerts:,} ({one.naive_alerts / trial.ALERTS_PUBLISHED - 1:+.1%})",
            f"{one.per_patient_month:.2f}", f"{one.high_lost} of {one.high_readings}",
            f"{sum(x.missed for x in one.noticed)} of {sum(x.labelled for x in one.noticed)}",
            " / ".join(lasting(x.median_delay_h) for x in one.noticed),
        )
        for one in results
    ]  # fmt: skip
    columns = ["seed", "naive alerts", "per patient-month", "high lost", "episodes missed", "median delays"]
    console.table(columns, rows, empty="")


def lasting(hours: float | None) -> str:
    """ "40 min", "2.7 h", from two days on "6.1 days"."""
    if hours is None:
        return "never"
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"

"""The form in which a rule or programme is changed: filled from what is in force, read back as a whole content."""

import re
import uuid
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

import msgspec

from devices.units import KINDS, METRICS
from server.errors import NotFound
from server.flows.change_rule import Proposal
from server.monitoring import rule_content
from server.monitoring.findings import Severity, Side
from server.monitoring.parameters import Average, Count, Flagged, Missing, Parameters, Span, Sustained, Trend
from server.monitoring.rule_book import Rule
from server.monitoring.rule_checks import number
from server.monitoring.rule_content import Expected, Level, ProgrammeContent, Protocol, RuleContent
from server.web.careteam import rule_words
from server.web.forms import Typed

TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
BLANK_ROWS = 2
MOST_ROWS = 60
SHAPES: dict[str, Any] = {
    "average": Average, "count": Count, "sustained": Sustained, "trend": Trend, "flag": Flagged, "missing": Missing,
}  # fmt: skip


class LevelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the form; an emptied value takes the level away, and `own` has none but a patient's own."""

    programme: str = ""
    metric: str = ""
    side: str = ""
    severity: str = ""
    value: str = ""
    own: bool = False


class ExpectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One time to measure; without a vital there is none."""

    vital: str = ""
    opens: str = ""
    closes: str = ""
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)


def columns(vital: str) -> list[str]:
    """The numbers that a level of this vital may speak of."""
    return [METRICS[name].column for name in KINDS[vital][0]] if vital in KINDS else []


def level_rows(content: RuleContent | None) -> list[LevelRow]:
    """Those in force, and two empty ones."""
    rows = [
        LevelRow(
            programme=str(x.programme or ""), metric=x.metric, side=x.side, severity=x.severity,
            value=number(x.value) if x.value is not None else "", own=x.value is None,
        )
        for x in sorted(content.levels if content else (), key=rule_words.worst_first)
    ]  # fmt: skip
    return [*rows, *[LevelRow()] * BLANK_ROWS]


def typed_levels(typed: Typed) -> list[LevelRow]:
    """As somebody typed them."""
    return [
        LevelRow(
            **{field: typed.get(f"level-{n}-{field}", "") for field in ("programme", "metric", "side", "severity")},
            value=typed.get(f"level-{n}-value", "").strip(), own=f"level-{n}-own" in typed,
        )
        for n in range(_count(typed, "levels"))
    ]  # fmt: skip


def expected_rows(content: ProgrammeContent | None) -> list[ExpectedRow]:
    """Those in force, and two empty ones."""
    rows = [msgspec.convert(msgspec.structs.asdict(one), ExpectedRow) for one in (content.expected if content else ())]
    return [*rows, *[ExpectedRow()] * BLANK_ROWS]


def typed_expected(typed: Typed) -> list[ExpectedRow]:
    """As somebody typed them."""
    return [
        ExpectedRow(
            **{field: typed.get(f"expected-{n}-{field}", "").strip() for field in ("vital", "opens", "closes")},
            weekdays=tuple(day for day in range(7) if f"expected-{n}-day-{day}" in typed),
        )
        for n in range(_count(typed, "expected"))
    ]  # fmt: skip


def read_rule(typed: Typed, rule: Rule, programmes: Sequence[uuid.UUID]) -> Proposal:
    """The whole content that was typed; what was no number is named in `unreadable`."""
    problems: list[str] = []
    levels = [one for row in typed_levels(typed) if (one := _level(row, problems, programmes)) is not None]
    parameters = _parameters(typed, rule.kind, problems)
    kept = rule.content.programmes if rule.content else ()  # nobody deletes: a programme is added, never dropped
    content = rule_content.rule(
        typed.get("explains", ""), typed.get("source", ""), levels, parameters, _protocols(typed, programmes),
        [*kept, *(one for one in programmes if f"programme-{one}" in typed)],
    )  # fmt: skip
    return Proposal(
        content=content, reason=typed.get("reason", ""), base=base(typed), gives_up_high="gives_up_high" in typed,
        unreadable=tuple(problems),
    )  # fmt: skip


def _level(row: LevelRow, problems: list[str], programmes: Sequence[uuid.UUID]) -> Level | None:
    """None for an empty row."""
    if not row.value and not row.own:
        return None
    if row.side not in get_args(Side) or row.severity not in get_args(Severity) or not row.metric:
        problems.append(f"The level {row.value}: choose what it is of, on which side, and how severe.")
        return None
    programme = next((one for one in programmes if str(one) == row.programme), None)
    if row.programme and programme is None:
        problems.append(f"The level {row.value}: choose whose it is from the list.")
        return None
    value = None if row.own else decimal(row.value)
    if not row.own and value is None:
        problems.append(f"“{row.value}” is not a number. Give one like 180 or 38.5.")
        return None
    return msgspec.convert(
        {"metric": row.metric, "side": row.side, "severity": row.severity, "value": value, "programme": programme},
        Level,
    )


def _protocols(typed: Typed, programmes: Sequence[uuid.UUID]) -> list[Protocol]:
    found = []
    for one in programmes:
        explains, source = (typed.get(f"protocol-{one}-{field}", "").strip() for field in ("explains", "source"))
        if explains or source:
            found.append(Protocol(programme=one, explains=explains, source=source))
    return found


def _parameters(typed: Typed, kind: str, problems: list[str]) -> Parameters | None:
    """By the fields of the kind's own shape; None for a rule judged with each reading."""
    if kind not in SHAPES:
        return None
    raw: dict[str, Any] = {"kind": kind}
    for field in SHAPES[kind].__struct_fields__:
        said = typed.get(f"p-{field}", "").strip()
        if field == "discard_first_day":
            raw[field] = f"p-{field}" in typed
        elif field == "spans":
            raw[field] = _spans(typed, problems)
        elif field in {"flag", "severity"}:
            raw[field] = said
        else:
            raw[field] = _whole(said, problems)
    try:
        found: Parameters = msgspec.convert(raw, Parameters)
    except msgspec.ValidationError:
        problems.append("Choose how severe it is from the list.")
        return None
    return found


def _spans(typed: Typed, problems: list[str]) -> list[Span]:
    spans = []
    for n in range(_count(typed, "spans")):
        days, gain = (typed.get(f"span-{n}-{field}", "").strip() for field in ("days", "gain"))
        if not gain:
            continue
        value = decimal(gain)
        if value is None:
            problems.append(f"“{gain}” is not a number. Give a gain like 1.36.")
        else:
            spans.append(Span(days=_whole(days, problems), gain=value))
    return spans


def read_programme(typed: Typed) -> Proposal:
    """The whole content that was typed."""
    problems: list[str] = []
    expected = [
        Expected(vital=row.vital, opens=_clock(row.opens, problems), closes=_clock(row.closes, problems),
                 weekdays=row.weekdays)
        for row in typed_expected(typed)
        if row.vital
    ]  # fmt: skip
    content = rule_content.programme(
        typed.get("explains", ""), typed.get("source", ""), around_the_clock="around_the_clock" in typed,
        page_waits_minutes=_whole(typed.get("page_waits_minutes", "0").strip(), problems), expected=expected,
    )  # fmt: skip
    return Proposal(
        content=content, reason=typed.get("reason", ""), base=base(typed), unreadable=tuple(problems)
    )  # fmt: skip


def base(typed: Typed) -> uuid.UUID | None:
    """The version they looked at when they began; None where there was none."""
    return uuid_of(typed, "base") if typed.get("base") else None


def uuid_of(typed: Typed, field: str) -> uuid.UUID:
    try:
        return uuid.UUID(typed.get(field, ""))
    except ValueError:
        raise NotFound("That choice is not there any more. Go back to the rules and look again.") from None


def decimal(said: str) -> Decimal | None:
    """A number as people write it, with a point or a comma; None when it is none."""
    try:
        value = Decimal(said.replace(",", "."))
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < 100_000 else None


def _whole(said: str, problems: list[str]) -> int:
    if said.isascii() and said.isdigit() and len(said) < 5:
        return int(said)
    problems.append(f"“{said}” is not a whole number.")
    return 0


def _clock(said: str, problems: list[str]) -> str:
    """ "05:00"; midnight at the end of a day is "24:00"."""
    if TIME.fullmatch(said):
        return said
    problems.append(f"“{said}” is not a time. Give it as hours and minutes, like 07:30; midnight is 24:00.")
    return said or "00:00"


def _count(typed: Typed, field: str) -> int:
    said = typed.get(field, "0")
    return min(int(said), MOST_ROWS) if said.isascii() and said.isdigit() and len(said) < 4 else 0

"""What is wrong with a proposed content, all of it at once. Pure: the asker brings what it is compared with."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from server.errors import Invalid
from server.monitoring.parameters import Average, Count, Flagged, Missing, Parameters, Sustained, Trend
from server.monitoring.rule_content import (
    SEVERITIES,
    UPPER,
    Content,
    Level,
    ProgrammeContent,
    RuleContent,
    reaches_high,
)

Ranges = Mapping[str, tuple[Decimal, Decimal]]  # by metric: lowest and highest plausible value, canonical unit
LONGEST_DAYS = 90
MOST_READINGS = 500
LONGEST_TEXT = 4000


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """`base` is in force, `others` are the levels of all other rules, `unreadable` what of the form was no number."""

    base: Content | None
    others: Sequence[Level]
    ranges: Ranges
    flags: Sequence[str] = ()
    vitals: Sequence[str] = ()
    reason: str
    unreadable: Sequence[str] = ()
    gives_up_high: bool = False
    clinician: bool = False


class ManyWrong(Invalid):
    """Everything that cannot be right, each safe to show."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = list(problems)


def check(content: Content, known: Known) -> None:
    """`ManyWrong` when anything is."""
    problems = list(_of_rule(content, known) if isinstance(content, RuleContent) else _of_programme(content, known))
    problems[:0] = known.unreadable
    if not known.reason.strip():
        problems.append("Say why: whoever approves it, and whoever asks in a year, will read that.")
    if content == known.base and not known.unreadable:
        problems.append("Nothing is different from what is in force. Change something, or go back.")
    if problems:
        raise ManyWrong(problems)


def _of_rule(content: RuleContent, known: Known) -> Iterator[str]:
    yield from _texts(content)
    yield from _twice(content.levels)
    for level in content.levels:
        yield from _plausible(level, known.ranges)
    for scope in {level.programme for level in content.levels}:
        yield from _order([level for level in content.levels if level.programme == scope])
    yield from _apart(content.levels, () if content.parameters else known.others)
    yield from _judges(content)
    yield from _keeps_high(content, known)
    if content.parameters is not None:
        yield from _parameters(content.parameters, known.flags)


def _texts(content: Content) -> Iterator[str]:
    if not content.explains:
        yield "The text is empty: say what staff should ask and do."
    if not content.source:
        yield "The source is empty: say where the numbers come from."
    if max(len(content.explains), len(content.source)) > LONGEST_TEXT:
        yield f"A text is longer than {LONGEST_TEXT} characters. Nobody reads that at night: shorten it."
    for one in content.protocols if isinstance(content, RuleContent) else ():
        if not one.explains or not one.source:
            yield "A programme's own text needs both its words and its source, or neither."


def _twice(levels: Sequence[Level]) -> Iterator[str]:
    keys = [level.key for level in levels]
    for level in levels:
        if keys.count(level.key) > 1:
            yield f"There are two {level.severity} levels for {name(level.metric)} on the same side. Keep one."
            return


def _plausible(level: Level, ranges: Ranges) -> Iterator[str]:
    if level.value is None:
        if level.programme is not None:
            yield f"Give the {level.severity} level of {name(level.metric)} a number: a programme has no patient's own."
        return
    low, high = ranges.get(level.metric, (level.value, level.value))
    if not low <= level.value <= high:
        yield f"{number(level.value)} is not a possible {name(level.metric)}: {number(low)} to {number(high)} is."


def _order(levels: Sequence[Level]) -> Iterator[str]:
    """High lies beyond medium and medium beyond low, on each side of each metric."""
    for upper in (True, False):
        for metric in sorted({level.metric for level in levels}):
            side = [x for x in levels if x.metric == metric and (x.side in UPPER) == upper and x.value is not None]
            side.sort(key=lambda x: SEVERITIES.index(x.severity))
            for milder, worse in itertools.pairwise(side):
                if milder.severity != worse.severity and not _beyond(worse, milder, upper=upper):
                    where = "above" if upper else "below"
                    yield f"{name(metric)}: the {worse.severity} level must lie {where} the {milder.severity} one."


def _beyond(worse: Level, milder: Level, *, upper: bool) -> bool:
    assert worse.value is not None and milder.value is not None
    return worse.value > milder.value if upper else worse.value < milder.value


def _apart(levels: Sequence[Level], others: Iterable[Level]) -> Iterator[str]:
    """No value may be too high and too low at once, by this rule or by this one and another."""
    said = set()
    for one in levels:
        for other in (*levels, *others):
            if one.metric == other.metric and one.side in UPPER and other.side not in UPPER:
                said.add(_meet(one, other))
            elif one.metric == other.metric and one.side not in UPPER and other.side in UPPER:
                said.add(_meet(other, one))
    yield from sorted(one for one in said if one)


def _meet(upper: Level, lower: Level) -> str:
    if upper.value is None or lower.value is None or upper.value > lower.value:
        return ""
    high, low = number(upper.value), number(lower.value)
    return f"{name(upper.metric)}: {high} is too high while {low} is too low. The upper level must lie above the lower."


def _judges(content: RuleContent) -> Iterator[str]:
    """A rule without levels judges nothing, unless its parameters say it all."""
    if not content.levels and not hasattr(content.parameters, "severity"):
        yield "Without any level the rule judges nothing. Keep at least one."
    if not content.programmes:
        yield "The rule belongs to no programme, so it judges nobody. Choose at least one."


def _keeps_high(content: RuleContent, known: Known) -> Iterator[str]:
    """Where a high level was, one stays, unless a clinician says in so many words that it goes."""
    if not isinstance(known.base, RuleContent) or (known.gives_up_high and known.clinician):
        return
    scopes = {None, *(level.programme for level in known.base.levels)}
    if any(reaches_high(known.base, scope) and not reaches_high(content, scope) for scope in scopes):
        how = "tick that you give it up" if known.clinician else "ask a clinician to draft it"
        yield f"There was a high level and now there is none: nobody would be paged at once. Keep one, or {how}."


def _parameters(asked: Parameters, flags: Sequence[str]) -> Iterator[str]:
    match asked:
        case Average(at_least_days=days, at_least_readings=readings, every_weeks=weeks):
            yield from _within("Measured days of a week", days, 1, 7)
            yield from _within("Readings of a week", readings, 1, MOST_READINGS)
            yield from _within("Weeks of which one is told", weeks, 1, 26)
        case Count(at_least=readings, days=days):
            yield from _within("Readings", readings, 2, MOST_READINGS)
            yield from _within("Days", days, 1, LONGEST_DAYS)
        case Sustained(days=days):
            yield from _within("Measured days in a row", days, 2, LONGEST_DAYS)
        case Trend(spans=spans):
            yield from _spans(spans)
        case Flagged(flag=flag):
            if flag not in flags:
                yield f"No device sets the flag “{flag}”. Choose one of: {', '.join(flags)}."
        case Missing(windows=windows):
            yield from _within("Expected measurements missed in a row", windows, 1, LONGEST_DAYS)


def _spans(spans: Sequence[object]) -> Iterator[str]:
    if not spans:
        yield "Say at least one gain, and within how many days."
    for span in spans:
        yield from _within("Days", getattr(span, "days", 0), 1, LONGEST_DAYS)
        if not Decimal("0.1") <= getattr(span, "gain", Decimal()) <= 50:
            yield "A gain lies between 0.1 and 50."
    if len({getattr(span, "days", 0) for span in spans}) < len(spans):
        yield "Two gains are for the same number of days. Keep one."


def _within(what: str, given: int, least: int, most: int) -> Iterator[str]:
    if not least <= given <= most:
        yield f"{what}: between {least} and {most}."


def _of_programme(content: ProgrammeContent, known: Known) -> Iterator[str]:
    yield from _texts(content)
    yield from _within("Minutes a page may wait", content.page_waits_minutes, 0, 10)
    seen = set()
    for one in content.expected:
        if one.vital not in known.vitals:
            yield "Choose what is to be measured from the list."
        if one.closes <= one.opens:
            yield f"{name(one.vital)}: a time to measure ends after it begins; midnight is 24:00."
        if not one.weekdays:
            yield f"{name(one.vital)}: choose at least one day."
        if (one.vital, one.opens) in seen:
            yield f"{name(one.vital)}: two times to measure begin at {one.opens}. Keep one."
        seen.add((one.vital, one.opens))


def name(code: str) -> str:
    """systolic_mmhg → "Systolic"."""
    words = code.replace("_", " ").removesuffix(" mmhg").removesuffix(" mgdl").removesuffix(" kg").removesuffix(" bpm")
    return words.removesuffix(" pct").removesuffix(" c").capitalize()


def number(value: Decimal) -> str:
    return f"{value.normalize():f}"

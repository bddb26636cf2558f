"""May a patient's own limits be so? Pure: all that is wrong is said at once, and nothing is ever switched off."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from server.monitoring.own_limits import Key, Level

Bounds = Mapping[str, tuple[Decimal, Decimal]]  # by metric: the lowest and the highest a measurement can be
RANK = ("low", "medium", "high")


def after(levels: Sequence[Level], rule: uuid.UUID, values: Mapping[Key, Decimal | None]) -> dict[Level, Decimal]:
    """What each level would hold; None among `values` means the general value again."""
    found = {}
    for level in levels:
        value = level.value
        if level.rule_id == rule and level.key in values:
            own = values[level.key]
            value = level.general if own is None else own
        if value is not None:
            found[level] = value
    return found


def problems(
    levels: Sequence[Level], rule: uuid.UUID, values: Mapping[Key, Decimal | None], bounds: Bounds
) -> list[str]:
    """Sentences for the person who typed it; empty when it may be so."""
    now, then = after(levels, rule, {}), after(levels, rule, values)
    return [
        *_implausible(values, bounds),
        *_out_of_order(levels, rule, then),
        *_crossed_over(then),
        *_switched_off(now, then),
    ]


def laxer(levels: Sequence[Level], rule: uuid.UUID, values: Mapping[Key, Decimal | None]) -> bool:
    """Would any of these let pass what the programmes would not? That is a clinician's decision."""
    return any(
        level.rule_id == rule and (value := values.get(level.key)) is not None and level.laxer(value)
        for level in levels
    )


def _implausible(values: Mapping[Key, Decimal | None], bounds: Bounds) -> list[str]:
    found = []
    for metric in sorted({metric for metric, _, _ in values}):
        low, high = bounds[metric]
        typed = [value for (of, _, _), value in values.items() if of == metric and value is not None]
        if any(not low <= value <= high for value in typed):
            found.append(f"A value from {low} to {high} can be measured; beyond that the limit would never be reached.")
    return found


def _out_of_order(levels: Sequence[Level], rule: uuid.UUID, then: Mapping[Level, Decimal]) -> list[str]:
    """Of one rule, what is more severe lies further out. An own target beside general levels hides them: no order."""
    found = []
    own_only = {(x.metric, x.upper) for x in levels if x.rule_id == rule and x.general is None and x in then}
    sides: dict[tuple[str, bool], list[tuple[int, Decimal]]] = defaultdict(list)
    for level, value in then.items():
        if level.rule_id == rule and (level.metric, level.upper) not in own_only:
            sides[level.metric, level.upper].append((RANK.index(level.severity), value))
    for (_, upper), ranked in sorted(sides.items()):
        for rank, value in ranked:
            inner = [v for r, v in ranked if r < rank and (v > value if upper else v < value)]
            if inner:
                beyond = "above" if upper else "below"
                found.append(f"The {RANK[rank]} limit lies at or {beyond} the less severe one ({inner[0]}).")
    return found


def _crossed_over(then: Mapping[Level, Decimal]) -> list[str]:
    """Upper limits stay above lower ones, whichever rule they belong to: else every reading would cross one."""
    found = []
    single = [(level, value) for level, value in then.items() if level.kind == "crossing"]
    for metric in sorted({level.metric for level, _ in single}):
        upper = [value for level, value in single if level.metric == metric and level.upper]
        lower = [value for level, value in single if level.metric == metric and not level.upper]
        if upper and lower and min(upper) <= max(lower):
            found.append(f"Every upper limit has to be above every lower one ({max(lower)}), else each reading alerts.")
    return found


def _switched_off(now: Mapping[Level, Decimal], then: Mapping[Level, Decimal]) -> list[str]:
    had, has = ({(x.metric, x.upper) for x in of if x.severity == "high"} for of in (now, then))
    return ["A high limit can be moved, never switched off."] if had - has else []

"""A changed rule as it is typed: levels like `systolic_mmhg>=170:high@pregnancy`, parameters like `windows=7`."""

import re
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import rich_click as click

from server.errors import Invalid
from server.monitoring.backtest import Proposed, ProposedLevel
from server.monitoring.findings import Severity, Side
from server.monitoring.parameters import Parameters
from server.monitoring.points import METRICS

SIDES: dict[str, Side] = {">=": "at_or_above", ">": "above", "<=": "at_or_below", "<": "below"}
LEVEL = re.compile(
    r"(?P<metric>\w+)(?P<side>>=|<=|>|<)(?P<value>\d+(\.\d+)?|off):(?P<severity>high|medium|low)(@(?P<programme>\w+))?"
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A level as it was typed; `value` None takes it away."""

    metric: str
    side: Side
    severity: Severity
    value: Decimal | None
    programme: str | None

    def replaces(self, level: ProposedLevel, programme: uuid.UUID | None) -> bool:
        here = (level.metric, level.side, level.severity, level.programme_id)
        return here == (self.metric, self.side, self.severity, programme)


def level(typed: str) -> Asked:
    parts = LEVEL.fullmatch(typed.replace(" ", ""))
    if parts is None:
        raise click.UsageError(f"--set {typed!r} is no level. Write it like 'systolic_mmhg>=170:high'.")
    if parts["metric"] not in METRICS:
        raise click.UsageError(f"--set {typed!r}: {parts['metric']} is not measured. Known: {', '.join(METRICS)}.")
    return Asked(
        metric=parts["metric"], side=SIDES[parts["side"]], severity=parts["severity"],  # type: ignore[arg-type]
        value=None if parts["value"] == "off" else Decimal(parts["value"]), programme=parts["programme"],
    )  # fmt: skip


def changed(
    current: Proposed, asked: Sequence[Asked], programmes: Mapping[str, uuid.UUID]
) -> tuple[ProposedLevel, ...]:
    """The levels in force, each that was named in its place; a new one is added."""
    levels = list(current.levels)
    for one in asked:
        if one.programme is not None and one.programme not in programmes:
            raise Invalid(f"There is no programme {one.programme!r}. Known: {', '.join(sorted(programmes))}.")
        programme = programmes[one.programme] if one.programme else None
        kept = [level for level in levels if not one.replaces(level, programme)]
        if one.value is None:
            if len(kept) == len(levels):
                raise Invalid(f"The rule has no level of {one.metric}, {one.side}, {one.severity} to take away.")
            levels = kept
            continue
        level = ProposedLevel(
            metric=one.metric, side=one.side, severity=one.severity, value=one.value, programme_id=programme
        )
        levels = [*kept, level]
    return tuple(levels)


def with_parameters(parameters: Parameters | None, changes: Sequence[str]) -> Parameters | None:
    """The parameters with what was named in their place: JSON where it is some, else words."""
    if not changes:
        return parameters
    if parameters is None:
        raise Invalid("This rule is judged with each reading and has no parameters: change its levels with --set.")
    known: dict[str, Any] = msgspec.to_builtins(parameters)
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or name == "kind" or name not in known:
            names = ", ".join(sorted(set(known) - {"kind"}))
            raise Invalid(f"--with {change!r}: write NAME=VALUE with a name of: {names}.")
        known[name] = _value(value)
    try:
        return msgspec.convert(known, type(parameters), strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"--with {' '.join(changes)}: {error}.") from None


def _value(typed: str) -> Any:
    try:
        return msgspec.json.decode(typed)
    except msgspec.DecodeError:
        return typed

"""What a version of a rule or of a programme says: the content that is drafted, compared and approved as one."""

import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from server.monitoring.findings import Severity, Side
from server.monitoring.parameters import Parameters

UPPER: tuple[Side, ...] = ("at_or_above", "above")
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high")


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """`value` in the metric's canonical unit; None: only a patient's own limit applies. `programme` None: everybody."""

    metric: str
    side: Side
    severity: Severity
    value: Decimal | None
    programme: uuid.UUID | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """One level of each kind for each programme."""
        return (str(self.programme or ""), self.metric, self.side, self.severity)


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """What staff of one programme read beside the rule's own text."""

    programme: uuid.UUID
    explains: str
    source: str


class RuleContent(msgspec.Struct, frozen=True, kw_only=True, tag="rule"):
    """`parameters` is None for a rule judged with each reading. `programmes` are those whose patients it judges."""

    explains: str
    source: str
    levels: tuple[Level, ...]
    parameters: Parameters | None = None
    protocols: tuple[Protocol, ...] = ()
    programmes: tuple[uuid.UUID, ...] = ()


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement is expected between these times ("05:00", "24:00") of the patient's own clock; 0 is Monday."""

    vital: str
    opens: str
    closes: str
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)


class ProgrammeContent(msgspec.Struct, frozen=True, kw_only=True, tag="programme"):
    """`page_waits_minutes`: how long a blood-pressure page may wait for the patient's own answer."""

    explains: str
    source: str
    around_the_clock: bool
    page_waits_minutes: int
    expected: tuple[Expected, ...] = ()


Content = RuleContent | ProgrammeContent


def decode(stored: Any) -> Content:
    """Of a draft's `proposed`, as the database hands it over."""
    content: Content = msgspec.convert(stored, Content)
    return content


def rule(
    explains: str, source: str, levels: Iterable[Level], parameters: Parameters | None,
    protocols: Iterable[Protocol], programmes: Iterable[uuid.UUID],
) -> RuleContent:  # fmt: skip
    """In one order, so that contents that say the same are equal."""
    return RuleContent(
        explains=explains.strip(), source=source.strip(), levels=tuple(sorted(levels, key=lambda one: one.key)),
        parameters=parameters, protocols=tuple(sorted(protocols, key=lambda one: one.programme)),
        programmes=tuple(sorted(set(programmes))),
    )  # fmt: skip


def programme(
    explains: str, source: str, *, around_the_clock: bool, page_waits_minutes: int, expected: Iterable[Expected]
) -> ProgrammeContent:
    """In one order, as a rule is."""
    return ProgrammeContent(
        explains=explains.strip(), source=source.strip(), around_the_clock=around_the_clock,
        page_waits_minutes=page_waits_minutes,
        expected=tuple(sorted(expected, key=lambda one: (one.vital, one.opens, one.closes))),
    )  # fmt: skip


def reaches_high(content: RuleContent, programme: uuid.UUID | None) -> bool:
    """Can it open a high alert by these levels? A level without a number does by a patient's own limit."""
    by_parameters = programme is None and getattr(content.parameters, "severity", None) == "high"
    return by_parameters or any(one.severity == "high" and one.programme == programme for one in content.levels)

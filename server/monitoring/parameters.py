"""What a rule over a patient's series asks for, beside its levels: data of the rule's version, one shape per kind."""

from decimal import Decimal

import msgspec

from server.monitoring.findings import Severity


class Average(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="average"):
    """The mean of a week crosses a level. A week that has less is "not enough readings", never a number.

    Of `every_weeks` weeks one is told at most: a home average guides treatment, it is no event.
    """

    at_least_days: int = 3
    at_least_readings: int = 12
    discard_first_day: bool = False  # the European variant
    every_weeks: int = 4


class Count(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="count"):
    """`at_least` readings cross a level within `days` local days."""

    at_least: int
    days: int


class Sustained(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="sustained"):
    """The means of so many measured days in a row cross a level."""

    days: int


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A gain of `gain` (the metric's canonical unit) or more within `days` local days."""

    days: int
    gain: Decimal


class Trend(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="trend"):
    """A reading is so much above the lowest of the days before, measured by the same device."""

    spans: tuple[Span, ...]
    severity: Severity = "medium"


class Flagged(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="flag"):
    """The device set this flag: once per local day."""

    flag: str
    severity: Severity = "medium"


class Missing(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="missing"):
    """So many expected measurements in a row did not come."""

    windows: int
    severity: Severity = "low"


Parameters = Average | Count | Sustained | Trend | Flagged | Missing


def decode(raw: str | bytes) -> Parameters | None:
    """Of a version's `parameters`; None for a crossing, which needs none."""
    return None if raw in ("{}", b"{}") else msgspec.json.decode(raw, type=Parameters)


def encode(parameters: Parameters | None) -> str:
    return "{}" if parameters is None else msgspec.json.encode(parameters).decode()

"""A number that a person typed: in the unit it can only have meant, or in doubt with all it could mean. Pure.

"81" of somebody who usually weighs 81 kg is kilograms; "180" of somebody unknown may be 180 kg or 180 lb and is asked
back; a sugar of 5.5 can only be mmol/L, one of 110 only mg/dL, one of 25 is a crisis either way and still unclear.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import msgspec

from devices import quality
from devices.decoded import DecodedReading, OutOfRange
from devices.meanings import meanings, possible_body
from devices.quality import SPREADS
from devices.units import KINDS, METRICS, canonical

Values = Mapping[str, Decimal]
Unclear = Literal["unit", "impossible", "half", "kind"]
OWN_UNIT = {"pulse"}  # beside a pressure it keeps its own
ONE_UNIT = {"blood_pressure": "mm[Hg]"}  # "18/12" without a unit is no kPa: it may be 180/120


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """Certain when `why` is None: then `possible` has one entry (none for a meter's HI or LO), canonical by column."""

    kind: str
    possible: tuple[Values, ...]
    why: Unclear | None = None
    out_of_range: OutOfRange | None = None
    outlier: bool = False

    @property
    def values(self) -> dict[str, Decimal]:
        return dict(self.possible[0]) if self.possible else {}


def meant(kind: str, numbers: Values, unit: str | None, beyond: OutOfRange | None, usual: Values) -> Meant:
    """What these numbers say, keyed by metric as in `units`; `usual` is the patient's own median by column."""
    if beyond is not None:
        return Meant(kind=kind, possible=(), out_of_range=beyond)
    if kind not in KINDS:
        return Meant(kind=kind, possible=(), why="kind")
    if missing := set(KINDS[kind][0]) - numbers.keys():
        known = _in_unit({name: numbers[name] for name in numbers if name not in missing}, unit)
        return Meant(kind=kind, possible=(known,) if known else (), why="half")
    candidates = [values for one in _units(kind, unit) if (values := _in_unit(numbers, one)) is not None]
    possible = [values for n, values in enumerate(candidates) if possible_body(values) and values not in candidates[:n]]
    if not possible:
        return Meant(kind=kind, possible=tuple(_as_typed(kind, numbers, usual)), why="impossible")
    if unit is None and len(possible) > 1:
        possible = _usual(possible, usual) or possible
    if len(possible) > 1 or quality.unit_doubt(possible[0], usual):
        return Meant(kind=kind, possible=tuple(possible), why="unit")
    return Meant(kind=kind, possible=(possible[0],), outlier=quality.outlying(possible[0], usual))


def _units(kind: str, unit: str | None) -> list[str]:
    """The unit that was written, else each that the kind can have."""
    if unit is not None:
        return [unit]
    return [ONE_UNIT[kind]] if kind in ONE_UNIT else list(METRICS[KINDS[kind][0][0]].accepts)


def _in_unit(numbers: Values, unit: str | None) -> Values | None:
    """By column; None when the unit is none of this kind's."""
    found = {}
    for name, value in numbers.items():
        converted = canonical(name, value, None if name in OWN_UNIT and unit not in METRICS[name].accepts else unit)
        if converted is None:
            return None
        found[METRICS[name].column] = converted
    return found


def _as_typed(kind: str, numbers: Values, usual: Values) -> list[Values]:
    """What no body shows, as whatever it could have been: doubt never silences."""
    values = {METRICS[name].column: value for name, value in numbers.items()}
    return meanings(DecodedReading(kind=kind, values=values), usual)


def _usual(possible: list[Values], usual: Values) -> list[Values]:
    """The one that is near to what this person usually has while no other is; else none."""
    near = [values for values in possible if _within(values, usual, near=True)]
    other = [values for values in possible if values not in near and _within(values, usual, near=False)]
    return near if len(near) == 1 and not other else []


def _within(values: Values, usual: Values, *, near: bool) -> bool:
    for column, value in values.items():
        if (known := usual.get(column)) is None:
            return False
        ratio = SPREADS[column].near if near else SPREADS[column].far
        if not (value <= known * ratio and known <= value * ratio):
            return False
    return True

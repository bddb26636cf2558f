"""Open mHealth and IEEE 1752 data points (`{"header", "body"}`), and bare bodies, as their schemas define them.

A bare body does not say which version it follows: then what any version allows is allowed. A statistic over a time
(average, minimum …) is a reading flagged with its name; a count or a variance is none.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from devices.decoded import DecodedReading, Entry
from devices.formats.making import Cannot, When, each, make, read, when

Statistic = Literal[
    "average", "count", "maximum", "median", "minimum", "standard deviation", "sum", "variance", "20th percentile",
    "80th percentile", "lower quartile", "upper quartile", "quartile deviation", "1st quintile", "2nd quintile",
    "3rd quintile", "4th quintile",
]  # fmt: skip
NO_VALUES = {"count", "standard deviation", "sum", "variance", "quartile deviation"}
Meal = Literal[
    "fasting", "not fasting", "before meal", "after meal", "before breakfast", "after breakfast", "before lunch",
    "after lunch", "before dinner", "after dinner", "2 hours postprandial", "not related to meals", "with meal",
    "with food",
]  # fmt: skip
Part = Literal["morning", "afternoon", "evening", "night"]
HOURS: dict[Part, str] = {"morning": "08", "afternoon": "14", "evening": "19", "night": "23"}
Version = tuple[int, int]
ANY: Version = (0, 0)


class UnitValue(msgspec.Struct):
    value: Decimal
    unit: str


class Interval(msgspec.Struct):
    start_date_time: str | None = None
    end_date_time: str | None = None
    duration: UnitValue | None = None
    date: str | None = None
    part_of_day: Part | None = None


class TimeFrame(msgspec.Struct):
    date_time: str | None = None
    time_interval: Interval | None = None


class Body(msgspec.Struct):
    """The bodies of six schemas in one: which numbers it holds tells which it is."""

    systolic_blood_pressure: UnitValue | None = None
    diastolic_blood_pressure: UnitValue | None = None
    blood_glucose: UnitValue | None = None
    body_weight: UnitValue | None = None
    heart_rate: UnitValue | None = None
    oxygen_saturation: UnitValue | None = None
    body_temperature: UnitValue | None = None
    supplemental_oxygen_flow_rate: UnitValue | None = None
    effective_time_frame: TimeFrame | None = None
    descriptive_statistic: Statistic | None = None
    temporal_relationship_to_meal: Meal | None = None
    temporal_relationship_to_sleep: Literal["before sleeping", "during sleep", "on waking"] | None = None
    temporal_relationship_to_physical_activity: (
        Literal["at rest", "active", "before exercise", "after exercise", "during exercise"] | None
    ) = None
    blood_specimen_type: Literal["whole blood", "plasma", "serum"] | None = None
    specimen_source: (
        Literal[
            "breath", "capillary blood", "interstitial fluid", "lacrimal fluid", "plasma", "saliva", "serum", "sweat",
            "tears", "urine", "whole blood",
        ]
        | None
    ) = None  # fmt: skip


class SchemaId(msgspec.Struct):
    namespace: str
    name: str
    version: str


class Provenance(msgspec.Struct):
    source_name: str
    modality: Literal["sensed", "self-reported"] | None = None


class Header(msgspec.Struct):
    schema_id: SchemaId
    id: str | None = None
    uuid: str | None = None
    creation_date_time: str | None = None
    source_creation_date_time: str | None = None
    modality: Literal["sensed", "self-reported"] | None = None
    acquisition_provenance: Provenance | None = None


class Point(msgspec.Struct):
    header: Header | msgspec.UnsetType = msgspec.UNSET
    body: Body | msgspec.UnsetType = msgspec.UNSET


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """One vital sign's schema: its fields with our metrics and units, and what its later versions demand."""

    kind: str
    fields: dict[str, str]
    units: dict[str, tuple[str, str]]  # the schema's unit → (what one of it is, our unit)
    time_since: Version
    exact_since: Version = (9, 9)  # from here on `date` + `part_of_day` is no time any more


MASSES = {
    "kg": ("1", "kg"), "g": ("1", "g"), "mg": ("0.001", "g"), "lb": ("1", "lb"), "oz": ("28.349523125", "g"),
    "Metric Ton": ("1000", "kg"), "Ton": ("907.18474", "kg"),
}  # fmt: skip
DEGREES = {"C": ("1", "C"), "F": ("1", "F")}
SCHEMAS: dict[str, Schema] = {
    "blood-pressure": Schema(
        kind="blood_pressure", units={"mmHg": ("1", "mmHg")}, time_since=(3, 0), exact_since=(4, 0),
        fields={"systolic_blood_pressure": "systolic", "diastolic_blood_pressure": "diastolic"},
    ),
    "blood-glucose": Schema(
        kind="glucose", fields={"blood_glucose": "glucose"}, time_since=(3, 0), exact_since=(4, 0),
        units={"mg/dL": ("1", "mg/dL"), "mmol/L": ("1", "mmol/L")},
    ),
    "body-weight": Schema(
        kind="weight", fields={"body_weight": "weight"}, units=MASSES, time_since=(2, 0), exact_since=(3, 0)
    ),
    "heart-rate": Schema(
        kind="pulse", fields={"heart_rate": "pulse"}, units={"beats/min": ("1", "/min")}, time_since=(2, 0)
    ),
    "oxygen-saturation": Schema(
        kind="spo2", fields={"oxygen_saturation": "spo2"}, units={"%": ("1", "%")}, time_since=(2, 0)
    ),
    "body-temperature": Schema(
        kind="temperature", fields={"body_temperature": "temperature"}, units=DEGREES, time_since=(3, 0),
        exact_since=(4, 0),
    ),
}  # fmt: skip

CONTEXTS = {"fasting": "fasting", "2 hours postprandial": "after_meal"}

_point = msgspec.json.Decoder(Point)
_body = msgspec.json.Decoder(Body)


def decode(payload: bytes) -> list[Entry]:
    """Each data point's reading; what its schema would not accept is refused."""
    return each(payload, _reading)


def _reading(raw: bytes) -> DecodedReading:
    point = read(_point, raw)
    if point.header is msgspec.UNSET and point.body is msgspec.UNSET:
        return _bare(read(_body, raw))
    if point.header is msgspec.UNSET or point.body is msgspec.UNSET:
        raise Cannot("malformed")
    header, schema = point.header, SCHEMAS.get(point.header.schema_id.name)
    _check(header)
    if schema is None:
        raise Cannot("unknown_schema")
    provenance = header.acquisition_provenance
    modality = header.modality or (provenance.modality if provenance else None)
    flags = ("self_reported",) if modality == "self-reported" else ()
    return _of_body(point.body, schema, _version(header.schema_id.version), flags)


def _check(header: Header) -> None:
    """Open mHealth asks for id and creation time, IEEE 1752 names them otherwise."""
    identity = header.id if header.id is not None else header.uuid
    created = header.creation_date_time or header.source_creation_date_time
    if identity is None or created is None or when(created).at is None:
        raise Cannot("malformed")


def _version(text: str) -> Version:
    major, _, minor = text.partition(".")
    if not (major.isascii() and major.isdigit() and len(text) <= 8):
        raise Cannot("malformed")
    return int(major), int(minor) if minor.isascii() and minor.isdigit() else 0


def _bare(body: Body) -> DecodedReading:
    for schema in SCHEMAS.values():
        if any(getattr(body, field) is not None for field in schema.fields):
            pressure_of_today = schema.kind == "blood_pressure" and body.temporal_relationship_to_physical_activity
            return _of_body(body, schema, (4, 0) if pressure_of_today else ANY, ())
    raise Cannot("unknown_schema")


def _of_body(body: Body, schema: Schema, version: Version, flags: tuple[str, ...]) -> DecodedReading:
    at = _moment(body.effective_time_frame, schema, version)
    if body.descriptive_statistic in NO_VALUES:
        raise Cannot("not_a_reading")
    if body.supplemental_oxygen_flow_rate and body.supplemental_oxygen_flow_rate.unit != "L/min":
        raise Cannot("unknown_unit")
    numbers = {}
    for field, metric in schema.fields.items():
        sent: UnitValue | None = getattr(body, field)
        if sent is None:
            raise Cannot("value_missing")
        if sent.unit not in schema.units:
            raise Cannot("unknown_unit")
        one, unit = schema.units[sent.unit]
        numbers[metric] = (sent.value if one == "1" else _product(sent.value, one), unit)
    if body.descriptive_statistic:
        flags = (*flags, body.descriptive_statistic.replace(" ", "_"))
    if body.supplemental_oxygen_flow_rate and body.supplemental_oxygen_flow_rate.value:
        flags = (*flags, "on_oxygen")
    return make(schema.kind, numbers, at, flags=flags, context=_context(body.temporal_relationship_to_meal))


def _product(value: Decimal, factor: str) -> Decimal:
    if not value.is_finite() or value.adjusted() > 15:
        raise Cannot("malformed")
    return value * Decimal(factor)


def _moment(frame: TimeFrame | None, schema: Schema, version: Version) -> When:
    """A point, or the later end of an interval; `date` + `part_of_day` is about then on the patient's clock."""
    if frame is None:
        if version >= schema.time_since:
            raise Cannot("time_missing")
        return When()
    if frame.date_time is not None:
        return when(frame.date_time)
    interval = frame.time_interval
    if interval is None:
        raise Cannot("unreadable_time")
    if interval.start_date_time and interval.end_date_time:
        when(interval.start_date_time)
        return when(interval.end_date_time)
    if interval.duration and (interval.start_date_time or interval.end_date_time):
        return when(interval.end_date_time or interval.start_date_time)
    if interval.date and interval.part_of_day and version < schema.exact_since and len(interval.date) == 10:
        at = when(f"{interval.date}T{HOURS[interval.part_of_day]}:00:00")
        return msgspec.structs.replace(at, flags=("time_approximate",))
    raise Cannot("unreadable_time")


def _context(meal: Meal | None) -> str | None:
    if meal is None:
        return None
    if meal.startswith(("before ", "after ")):
        return "before_meal" if meal.startswith("before") else "after_meal"
    return CONTEXTS.get(meal)

"""FHIR R4: one Observation or a Bundle of them, in LOINC or IEEE 11073 codes, as gateways and apps send it.

Follows HL7's Personal Health Device guide: a gateway writes `effective` on its own corrected time line, beside an
Observation of both clocks (coincident time stamp); one that says "time fault" makes stored times worthless.
Patients and performers are never read: the loan says whose reading it is.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from devices.decoded import DecodedReading, Entry, OutOfRange, Refused
from devices.formats import fhir_codes as codes
from devices.formats.fhir_bundle import Clock, Coding, Component, Observation, Surroundings, observations
from devices.formats.making import Cannot, When, make, read, when

_observation = msgspec.json.Decoder(Observation)
Numbers = dict[str, tuple[Decimal, str | None]]


def decode(payload: bytes) -> list[Entry]:
    """A reading for each Observation of a vital sign; resources around them are read and not counted."""
    found = observations(payload)
    if isinstance(found, Refused):
        return [Entry(raw=payload, decoded=found)]
    raws, around = found
    return [Entry(raw=raw, decoded=_decode_one(raw, around)) for raw in raws]


def _decode_one(raw: bytes, around: Surroundings) -> DecodedReading | Refused:
    try:
        return _reading(read(_observation, raw), around)
    except Cannot as cannot:
        return Refused(reason=cannot.reason)


def _reading(said: Observation, around: Surroundings) -> DecodedReading:
    _refuse_withdrawn(said)
    parts = [Component(
        code=said.code, valueQuantity=said.valueQuantity, dataAbsentReason=said.dataAbsentReason,
    ), *said.component]  # fmt: skip
    numbers, out, flags = _numbers(parts)
    kind = _kind(said, numbers, out)
    clock = around.clock_of(said)
    return make(
        kind, numbers, _moment(said, clock), flags=[*flags, *_flags(said), *(clock.flags if clock else ())],
        source=around.source(said.device), out_of_range=out, context=_meal(said.component),
    )  # fmt: skip


def _refuse_withdrawn(said: Observation) -> None:
    if said.resourceType != "Observation":
        raise Cannot("not_an_observation")
    if said.status in codes.WITHDRAWN:
        raise Cannot("entered_in_error")
    statuses = {coding.code for concept in said.interpretation for coding in concept.coding}
    if statuses & codes.STATUS_TEST:
        raise Cannot("test_data")
    if statuses & codes.STATUS_FAILED:
        raise Cannot("failed_measurement")
    named = {_mdc(coding) for coding in said.code.coding}
    if codes.CONTROL_SOLUTION in named:
        raise Cannot("control_solution")
    if any(coding.system == codes.MDC and _mdc(coding, 1) in codes.CLOCKS for coding in said.code.coding):
        raise Cannot("clock_only")


def metric_of(codings: Iterable[Coding]) -> str | None:
    """Our name of what is measured; the first coding we know decides."""
    for coding in codings:
        if coding.system == codes.LOINC and coding.code in codes.BY_LOINC:
            return codes.BY_LOINC[coding.code]
        if coding.system == codes.MDC and (found := codes.BY_MDC.get(_mdc(coding) or 0)):
            return found
    return None


def _mdc(coding: Coding, partition: int = codes.SCADA) -> int | None:
    return codes.code32(coding.code or "", partition) if coding.system == codes.MDC else None


def _numbers(parts: Iterable[Component]) -> tuple[Numbers, OutOfRange | None, list[str]]:
    """Metric → number and unit; a glucose without a number because it was beyond the meter; flags of comparators."""
    numbers: Numbers = {}
    out: OutOfRange | None = None
    flags: list[str] = []
    for part in parts:
        metric = metric_of(part.code.coding)
        if metric is None:
            continue
        side = _beyond(part)
        if side is not None and metric == "glucose":
            out = side
        elif part.valueQuantity is not None and part.valueQuantity.value is not None:
            numbers[metric] = part.valueQuantity.value, _unit(part, metric)
            flags += [f"reported_{side}"] if side else []
        elif part.dataAbsentReason is not None and metric != "pulse":
            raise Cannot("failed_measurement")
    return numbers, out, flags


def _beyond(part: Component) -> OutOfRange | None:
    reasons = part.dataAbsentReason.coding if part.dataAbsentReason else []
    for coding in reasons:
        if coding.code in codes.INFINITE:
            return codes.INFINITE[coding.code]
    comparator = part.valueQuantity.comparator if part.valueQuantity else None
    return codes.COMPARED.get(comparator or "")


def _unit(part: Component, metric: str) -> str | None:
    quantity = part.valueQuantity
    assert quantity is not None
    if quantity.system == codes.MDC:
        return codes.MDC_UNITS.get(codes.code32(quantity.code or "", codes.SUPERVISORY_DIMENSIONS) or 0, "?")
    unit = quantity.code or quantity.unit
    if unit is None and metric not in codes.ONE_UNIT_ONLY:
        raise Cannot("unknown_unit")
    return unit


def _kind(said: Observation, numbers: Numbers, out: OutOfRange | None) -> str:
    panel = any((coding.system, coding.code) in codes.PRESSURE_PANELS for coding in said.code.coding)
    if panel or "systolic" in numbers or "diastolic" in numbers:
        return "blood_pressure"
    if out is not None:
        return "glucose"
    for kind in ("glucose", "weight", "spo2", "temperature", "pulse"):
        if kind in numbers:
            return kind
    if said.dataAbsentReason is not None:
        raise Cannot("failed_measurement")
    raise Cannot("value_missing" if metric_of(said.code.coding) else "unknown_code")


def _moment(said: Observation, clock: Clock | None) -> When:
    period = said.effectivePeriod
    text = said.effectiveDateTime or said.effectiveInstant or ((period.end or period.start) if period else None)
    at = when(text)
    if clock is not None and clock.fault and not _after(at.at, clock.at):
        return When(raw=at.raw)
    return at


def _after(at: datetime | None, other: datetime | None) -> bool:
    """True when measured while connected: then the gateway's own clock stamped it."""
    if at is None or other is None or (at.tzinfo is None) != (other.tzinfo is None):
        return False
    return at >= other


def _flags(said: Observation) -> list[str]:
    named = {coding.code for concept in said.interpretation for coding in concept.coding}
    flags = [flag for code, flag in codes.STATUS_FLAGS.items() if code in named]
    if said.status in codes.UNFINISHED:
        flags.append("preliminary")
    if any(coding.code in codes.AVERAGES for coding in said.code.coding if coding.system == codes.LOINC):
        flags.append("averaged")
    for code in _values(said.component, codes.SUPPLEMENTAL, 1):
        flags.append(codes.SUPPLEMENTAL_FLAGS.get(code, "supplemental"))
    return flags


def _meal(components: Iterable[Component]) -> str | None:
    for code in _values(components, codes.MEAL, 128):
        return codes.MEALS.get(code)
    return None


def _values(components: Iterable[Component], wanted: int, partition: int) -> list[int]:
    """The coded values of components that carry this MDC code."""
    return [
        code32
        for part in components
        if part.valueCodeableConcept and any(_mdc(c, partition) == wanted for c in part.code.coding)
        for coding in part.valueCodeableConcept.coding
        if (code32 := _mdc(coding, codes.SCADA if wanted == codes.SUPPLEMENTAL else partition)) is not None
    ]

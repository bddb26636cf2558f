"""What stands around an Observation in a Bundle: its bytes, the devices it names, and the clocks they were read by."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from devices.decoded import Refused
from devices.formats import fhir_codes as codes
from devices.formats.making import BIGGEST_PAYLOAD, ENTRIES_AT_MOST, Cannot, device_id, when
from devices.formats.native import UNREADABLE

COINCIDENT = "http://hl7.org/fhir/uv/phd/StructureDefinition/CoincidentTimeStampReference"


class Coding(msgspec.Struct):
    system: str | None = None
    code: str | None = None


class Concept(msgspec.Struct):
    coding: Annotated[list[Coding], Meta(max_length=20)] = []


class Quantity(msgspec.Struct):
    value: Decimal | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None
    comparator: str | None = None


class Period(msgspec.Struct):
    start: str | None = None
    end: str | None = None


class Identifier(msgspec.Struct):
    value: str | None = None


class Reference(msgspec.Struct):
    reference: str | None = None
    identifier: Identifier | None = None


class Extension(msgspec.Struct):
    url: str = ""
    valueReference: Reference | None = None


class Component(msgspec.Struct):
    code: Concept
    valueQuantity: Quantity | None = None
    valueCodeableConcept: Concept | None = None
    dataAbsentReason: Concept | None = None


class Observation(msgspec.Struct):
    """The fields we read; whatever else a resource holds is skipped unseen."""

    resourceType: str
    code: Concept
    id: str | None = None
    status: str | None = None
    effectiveDateTime: str | None = None
    effectiveInstant: str | None = None
    effectivePeriod: Period | None = None
    valueQuantity: Quantity | None = None
    valueDateTime: str | None = None
    dataAbsentReason: Concept | None = None
    interpretation: Annotated[list[Concept], Meta(max_length=20)] = []
    component: Annotated[list[Component], Meta(max_length=50)] = []
    subject: Reference | None = None
    device: Reference | None = None
    extension: Annotated[list[Extension], Meta(max_length=50)] = []


class Device(msgspec.Struct):
    resourceType: str
    id: str | None = None
    identifier: Annotated[list[Identifier], Meta(max_length=50)] = []


class Kind(msgspec.Struct):
    resourceType: str
    id: str | None = None


class BundleEntry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw()
    fullUrl: str | None = None


class Bundle(msgspec.Struct):
    entry: list[BundleEntry] = []


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """A coincident time stamp: `fault` when the device lost its time; `at` is the gateway's time of looking."""

    at: datetime | None
    fault: bool
    flags: tuple[str, ...]


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """Devices and clocks by every name a Bundle gives them."""

    devices: dict[str, str | None]
    clocks: dict[str, Clock]

    def source(self, device: Reference | None) -> str | None:
        """The id under which the measuring device would be registered; None when it names none."""
        if device is None:
            return None
        if device.reference in self.devices:
            return self.devices[device.reference]
        if device.identifier is not None and device.identifier.value:
            return device_id(device.identifier.value)
        reference = device.reference or ""
        if reference.startswith(("urn:", "#")):
            return None
        _, is_device, name = reference.rpartition("Device/")
        return device_id(name.partition("/")[0]) if is_device else None

    def clock_of(self, said: Observation) -> Clock | None:
        """The coincident time stamp an Observation points to, else the one of its device."""
        for extension in said.extension:
            if extension.url == COINCIDENT and extension.valueReference is not None:
                return self.clocks.get(extension.valueReference.reference or "")
        return self.clocks.get((said.device.reference if said.device else None) or "")


NOTHING_AROUND = Surroundings(devices={}, clocks={})
_kind = msgspec.json.Decoder(Kind)
_bundle = msgspec.json.Decoder(Bundle)
_device = msgspec.json.Decoder(Device)
_observation = msgspec.json.Decoder(Observation)


def observations(payload: bytes) -> tuple[list[bytes], Surroundings] | Refused:
    """The bytes of each Observation that could be a reading, and what stands around them."""
    if len(payload) > BIGGEST_PAYLOAD:
        return Refused(reason="too_large")
    try:
        kind = _kind.decode(payload).resourceType
        if kind == "Observation":
            return [payload], NOTHING_AROUND
        if kind != "Bundle":
            return Refused(reason="not_an_observation")
        entries = _bundle.decode(payload).entry
    except msgspec.ValidationError:
        return Refused(reason="malformed")
    except UNREADABLE:
        return Refused(reason="not_json")
    if len(entries) > ENTRIES_AT_MOST:
        return Refused(reason="too_many_entries")
    return _sorted_out(entries)


def _sorted_out(entries: list[BundleEntry]) -> tuple[list[bytes], Surroundings] | Refused:
    raws: list[bytes] = []
    around = Surroundings(devices={}, clocks={})
    for entry in entries:
        raw = bytes(entry.resource)
        try:
            head = _kind.decode(raw)
        except UNREADABLE:
            raws.append(raw)  # nobody's resource: refused by its own name, so that it is counted
            continue
        names = [name for name in (entry.fullUrl, f"{head.resourceType}/{head.id}" if head.id else None) if name]
        if head.resourceType == "Device":
            around.devices.update(dict.fromkeys(names, _identity(raw)))
        elif head.resourceType == "Observation" and not _is_clock(raw, names, around.clocks):
            raws.append(raw)
    return (raws, around) if raws else Refused(reason="no_observation")


def _identity(raw: bytes) -> str | None:
    """A device's first identifier (its system id by the guide), else the id the sender gave the resource."""
    try:
        said = _device.decode(raw)
    except UNREADABLE:
        return None
    return device_id(next((i.value for i in said.identifier if i.value), said.id))


def _is_clock(raw: bytes, names: list[str], clocks: dict[str, Clock]) -> bool:
    """True for an Observation of both clocks, which is then kept under its names and its device's."""
    if codes.MDC.encode() not in raw:
        return False
    try:
        said = _observation.decode(raw)
    except UNREADABLE:
        return False
    named = (codes.code32(c.code or "", 1) for c in said.code.coding if c.system == codes.MDC)
    if not any(code in codes.CLOCKS for code in named):
        return False
    try:
        gateway, device = when(said.effectiveDateTime).at, when(said.valueDateTime).at
    except Cannot:
        gateway = device = None
    fault = said.dataAbsentReason is not None
    corrected = gateway is not None and device is not None and str(gateway) != str(device)
    clock = Clock(at=gateway, fault=fault, flags=("clock_fault",) if fault else ("clock_corrected",) * corrected)
    subject = said.subject.reference if said.subject else None
    clocks.update(dict.fromkeys([*names, *([subject] if subject else [])], clock))
    return True

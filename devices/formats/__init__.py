"""Wire formats, one file each, all of the same shape: `decode(payload) -> list[Entry]`, never raising."""

from collections.abc import Callable

from devices.decoded import Entry, Refused
from devices.formats import (
    bodytrace,
    fhir,
    gateways,
    gatt,
    healthkit,
    native,
    open_mhealth,
    senml,
    smart_meter,
    tenovi,
    withings,
)

Decoder = Callable[[bytes], list[Entry]]

DECODERS: dict[str, Decoder] = {
    "native": native.decode,
    "fhir": fhir.decode,
    "gatt": gatt.decode,
    "open_mhealth": open_mhealth.decode,
    "senml": senml.decode,
    "tenovi": tenovi.decode,
    "withings": withings.decode,
    "smart_meter": smart_meter.decode,
    "bodytrace": bodytrace.decode,
    "gateways": gateways.decode,
    "healthkit": healthkit.decode,
}
VENDORS = ("tenovi", "withings", "smart_meter", "bodytrace")  # clouds that post to /ingest/{vendor}
CONTENT_TYPES: dict[str, str] = {
    "application/vnd.careloop+json": "native",
    "application/fhir+json": "fhir",
    "application/vnd.careloop.gatt+json": "gatt",
    "application/vnd.openmhealth+json": "open_mhealth",
    "application/senml+json": "senml",
    **{f"application/vnd.careloop.{vendor}+json": vendor for vendor in VENDORS},  # as /ingest/{vendor} hands them on
}
SLIPS = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def decode(payload: bytes, format_name: str) -> list[Entry]:
    """The entries of a message in the device model's format; an unknown format name reads as native.

    A decoder's own bug refuses the message as `decoder_failed`: one bad message must not stop everybody's.
    """
    try:
        return DECODERS.get(format_name, native.decode)(payload)
    except SLIPS:
        return [Entry(raw=payload, decoded=Refused(reason="decoder_failed"))]


def by_content_type(content_type: str | None) -> str | None:
    """The format an MQTT 5 or HTTP content type names; None when it names none of ours (then the model's counts)."""
    if content_type is None:
        return None
    return CONTENT_TYPES.get(content_type.partition(";")[0].strip().lower())

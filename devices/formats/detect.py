"""Which format a payload is in, told by the names of its fields: for people with a sample in hand.

Ingestion never guesses: there the content type or the device's model says it.
"""

import msgspec

from devices.formats.native import UNREADABLE

MARKS: tuple[tuple[str, frozenset[str]], ...] = (
    ("fhir", frozenset({"resourceType"})),
    ("gatt", frozenset({"characteristic", "value"})),
    ("tenovi", frozenset({"metric", "hwi_device_id"})),
    ("smart_meter", frozenset({"reading_type"})),
    ("withings", frozenset({"measuregrps"})),
    ("withings", frozenset({"grpid", "measures"})),
    ("bodytrace", frozenset({"deviceId", "ts"})),
    ("healthkit", frozenset({"sourceData"})),
    ("native", frozenset({"kind"})),
    ("open_mhealth", frozenset({"header", "body"})),
    ("withings", frozenset({"status", "body"})),
    ("gateways", frozenset({"IMEI"})),
    ("gateways", frozenset({"type", "data"})),
    ("senml", frozenset({"bn"})),
    ("senml", frozenset({"bt"})),
    ("senml", frozenset({"n"})),
)
OPEN_MHEALTH = (
    "blood_pressure", "blood_glucose", "body_weight", "heart_rate", "oxygen_saturation", "body_temperature"
)  # fmt: skip

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_several = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def guess(payload: bytes) -> str | None:
    """The name of the format, or None."""
    try:
        if payload.lstrip().startswith(b"["):
            several = _several.decode(payload)
            fields = set(several[0]) if several else set()
        else:
            fields = set(_fields.decode(payload))
    except UNREADABLE:
        return None
    for name, marks in MARKS:
        if marks <= fields:
            return name
    bodies = any(field.endswith(OPEN_MHEALTH) for field in fields)
    return "open_mhealth" if bodies else None

"""What a health characteristic's fields mean: failed measurements, HI and LO, and status bits as our flags."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from devices.decoded import DecodedReading, OutOfRange
from devices.formats import gatt_bytes, gatt_waves
from devices.formats.gatt_bytes import Measured, Moment, Oximetry
from devices.formats.making import NEVER_TOLD, Cannot, When, make
from devices.formats.native import YEARS

MEALS: dict[int, str] = {1: "before_meal", 2: "after_meal", 3: "fasting", 5: "bedtime"}
CONTROL_SOLUTION = 10  # sample type of 0x2A18
CONTROL_LOCATION = 4
USER_UNKNOWN = 255
SCALE_FAILED = 0xFFFF

PRESSURE_FLAGS = {0: "movement", 1: "cuff_loose", 2: "irregular_pulse", 5: "position"}
PULSE_RANGE = {1: "pulse_above_range", 2: "pulse_below_range"}
GLUCOSE_FLAGS = {
    0: "low_battery", 1: "device_fault", 2: "sample_small", 3: "strip_fault", 4: "strip_fault", 7: "too_warm",
    8: "too_cold", 9: "interrupted", 10: "device_fault", 11: "clock_fault",
}  # fmt: skip
TOO_HIGH, TOO_LOW = 5, 6
OXIMETER_FLAGS = {5: "ongoing", 6: "early_estimate", 9: "from_memory", 12: "calibrating", 14: "questionable"}
OXIMETER_TEST = (10, 11)  # demonstration, testing
OXIMETER_INVALID = (13, 15)  # unavailable, invalid
SENSOR_FLAGS = {
    1: "device_fault", 2: "weak_signal", 3: "weak_signal", 4: "weak_signal", 5: "low_perfusion", 6: "movement",
    8: "questionable", 10: "weak_signal", 13: "position", 14: "device_fault",
}  # fmt: skip
SENSOR_OFF = (7, 11, 15)  # no pulse, not on the finger, disconnected


def set_bits(status: int, names: Mapping[int, str]) -> list[str]:
    return [name for bit, name in names.items() if status >> bit & 1]


def any_of(status: int, bits: tuple[int, ...]) -> bool:
    return any(status >> bit & 1 for bit in bits)


def told(moment: Moment | None, offset_minutes: int = 0) -> When:
    """The device's wall clock; a time it does not know is kept as it wrote it, and counts as none."""
    if moment is None:
        return NEVER_TOLD
    at = moment.at
    if at is None or at.year not in YEARS:
        return When(raw=moment.text)
    return When(at=at + timedelta(minutes=offset_minutes), raw=moment.text)


def valid(measured: Measured) -> Decimal:
    """The number; `Cannot` for every special value: the device could not measure."""
    if not isinstance(measured, Decimal):
        raise Cannot("failed_measurement")
    return measured


def beside(measured: Measured | None) -> dict[str, tuple[Decimal, str | None]]:
    """A pulse that came with another number: left out when it failed, or was zero."""
    return {"pulse": (measured, "/min")} if isinstance(measured, Decimal) and measured else {}


def slot(user: int | None) -> int | None:
    return None if user == USER_UNKNOWN else user


def pressure(data: bytes) -> DecodedReading:
    said = gatt_bytes.pressure(data)
    status = said.status or 0
    flags = [*set_bits(status, PRESSURE_FLAGS), *filter(None, [PULSE_RANGE.get(status >> 3 & 3)])]
    numbers = {"systolic": (valid(said.systolic), said.unit), "diastolic": (valid(said.diastolic), said.unit)}
    return make(
        "blood_pressure", {**numbers, **beside(said.pulse)}, told(said.moment), flags=flags, user_slot=slot(said.user)
    )


def glucose(data: bytes, context: str | None = None) -> DecodedReading:
    """HI or LO comes as a status bit or as an infinite concentration; both are readings without a number."""
    said = gatt_bytes.glucose(data)
    if said.sample == CONTROL_SOLUTION or said.location == CONTROL_LOCATION:
        raise Cannot("control_solution")
    out = _out_of_range(said.concentration, said.status)
    flags = set_bits(said.status, GLUCOSE_FLAGS)
    at = told(said.base, said.offset_minutes or 0)
    if "clock_fault" in flags:
        at = When(raw=at.raw)
    if out is not None:
        return make("glucose", {}, at, flags=flags, out_of_range=out, context=context)
    if said.concentration is None:
        raise Cannot("value_missing")
    number = valid(said.concentration)
    sent = (number * 1000, "mmol/L") if said.unit == "mol/L" else (number * 100_000, "mg/dL")
    return make("glucose", {"glucose": sent}, at, flags=flags, context=context)


def _out_of_range(concentration: Measured | None, status: int) -> OutOfRange | None:
    if status >> TOO_HIGH & 1 or concentration == "+INF":
        return "above"
    return "below" if status >> TOO_LOW & 1 or concentration == "-INF" else None


def weight(data: bytes) -> DecodedReading:
    said = gatt_bytes.weight(data)
    if said.raw == SCALE_FAILED:
        raise Cannot("failed_measurement")
    return make("weight", {"weight": (said.weight, said.unit)}, told(said.moment), user_slot=slot(said.user))


def spot_oximetry(data: bytes) -> DecodedReading:
    return _oximetry(gatt_bytes.spot_oximetry(data))


def continuous_oximetry(data: bytes) -> DecodedReading:
    return _oximetry(gatt_bytes.continuous_oximetry(data))


def _oximetry(said: Oximetry) -> DecodedReading:
    if any_of(said.status, OXIMETER_TEST):
        raise Cannot("test_data")
    if any_of(said.status, OXIMETER_INVALID) or any_of(said.sensor, SENSOR_OFF):
        raise Cannot("failed_measurement")
    flags = [*set_bits(said.status, OXIMETER_FLAGS), *set_bits(said.sensor, SENSOR_FLAGS)]
    at = told(said.moment)
    if said.clock_not_set:
        at, flags = When(raw=at.raw), [*flags, "clock_fault"]
    return make("spo2", {"spo2": (valid(said.spo2), "%"), **beside(said.pulse)}, at, flags=flags)


def temperature(data: bytes) -> DecodedReading:
    said = gatt_bytes.temperature(data)
    return make("temperature", {"temperature": (valid(said.temperature), said.unit)}, told(said.moment))


def heart_rate(data: bytes) -> DecodedReading:
    """A strap without contact to the skin measured nothing."""
    said = gatt_waves.heart_rate(data)
    if said.contact is False or said.rate == 0:
        raise Cannot("failed_measurement")
    return make("pulse", {"pulse": (Decimal(said.rate), "/min")})


def sensed(record: gatt_waves.Sensed) -> DecodedReading:
    """A record of a continuous sensor: it only knows minutes since its session began, so it has no time here."""
    if record.glucose_mgdl in ("+INF", "-INF"):
        out: OutOfRange = "above" if record.glucose_mgdl == "+INF" else "below"
        return make("glucose", {}, flags=("cgm",), out_of_range=out)
    return make("glucose", {"glucose": (valid(record.glucose_mgdl), "mg/dL")}, flags=("cgm",))

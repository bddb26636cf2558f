"""LOINC and IEEE 11073 codes, units and reasons as FHIR carries them, and what each means to us.

MDC codes come as code32 or as the 16-bit term alone: code32 = partition × 65536 + term (2 × 65536 + 29112 = 160184).
Sources: CLINICAL.md's table of vitals; IEEE 11073-10101; HL7's Personal Health Device guide.
"""

from devices.decoded import OutOfRange

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
MDC = "urn:iso:std:iso:11073:10101"
SCADA, SUPERVISORY_DIMENSIONS = 2, 4  # MDC partitions: measurements, units

BY_LOINC: dict[str, str] = {
    "8480-6": "systolic", "8462-4": "diastolic", "96608-5": "systolic", "96609-3": "diastolic",
    "8867-4": "pulse", "59408-5": "spo2", "2708-6": "spo2", "29463-7": "weight", "3141-9": "weight",
    "41653-7": "glucose", "2339-0": "glucose", "2345-7": "glucose", "14743-9": "glucose", "15074-8": "glucose",
    "8310-5": "temperature", "8331-1": "temperature", "8333-7": "temperature",
}  # fmt: skip
BY_MDC: dict[int, str] = {
    150021: "systolic", 150022: "diastolic", 149546: "pulse", 149530: "pulse", 147842: "pulse", 150456: "spo2",
    188736: "weight", 150364: "temperature",
    # glucose in capillary, venous, arterial, undetermined blood and its plasma, and between cells
    **dict.fromkeys((160184, 160188, 160192, 160196, 160200, 160204, 160212, 160364, 160368), "glucose"),
}  # fmt: skip
PRESSURE_PANELS = {(LOINC, "85354-9"), (LOINC, "55284-4"), (LOINC, "96607-7"), (MDC, "150020"), (MDC, "18948")}
AVERAGES = {"96607-7", "96608-5", "96609-3"}
CONTROL_SOLUTION = 160208
CLOCKS = {67975, 67983, 68072, 68226}  # absolute, relative, high-resolution, base-offset time
MEAL = 8417864
MEALS: dict[int, str] = {8417868: "before_meal", 8417872: "after_meal", 8417876: "fasting", 8417908: "bedtime"}
SUPPLEMENTAL = 68193
SUPPLEMENTAL_FLAGS: dict[int, str] = {150580: "fast_response", 150584: "slow_response", 150588: "spot"}

MDC_UNITS: dict[int, str] = {
    266016: "mm[Hg]", 265987: "kPa", 264864: "/min", 262688: "%", 263875: "kg", 263904: "[lb_av]",
    264274: "mg/dL", 266866: "mmol/L", 268192: "Cel", 266560: "[degF]",
}  # fmt: skip

# What a quantity without a unit could not be mistaken for; weight, glucose and temperature have two homes' units.
ONE_UNIT_ONLY = {"systolic", "diastolic", "pulse", "spo2"}

INFINITE: dict[str, OutOfRange] = {"positive-infinity": "above", "negative-infinity": "below"}
COMPARED: dict[str, OutOfRange] = {">": "above", ">=": "above", "<": "below", "<=": "below"}
WITHDRAWN = {"entered-in-error", "cancelled"}
UNFINISHED = {"registered", "preliminary"}

# interpretation codes of HL7's measurement-status
STATUS_FLAGS: dict[str, str] = {
    "in-alarm": "alarm", "questionable": "questionable", "early-indication": "early_estimate",
    "calibration-ongoing": "calibrating", "alarm-inhibited": "alarm_inhibited", "msmt-state-in-alarm": "alarm",
}  # fmt: skip
STATUS_TEST = {"test-data", "demo-data"}
STATUS_FAILED = {"invalid", "not-available"}


def code32(code: str, partition: int = SCADA) -> int | None:
    """An MDC code of either width as code32; None when it is no number."""
    if not (code.isascii() and code.isdigit() and len(code) <= 9):
        return None
    term = int(code)
    return term if term >= 65536 else partition * 65536 + term

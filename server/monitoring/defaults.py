"""The programmes, rules and reminders a new organization starts with: data for clinical sign-off, never code.

Every number names its source; a clinic changes it by a new version of the rule, or for one patient by a
limit of their own.
"""

from typing import Literal

import msgspec

Side = Literal["at_or_above", "above", "at_or_below", "below"]
Severity = Literal["low", "medium", "high"]
Code = Literal["general", "hypertension", "diabetes", "heart_failure", "copd"]

PROGRAMMES: dict[Code, str] = {
    "general": "General monitoring",
    "hypertension": "High blood pressure",
    "diabetes": "Diabetes",
    "heart_failure": "Heart failure",
    "copd": "Chronic lung disease (COPD)",
}

# Everybody is in general monitoring: whatever a patient measures is judged, whichever programme they joined.
EVERYBODY: Code = "general"


class Level(msgspec.Struct, frozen=True):
    """`metric` is a column of reading. Without a value only a patient's own limit applies."""

    metric: str
    side: Side
    severity: Severity
    value: float | None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One clinical concern. `vital` is the reading's kind; `explains` is what staff read on the alert."""

    code: str
    name: str
    vital: str
    explains: str
    source: str
    levels: tuple[Level, ...]
    programmes: tuple[Code, ...] = ("general",)


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    kind: Literal["measurement", "screening"]
    after_days: int
    local_hour: int
    programme: Code | None = None
    measure: str | None = None


AHA = "2025 AHA/ACC high blood pressure guideline, severe hypertension"
ADA = "ADA Standards of Care in Diabetes, levels of hypoglycaemia and hyperglycaemia"
HOUSE = "Careloop default, common remote-monitoring practice"

RULES = (
    Rule(
        code="bp_high",
        name="High blood pressure",
        vital="blood_pressure",
        explains=(
            "Severe range. Ask about chest pain, shortness of breath, back pain, numbness, weakness, or a "
            "change in vision or speech: with any of these, call 911 without waiting. Without symptoms: a second "
            "reading after a rest, then prompt outpatient care."
        ),
        source=AHA,
        levels=(
            Level("systolic_mmhg", "at_or_above", "high", 180),
            Level("diastolic_mmhg", "at_or_above", "high", 120),
        ),
        programmes=("general", "hypertension"),
    ),
    Rule(
        code="bp_low",
        name="Low blood pressure",
        vital="blood_pressure",
        explains="Ask about dizziness, falls and fainting, fluids, and new or changed medication.",
        source=HOUSE,
        levels=(Level("systolic_mmhg", "below", "medium", 90),),
        programmes=("general", "hypertension", "heart_failure"),
    ),
    Rule(
        code="glucose_low",
        name="Low glucose",
        vital="glucose",
        explains=(
            "15 g of fast sugar now, check again in 15 minutes. Confused, drowsy or unable to swallow: call "
            "911. A meter that shows LO has found a value too low to display."
        ),
        source=ADA,
        levels=(Level("glucose_mgdl", "below", "high", 54), Level("glucose_mgdl", "below", "medium", 70)),
        programmes=("general", "diabetes"),
    ),
    Rule(
        code="glucose_high",
        name="High glucose",
        vital="glucose",
        explains=(
            "Ask about thirst, vomiting, belly pain, fast breathing, drowsiness, and missed insulin. "
            "A meter that shows HI has found a value too high to display."
        ),
        source=ADA,
        levels=(
            Level("glucose_mgdl", "at_or_above", "high", 400),
            Level("glucose_mgdl", "above", "medium", 250),
        ),
        programmes=("general", "diabetes"),
    ),
    Rule(
        code="spo2_low",
        name="Low oxygen saturation",
        vital="spo2",
        explains=(
            "Ask about breathlessness, and for a second reading with a warm hand. Oximeters read high on "
            "dark skin. In chronic lung disease the patient's own target applies, never the general numbers."
        ),
        source=HOUSE + "; with a personal target: below its lower end",
        levels=(
            Level("spo2_pct", "at_or_below", "high", 92),
            Level("spo2_pct", "at_or_below", "medium", 94),
            Level("spo2_pct", "below", "high", None),
        ),
        programmes=("general", "heart_failure", "copd"),
    ),
    Rule(
        code="weight_high",
        name="Weight over dry weight",
        vital="weight",
        explains="Possible fluid. Ask about swelling, breathlessness, salt, and missed water tablets.",
        source=HOUSE + "; the patient's own dry weight",
        levels=(Level("weight_kg", "above", "medium", None),),
        programmes=("heart_failure",),
    ),
    Rule(
        code="pulse_low",
        name="Slow pulse",
        vital="pulse",
        explains="Ask about dizziness and fainting, and about medicines that slow the heart.",
        source=HOUSE,
        levels=(Level("pulse_bpm", "below", "medium", 50),),
        programmes=("general", "heart_failure"),
    ),
    Rule(
        code="pulse_high",
        name="Fast pulse",
        vital="pulse",
        explains="Ask about palpitations, chest pain, breathlessness, fever, and whether they had rested.",
        source=HOUSE,
        levels=(Level("pulse_bpm", "above", "medium", 120),),
        programmes=("general", "heart_failure"),
    ),
    Rule(
        code="temperature_high",
        name="Fever",
        vital="temperature",
        explains="Ask about chills, cough, pain, and whether they take medicines that weaken defence.",
        source=HOUSE,
        levels=(
            Level("temperature_c", "above", "high", 39),
            Level("temperature_c", "at_or_above", "medium", 38),
        ),
    ),
    Rule(
        code="temperature_low",
        name="Low body temperature",
        vital="temperature",
        explains="Ask for a second reading, about confusion and shivering, and how warm the home is.",
        source=HOUSE,
        levels=(Level("temperature_c", "below", "high", 35),),
    ),
)  # fmt: skip

# One measurement reminder for everybody, not one per programme: a patient in two programmes gets one text.
REMINDERS = (
    Reminder(code="measurement", kind="measurement", programme=EVERYBODY, after_days=3, local_hour=10),
    Reminder(code="screening_CMS125", kind="screening", measure="CMS125", after_days=30, local_hour=11),
    Reminder(code="screening_CMS130", kind="screening", measure="CMS130", after_days=30, local_hour=11),
)


def spo2_target(lowest_pct: float) -> tuple[Level, ...]:
    """The levels of a patient whose oxygen target begins at `lowest_pct`: below it is high, and nothing else.

    The general levels are moved under it, where they can add nothing; so they hold in no programme.
    """
    return (
        Level("spo2_pct", "below", "high", lowest_pct),
        Level("spo2_pct", "at_or_below", "high", lowest_pct - 1),
        Level("spo2_pct", "at_or_below", "medium", lowest_pct - 1),
    )


def dry_weight(kg: float) -> tuple[Level, ...]:
    """The level of a patient whose weight without extra fluid is `kg`."""
    return (Level("weight_kg", "above", "medium", kg),)

"""The shipped rules judged with each reading, for clinical sign-off. Every number names its source."""

from server.monitoring.defaults.shapes import ACOG, ADA, AHA, HOUSE, Level, Protocol, Rule

CROSSINGS = (
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
        programmes=("general", "hypertension", "heart_failure", "pregnancy", "post_discharge"),
        stricter={
            "pregnancy": (
                Level("systolic_mmhg", "at_or_above", "high", 160),
                Level("diastolic_mmhg", "at_or_above", "high", 110),
                Level("systolic_mmhg", "at_or_above", "medium", 140),
                Level("diastolic_mmhg", "at_or_above", "medium", 90),
            ),
        },
        protocols={
            "pregnancy": Protocol(
                explains=(
                    "Pregnant or within six weeks of birth: 160 or 110 is an emergency, treatment is due within 30 to "
                    "60 minutes. Repeat within 15 minutes without waiting to act. Ask also about headache, vision, "
                    "and upper belly pain."
                ),
                source=ACOG,
            ),
        },
    ),
    Rule(
        code="bp_low",
        name="Low blood pressure",
        vital="blood_pressure",
        explains="Ask about dizziness, falls and fainting, fluids, and new or changed medication.",
        source=HOUSE,
        levels=(Level("systolic_mmhg", "below", "medium", 90),),
        programmes=("general", "hypertension", "heart_failure", "pregnancy", "post_discharge"),
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
        programmes=("general", "heart_failure", "copd", "post_discharge"),
    ),
    Rule(
        code="weight_high",
        name="Weight over dry weight",
        vital="weight",
        explains="Possible fluid. Ask about swelling, breathlessness, salt, and missed water tablets.",
        source=HOUSE + "; the patient's own dry weight",
        levels=(Level("weight_kg", "above", "medium", None),),
        programmes=("heart_failure", "post_discharge"),
    ),
    Rule(
        code="pulse_low",
        name="Slow pulse",
        vital="pulse",
        explains="Ask about dizziness and fainting, and about medicines that slow the heart.",
        source=HOUSE,
        levels=(Level("pulse_bpm", "below", "medium", 50),),
        programmes=("general", "heart_failure", "post_discharge"),
    ),
    Rule(
        code="pulse_high",
        name="Fast pulse",
        vital="pulse",
        explains="Ask about palpitations, chest pain, breathlessness, fever, and whether they had rested.",
        source=HOUSE,
        levels=(Level("pulse_bpm", "above", "medium", 120),),
        programmes=("general", "heart_failure", "post_discharge"),
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

"""The shipped programmes: what each is for, what its patients measure and when, for clinical sign-off."""

from datetime import time

from server.monitoring.defaults.shapes import ACOG, AHA_HOME, HOUSE, Code, Expected, Programme

DAY = (time(5), time(22))
MORNING = (time(5), time(12))
EVENING = (time(16), time(23))


def _daily(vital: str, window: tuple[time, time] = DAY) -> Expected:
    return Expected(vital=vital, opens=window[0], closes=window[1])


PROGRAMMES: dict[Code, Programme] = {
    "general": Programme(
        name="General monitoring",
        explains="Whatever a patient measures is judged by the general limits. Nothing is expected at any time.",
        source=HOUSE,
    ),
    "hypertension": Programme(
        name="High blood pressure",
        explains=(
            "One measurement a day, sitting, after five minutes of rest. Before a visit or a change of medicine: two "
            "readings in the morning and two in the evening for seven days; the average of at least three days guides "
            "treatment, single readings do not."
        ),
        source=AHA_HOME,
        expects=(_daily("blood_pressure"),),
    ),
    "diabetes": Programme(
        name="Diabetes",
        explains=(
            "Fasting glucose each morning, more as the clinician asks. Low glucose is answered first, whatever else "
            "stands: ask whether they drive, live alone, and have fast sugar at hand."
        ),
        source="ADA Standards of Care in Diabetes",
        expects=(_daily("glucose", MORNING),),
    ),
    "heart_failure": Programme(
        name="Heart failure",
        explains=(
            "Weight each morning after the toilet, before breakfast, on the same scale, and blood pressure once a day. "
            "A gain over days is fluid until shown otherwise: ask about swelling, breathlessness, pillows at night."
        ),
        source="AHA/ACC/HFSA heart failure guideline, daily weights; thresholds are settings",
        expects=(_daily("weight", MORNING), _daily("blood_pressure")),
    ),
    "copd": Programme(
        name="Chronic lung disease (COPD)",
        explains=(
            "Oxygen saturation once a day at rest, with a warm hand. The patient's own target counts, never the "
            "general numbers; oximeters read high on dark skin. Ask about breathlessness, sputum and inhalers."
        ),
        source=HOUSE + "; the target is set at enrolment",
        expects=(_daily("spo2"),),
    ),
    "pregnancy": Programme(
        name="High blood pressure in pregnancy, and six weeks after",
        explains=(
            "Blood pressure morning and evening until six weeks after birth. 160 or 110 is an emergency: repeat within "
            "15 minutes without delaying the page, treatment is due within 30 to 60. Ask also about headache, vision "
            "and upper belly pain. Pages never wait in this programme."
        ),
        source=ACOG,
        expects=(_daily("blood_pressure", MORNING), _daily("blood_pressure", EVENING)),
    ),
    "post_discharge": Programme(
        name="After discharge from hospital",
        explains=(
            "Blood pressure, weight and oxygen once a day for thirty days. Ask early about new medicines, dizziness, "
            "swelling, fever and wounds: most readmissions announce themselves within the first two weeks."
        ),
        source=HOUSE,
        expects=(_daily("blood_pressure"), _daily("weight", MORNING), _daily("spo2")),
    ),
}

"""The shipped rules judged over a patient's series of readings, for clinical sign-off."""

from decimal import Decimal

from server.monitoring.defaults.shapes import AHA_HOME, HOUSE, Level, Rule
from server.monitoring.parameters import Average, Count, Flagged, Missing, Span, Sustained, Trend

MISSED = (
    "Expected measurements did not come. A device that was heard means the patient did not measure: call, ask how they "
    "are. A silent device is trouble of the device: charge it, check its network."
)

SERIES = (
    Rule(
        code="bp_average",
        name="Home average above goal",
        vital="blood_pressure",
        explains=(
            "The average of a week is above the goal. It guides treatment: check technique and medicines taken, then "
            "bring it to the clinician. It is told once in four weeks at most."
        ),
        source=AHA_HOME,
        levels=(
            Level("systolic_mmhg", "at_or_above", "low", 130),
            Level("diastolic_mmhg", "at_or_above", "low", 80),
        ),
        programmes=("hypertension",),
        parameters=Average(),
    ),
    Rule(
        code="bp_sustained",
        name="Blood pressure stays high",
        vital="blood_pressure",
        explains=(
            "Three measured days in a row far above the goal. Ask about missed or changed medicines, pain, salt, "
            "anti-inflammatory tablets; the clinician decides about treatment this week."
        ),
        source=HOUSE + "; three daily means 10/5 above stage 2, chosen by the cohort back-test",
        levels=(
            Level("systolic_mmhg", "at_or_above", "medium", 150),
            Level("diastolic_mmhg", "at_or_above", "medium", 95),
        ),
        programmes=("hypertension", "heart_failure", "post_discharge"),
        parameters=Sustained(days=3),
    ),
    Rule(
        code="glucose_above_target",
        name="Glucose often above target",
        vital="glucose",
        explains="Ten readings above 180 within two weeks. Look at meals and doses; bring it to the clinician.",
        source="ADA Standards of Care in Diabetes, peak below 180; the count is a Careloop default",
        levels=(Level("glucose_mgdl", "above", "low", 180),),
        programmes=("diabetes",),
        parameters=Count(at_least=10, days=14),
    ),
    Rule(
        code="weight_gain",
        name="Fast weight gain",
        vital="weight",
        explains=(
            "Possible fluid: 3 lb in a day or 5 lb in a week on the same scale. Ask about swelling, breathlessness, "
            "pillows, salt and missed water tablets. After a new scale, ask for a second weighing first."
        ),
        source="AHA, heart failure self-care: 3 lb in a day or 5 lb in a week; both are settings",
        programmes=("heart_failure", "post_discharge"),
        # 5 lb are 2.268 kg, and scales tell kilograms with two decimals: 2.27 would miss one gain of 5 lb in five.
        parameters=Trend(spans=(Span(days=1, gain=Decimal("1.36")), Span(days=7, gain=Decimal("2.26")))),
    ),
    Rule(
        code="irregular_pulse",
        name="Irregular pulse",
        vital="blood_pressure",
        explains=(
            "The cuff noticed an irregular pulse. Ask about palpitations, dizziness, known atrial fibrillation and "
            "blood thinners; a cuff cannot diagnose. It is told once a day."
        ),
        source=HOUSE,
        parameters=Flagged(flag="irregular_pulse"),
    ),
    Rule(
        code="no_blood_pressure",
        name="No blood pressure",
        vital="blood_pressure",
        explains=MISSED,
        source=HOUSE,
        programmes=("hypertension", "heart_failure", "pregnancy", "post_discharge"),
        # A week of one measurement a day, half a week in pregnancy: at four, this rule alone made most alerts.
        parameters=Missing(windows=7),
    ),
    Rule(
        code="no_glucose",
        name="No glucose",
        vital="glucose",
        explains=MISSED,
        source=HOUSE,
        programmes=("diabetes",),
        parameters=Missing(windows=4),
    ),
    Rule(
        code="no_weight",
        name="No weight",
        vital="weight",
        explains=MISSED,
        source=HOUSE,
        programmes=("heart_failure", "post_discharge"),
        parameters=Missing(windows=2),
    ),
    Rule(
        code="no_spo2",
        name="No oxygen saturation",
        vital="spo2",
        explains=MISSED,
        source=HOUSE,
        programmes=("copd", "post_discharge"),
        parameters=Missing(windows=3),
    ),
)  # fmt: skip

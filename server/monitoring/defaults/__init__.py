"""The programmes, rules and reminders a new organization starts with: data for clinical sign-off, never code.

Every number names its source; a clinic changes it by a new version of the rule, or for one patient by a
limit of their own.
"""

from server.monitoring.defaults.crossings import CROSSINGS
from server.monitoring.defaults.programmes import PROGRAMMES
from server.monitoring.defaults.series import SERIES
from server.monitoring.defaults.shapes import EVERYBODY, Code, Level, Reminder

__all__ = ["EVERYBODY", "PROGRAMMES", "REMINDERS", "RULES", "Code", "Level", "dry_weight", "spo2_target"]

RULES = (*CROSSINGS, *SERIES)

# One measurement reminder for everybody, not one per programme: a patient in two programmes gets one text. What goes by
# an hour of the day goes at one hour: what is due together is one text. The numbers are Careloop's, common practice.
REMINDERS = (
    Reminder(code="medicine", kind="medicine", priority=1, lasts_hours=2),
    Reminder(code="appointment_day_before", kind="appointment", hours_before=24, priority=2, lasts_hours=20),
    Reminder(code="refill", kind="refill", after_days=7, priority=3, lasts_hours=72),
    Reminder(code="measurement", kind="measurement", programme=EVERYBODY, after_days=3, priority=4),
    Reminder(
        code="questionnaire_weekly_check_in", kind="questionnaire", programme="heart_failure", after_days=7,
        priority=6, lasts_hours=48, subject="weekly_check_in",
    ),
    Reminder(code="screening_CMS125", kind="screening", measure="CMS125", after_days=30, priority=7, lasts_hours=72),
    Reminder(code="screening_CMS130", kind="screening", measure="CMS130", after_days=30, priority=7, lasts_hours=72),
    Reminder(
        code="vaccination_influenza", kind="vaccination", measure="influenza", after_days=30, priority=7, lasts_hours=72
    ),
    Reminder(
        code="education_home_blood_pressure", kind="education", programme="hypertension", priority=8, lasts_hours=48,
        subject="home_blood_pressure",
    ),
    Reminder(
        code="education_heart_failure_weight", kind="education", programme="heart_failure", priority=8, lasts_hours=48,
        subject="heart_failure_weight",
    ),
)  # fmt: skip


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

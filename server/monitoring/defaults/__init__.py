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

"""What shipped programmes, rules and reminders are made of."""

from collections.abc import Mapping
from datetime import time
from typing import Literal

import msgspec

from server.monitoring.findings import Severity, Side
from server.monitoring.parameters import Parameters

Code = Literal["general", "hypertension", "diabetes", "heart_failure", "copd", "pregnancy", "post_discharge"]

# Everybody is in general monitoring: whatever a patient measures is judged, whichever programme they joined.
EVERYBODY: Code = "general"

AHA = "2025 AHA/ACC high blood pressure guideline, severe hypertension"
AHA_HOME = "2025 AHA/ACC high blood pressure guideline, home threshold 130/80"
ACOG = "ACOG, severe hypertension in pregnancy and the postpartum period"
ADA = "ADA Standards of Care in Diabetes, levels of hypoglycaemia and hyperglycaemia"
HOUSE = "Careloop default, common remote-monitoring practice"


class Level(msgspec.Struct, frozen=True):
    """`metric` is a column of reading. Without a value only a patient's own limit applies."""

    metric: str
    side: Side
    severity: Severity
    value: float | None


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """What staff of one programme read beside the rule's own text."""

    explains: str
    source: str


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One clinical concern. `vital` is the reading's kind; `explains` is what staff read on the alert.

    With `parameters` it is judged over a patient's series, without them with each reading. `stricter` are levels for
    the patients of one programme, beside the general ones: the stricter counts.
    """

    code: str
    name: str
    vital: str
    explains: str
    source: str
    levels: tuple[Level, ...] = ()
    programmes: tuple[Code, ...] = ("general",)
    parameters: Parameters | None = None
    stricter: Mapping[Code, tuple[Level, ...]] = {}
    protocols: Mapping[Code, Protocol] = {}

    @property
    def kind(self) -> str:
        return "crossing" if self.parameters is None else str(self.parameters.__struct_config__.tag)


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement is expected between these times of the patient's own clock; weekday 0 is Monday."""

    vital: str
    opens: time
    closes: time
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)


class Programme(msgspec.Struct, frozen=True, kw_only=True):
    """What its patients are watched for; `explains` is the protocol as staff read it."""

    name: str
    explains: str
    source: str
    expects: tuple[Expected, ...] = ()
    around_the_clock: bool = False
    page_waits_minutes: int = 0


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """Who is reminded of what, and when.

    `after_days`: days without a reading or an answer; days between two texts about one gap or one medicine's supply.
    Medicines go by their own times, appointments by `hours_before`, a series (`subject`) by the days of its parts. The
    lowest `priority` is said first; after `lasts_hours` it helps nobody any more.
    """

    code: str
    kind: Literal[
        "measurement", "screening", "vaccination", "medicine", "refill", "appointment", "questionnaire", "education"
    ]
    after_days: int = 1
    local_hour: int = 10
    programme: Code | None = None
    measure: str | None = None
    priority: int = 5
    lasts_hours: int = 24
    hours_before: int | None = None
    subject: str | None = None

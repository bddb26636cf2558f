"""How numbers, times and codes are shown to staff; the portal has its own words for patients."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from server.monitoring.history import Reading
from server.monitoring.retrospective import Crossed
from server.monitoring.worklist import Crossing, Older

Number = Decimal | float | int

VITALS: Final = {
    "blood_pressure": "Blood pressure",
    "glucose": "Glucose",
    "weight": "Weight",
    "spo2": "Oxygen saturation",
    "pulse": "Pulse",
    "temperature": "Temperature",
}
UNITS: Final = {
    "blood_pressure": "mmHg",
    "glucose": "mg/dL",
    "weight": "kg",
    "spo2": "%",
    "pulse": "/min",
    "temperature": "°C",
}
METRIC_UNITS: Final = {
    "systolic_mmhg": "mmHg",
    "diastolic_mmhg": "mmHg",
    "pulse_bpm": "/min",
    "glucose_mgdl": "mg/dL",
    "weight_kg": "kg",
    "spo2_pct": "%",
    "temperature_c": "°C",
}
SIDES: Final = {"at_or_above": "≥", "above": ">", "at_or_below": "≤", "below": "<"}
SHAPES: Final = {"high": "▲", "medium": "◆", "low": "●"}
# As the worklist says whom a page goes to next, and what became of the last one.
PAGES_WHOM: Final = {
    "on_shift": "nurse on shift",
    "backup": "backup",
    "charge_nurse": "charge nurse",
    "clinician": "clinician",
    "admin": "administrator",
    "fallback": "stand-in",
}
ARRIVED: Final = {"under_way": "on its way", "not_arrived": "did not arrive", "withheld": "shown only, not sent"}
STATES: Final = {
    "trial": "Texts go only to the listed test numbers.",
    "shadow": "Readings are judged and shown, nobody is texted.",
    "live": "Patients and staff on shift are texted.",
}
OUTCOMES: Final = {
    "contacted_patient": "Contacted the patient",
    "medication_changed": "Medication changed",
    "visit_arranged": "Visit arranged",
    "sent_to_emergency": "Sent to emergency care",
    "technical": "Technical: not a true reading",
    "no_action_needed": "No action needed",
}
MEASURES: Final = {
    "CMS2": "Depression screening",
    "CMS122": "Diabetes: glycaemic status",
    "CMS124": "Cervical cancer screening",
    "CMS125": "Breast cancer screening",
    "CMS130": "Colorectal cancer screening",
    "CMS138": "Tobacco use",
    "CMS165": "Controlling high blood pressure",
    "influenza": "Influenza vaccination",
}
LANGUAGES: Final = {"en": "English", "es": "Spanish"}
SOURCES: Final = {"device": "device", "typed": "typed by hand", "texted": "texted", "imported": "imported"}


def number(value: Number | None) -> str:
    """104.0 → "104", 82.45 → "82.5"; readings carry at most one decimal that means something."""
    if value is None:
        return "–"
    return f"{value:.1f}".removesuffix(".0")


def plain(code: str) -> str:
    """irregular_pulse → "irregular pulse"."""
    return code.replace("_", " ")


def vital(kind: str) -> str:
    return VITALS.get(kind, plain(kind).capitalize())


def unit(kind: str) -> str:
    return UNITS.get(kind, "")


def moment(at: datetime, zone: str, now: datetime) -> str:
    """The clinic's wall clock: "07:58" today, "Nov 20, 07:58" else, with the year when it is another."""
    local, today = at.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    clock = f"{local:%H:%M}"
    if local.date() == today.date():
        return clock
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local:%b} {local.day}{year}, {clock}"


def ago(at: datetime, now: datetime) -> str:
    """ "just now", "4 min ago", "3 h ago", "2 days ago"; a time to come is "soon"."""
    passed = now - at
    if passed < -timedelta(minutes=1):
        return "soon"
    minutes = int(passed / timedelta(minutes=1))
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{minutes // 1440} days ago"


BEYOND: Final = {"above": "HI (above what the meter can show)", "below": "LO (below what the meter can show)"}


def crossed_value(crossing: Crossing) -> str:
    """ "192/124 mmHg", "48 mg/dL", or the meter's HI or LO."""
    if crossing.out_of_range is not None:
        return BEYOND[crossing.out_of_range]
    if crossing.systolic_mmhg is not None and crossing.metric != "pulse_bpm":
        return f"{number(crossing.systolic_mmhg)}/{number(crossing.diastolic_mmhg)} mmHg"
    if crossing.value is None:
        return BEYOND["above" if crossing.side in {"above", "at_or_above"} else "below"]
    return f"{number(crossing.value)} {METRIC_UNITS.get(crossing.metric, '')}".strip()


def crossed_limit(crossing: Crossing) -> str:
    """ "≥180/120", "<90 systolic", "<54"; the crossed one is the limit the finding was made with."""
    own = {crossing.metric: crossing.limit_value}
    systolic = own.get("systolic_mmhg", crossing.limit_systolic)
    diastolic = own.get("diastolic_mmhg", crossing.limit_diastolic)
    sign = SIDES[crossing.side]
    if crossing.metric not in {"systolic_mmhg", "diastolic_mmhg"}:
        return f"{sign}{number(crossing.limit_value)}"
    if systolic is not None and diastolic is not None:
        return f"{sign}{number(systolic)}/{number(diastolic)}"
    return f"{sign}{number(crossing.limit_value)} {crossing.metric.removesuffix('_mmhg')}"


def day(at: datetime, zone: str, now: datetime) -> str:
    """ "Nov 12", with the year when it is another."""
    local = at.astimezone(ZoneInfo(zone))
    year = "" if local.year == now.astimezone(ZoneInfo(zone)).year else f" {local.year}"
    return f"{local:%b} {local.day}{year}"


def dates(of: Crossed | Older, zone: str, now: datetime) -> str:
    """ "Nov 12 – Nov 19", or one day."""
    if of.first_at is None or of.last_at is None:
        return "–"
    first, last = day(of.first_at, zone, now), day(of.last_at, zone, now)
    return first if first == last else f"{first} – {last}"


def span(older: Older, zone: str, now: datetime) -> str:
    """ "37 findings, Nov 12 – Nov 19" """
    if not older.count:
        return "none of it holds any more"
    return f"{older.count} {'finding' if older.count == 1 else 'findings'}, {dates(older, zone, now)}"


def worst_value(one: Crossed) -> str:
    """ "191 mmHg systolic", "48 mg/dL", "HI"."""
    if one.out_of_range is not None or one.worst is None:
        return "HI" if one.out_of_range == "above" else "LO"
    name = one.metric.removesuffix("_mmhg")
    return f"{number(one.worst)} {METRIC_UNITS.get(one.metric, '')}{f' {name}' if name != one.metric else ''}".strip()


BARS = 30


def heights(days: Sequence[int]) -> list[int]:
    """Counts per day as heights up to 18, in at most thirty bars; a day with one finding is seen."""
    per_bar = -(-len(days) // BARS)
    sums = [sum(days[at : at + per_bar]) for at in range(0, len(days), per_bar)]
    most = max(sums)
    return [-(-one * 18 // most) for one in sums]


def value(reading: Reading) -> str:
    """The numbers of a reading, without the unit."""
    if reading.out_of_range is not None:
        return "HI" if reading.out_of_range == "above" else "LO"
    if reading.kind == "blood_pressure":
        return f"{number(reading.systolic_mmhg)}/{number(reading.diastolic_mmhg)}"
    found = (getattr(reading, metric) for metric in METRIC_UNITS if metric.startswith(reading.kind))
    return number(next((one for one in found if one is not None), None))

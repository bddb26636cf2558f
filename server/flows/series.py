"""What only a series of readings shows becomes findings and alerts: means, counts, runs, gains, flags, what is missing.

The bridge judges each reading as it comes; this looks a few seconds later, at all that a patient measured in the last
weeks, and makes what is found equal to what holds. A late reading changes it; it alerts nobody twice.
"""

import asyncio
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from devices import quality
from server.db.events import Event, tell
from server.db.pool import Database, Db, Who
from server.flows.page import Told, page
from server.monitoring import (
    alarms,
    alerts,
    facts,
    points,
    scales,
    schedule,
    series_devices,
    series_marks,
    series_rules,
    windows,
)
from server.monitoring.alerts import Episode
from server.monitoring.facts import Asked, Changes, Holding
from server.monitoring.findings import Age
from server.monitoring.parameters import Average, Missing, Sustained, Trend
from server.monitoring.schedule import Window
from server.monitoring.series_devices import Lent, Why
from server.monitoring.series_rules import Applying, Patient
from server.monitoring.windows import Fact, Point

# Settings of 2026-11-22, for clinical sign-off. What came later than so changes no fact. A week's mean, a run or a
# missing measurement is news for two days after it could first be told, late for a week, history after.
LOOK_BACK = timedelta(days=28)
LIVE, LATE = timedelta(days=2), timedelta(days=7)
YEAR = timedelta(days=365)  # who measured nothing for a year, and has no device, is not waited for
CHUNKS = 20  # of patients in one round: some seconds


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """One patient and all that is judged of them. From `begins` on what is stored is made equal to what holds."""

    patient: Patient
    zone: ZoneInfo
    applying: Sequence[Applying]
    begins: datetime
    points: Sequence[Point]
    measured: Mapping[str, Sequence[datetime]]
    first: Mapping[str, datetime]  # of each vital they have no device for
    lent: Sequence[Lent]


async def watch(database: Database, who: Who, now: datetime, told: Told) -> int:
    """Look at those who are due, some at a time; returns how many. Any number of workers may: one of them looks.

    Whoever is left when a round has taken long enough is due in the next: the loop must be seen to live.
    """
    async with database.transaction(who) as db:
        if not await series_marks.alone(db):
            return 0
        await series_marks.notice(db, now)
    looked_at = 0
    for _ in range(CHUNKS):
        async with database.transaction(who) as db:
            due = await series_marks.due(db, now) if await series_marks.alone(db) else []
            await look(db, due, now, told)
        looked_at += len(due)
        if len(due) < series_marks.CHUNK:
            break
    return looked_at


async def look(db: Db, due: Sequence[uuid.UUID], now: datetime, told: Told) -> list[Episode]:
    """Judge these patients' series, and write what changed; one transaction, opened by the caller."""
    if not due:
        return []
    homes = await _homes(db, due, now)
    holding: list[Holding] = []
    for home in homes:
        holding += [one for applying in home.applying for one in _holding(home, applying, now)]
        await asyncio.sleep(0)  # each takes some milliseconds, and the same process escalates
    asked = [_asked(home, applying) for home in homes for applying in _judged(home)]
    changes = facts.compare(holding, await facts.stored(db, asked), asked)
    episodes = await _record(db, changes, now, told)
    await _weigh_again(db, homes, now)
    again = {home.patient.id: _due_again(home, now) for home in homes}
    await series_marks.looked(db, [(one, again.get(one, now + timedelta(days=1))) for one in due])
    await tell(db, *_events(homes, changes))
    return episodes


async def _homes(db: Db, due: Sequence[uuid.UUID], now: datetime) -> list[Home]:
    patients = await series_rules.patients(db, due)
    ids = [one.id for one in patients]
    rules = await series_rules.of_patients(db, ids, now)
    zones = {one.id: ZoneInfo(one.zone) for one in patients}
    blocks = {one: windows.block(now.astimezone(zones[one]).date() - LOOK_BACK) for one in ids}
    since = [_midnight(blocks[one] - timedelta(days=1 + _reach(rules[one]))) for one in ids]
    series = await points.of_patients(db, ids, since)
    measured = await points.measured(db, ids, since)
    lent = await series_devices.of_patients(db, ids, min(since, default=now))
    first = await _first(db, rules, lent, now)
    return [
        Home(
            patient=one, zone=zones[one.id], applying=rules[one.id], points=series[one.id],
            measured=measured[one.id], first=first.get(one.id, {}), lent=lent.get(one.id, []),
            # A local day may begin half a day before or after the same day of UTC; the block is there as a whole.
            begins=_midnight(blocks[one.id] + timedelta(days=1)),
        )
        for one in patients
    ]  # fmt: skip


async def _first(
    db: Db, rules: Mapping[uuid.UUID, Sequence[Applying]], lent: Mapping[uuid.UUID, Sequence[Lent]], now: datetime
) -> dict[uuid.UUID, dict[str, datetime]]:
    """Since when somebody measures what they have no device of ours for."""
    asked = [
        (patient, one.rule.vital)
        for patient, of_patient in rules.items()
        for one in of_patient
        if one.expected and not series_devices.has(one.rule.vital, lent.get(patient, ()))
    ]
    found: dict[uuid.UUID, dict[str, datetime]] = {}
    for (patient, vital), at in (await points.first(db, asked, now - YEAR)).items():
        found.setdefault(patient, {})[vital] = at
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _reach(applying: Sequence[Applying]) -> int:
    return max((windows.reach(one.rule.parameters) for one in applying), default=0)


def _judged(home: Home) -> list[Applying]:
    """A pause, a hospice or the end stops asking for measurements, never judging what comes."""
    return [one for one in home.applying if home.patient.active or not isinstance(one.rule.parameters, Missing)]


def _asked(home: Home, applying: Applying) -> Asked:
    return home.patient.id, applying.rule.rule_version_id, max(home.begins, _decided(home, applying))


def _decided(home: Home, applying: Applying) -> datetime:
    """What was missed in a pause is nobody's."""
    back = home.patient.rebaseline_from if isinstance(applying.rule.parameters, Missing) else None
    return max(applying.since, back) if back else applying.since


def _holding(home: Home, applying: Applying, now: datetime) -> Iterator[Holding]:
    rule, patient = applying.rule, home.patient
    if isinstance(rule.parameters, Missing):
        if patient.active:
            yield from _missing(home, applying, rule.parameters, now)
        return
    for fact in windows.judge(rule, home.points, windows.last_day(rule.parameters, now, home.zone)):
        yield _hold(home, applying, fact, now)


def _hold(home: Home, applying: Applying, fact: Fact, now: datetime, why: Why | None = None) -> Holding:
    return Holding(
        organization_id=home.patient.organization_id, patient_id=home.patient.id, rule=applying.rule, fact=fact,
        age=_age(applying, fact, home.zone, now), why=why,
    )  # fmt: skip


def _missing(home: Home, applying: Applying, rule: Missing, now: datetime) -> Iterator[Holding]:
    """A silent device has an alarm of its own: what it lets miss is on the list, and wakes nobody."""
    vital, measured = applying.rule.vital, home.measured.get(applying.rule.vital, ())
    why = series_devices.why(vital, home.lent, now)
    for fact in schedule.missed(vital, rule, _windows(home, applying, now), measured, home.zone, now):
        severity = "low" if why == "silent_device" else fact.severity
        yield _hold(home, applying, msgspec.structs.replace(fact, severity=severity), now, why)


def _windows(home: Home, applying: Applying, now: datetime) -> list[Window]:
    """Those the patient was to keep: since nothing changed, not before a pause ended, and with a device for it."""
    vital, decided = applying.rule.vital, _decided(home, applying)
    first = home.begins.date() - timedelta(days=2 + windows.reach(applying.rule.parameters))
    last = now.astimezone(home.zone).date() + timedelta(days=windows.WEEK)
    every = schedule.windows(applying.expected, home.zone, first, last)
    earliest = min([*home.measured.get(vital, ()), *filter(None, [home.first.get(vital)])], default=None)
    return series_devices.able((one for one in every if one.opens >= decided), vital, home.lent, earliest)


def _age(applying: Applying, fact: Fact, zone: ZoneInfo, now: datetime) -> Age:
    if isinstance(applying.rule.parameters, Average | Sustained | Missing):
        since = now - schedule.morning_after(fact.day, zone)
        return "live" if since <= LIVE else "late" if since <= LATE else "historic"
    return quality.age_at(applying.rule.vital, fact.measured_at, now)


async def _record(db: Db, changes: Changes, now: datetime, told: Told) -> list[Episode]:
    """Alerts first, as for readings; a fact an alert knew already is counted once."""
    episodes = await alerts.record(db, changes.told, now)
    alert_of = {(episode.patient_id, episode.rule_id): episode.id for episode in episodes}
    await facts.insert(db, changes.new, alert_of, now)
    moved = {finding.id: alert_of[finding.patient_id, finding.filed_under] for finding, _ in changes.worse}
    await facts.change(db, changes.changed, moved, now)
    await facts.supersede(db, changes.over, now)
    await facts.uncount(
        db, [(was.patient_id, moved[was.id]) for _, was in changes.worse if was.alert_id == moved[was.id]]
    )
    vitals = {finding.anchor: one.rule.vital for finding, one in changes.new}
    vitals |= {was.id: one.rule.vital for was, one in changes.changed}
    await page(db, episodes, changes.told, vitals, now, told)
    return episodes


async def _weigh_again(db: Db, homes: Sequence[Home], now: datetime) -> None:
    """Only another scale restarts a baseline, and then a second weight is asked for."""
    new = [
        (home.patient.organization_id, home.patient.id, one)
        for home in homes
        if home.patient.active and any(isinstance(x.rule.parameters, Trend) for x in home.applying)
        for one in scales.replaced(home.points, now.astimezone(home.zone).date())
    ]
    await alarms.raise_all(db, await scales.to_ask(db, new, now), now)
    known = [(organization, one.device_id) for organization, _, one in new if one.known]
    await alarms.settle(db, scales.KIND, known, scales.WEIGHED, now)


def _due_again(home: Home, now: datetime) -> datetime:
    """In the morning, or when the next measurement can count as missed."""
    morning = schedule.next_morning(home.zone, now)
    if not home.patient.active:
        return morning
    expecting = (one for one in home.applying if one.expected)
    settled = (schedule.next_settled(_windows(home, one, now), home.zone, now) for one in expecting)
    return min([morning, *filter(None, settled)])


def _events(homes: Sequence[Home], changes: Changes) -> list[Event]:
    of = {home.patient.id: home.patient.organization_id for home in homes}
    touched = {one.patient_id for _, one in changes.new}
    touched |= {was.patient_id for was, _ in changes.changed} | {was.patient_id for was in changes.over}
    events = [Event(topic="patient", organization=of[patient], patient=patient) for patient in sorted(touched)]
    return events + [Event(topic="worklist", organization=one) for one in sorted({of[patient] for patient in touched})]

"""Four hundred days of one patient, drawn from a seed; and the clinic they are patients of."""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from server.db.ids import uuid7
from server.db.pool import Database
from server.people.phones import phone_hash
from tests.world import FIELD_KEY, World

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 10, 20, 0, 0, tzinfo=UTC)  # three changes of the clocks in the north, three in the south
DAYS = 400
ZONES = (
    "America/New_York", "America/Los_Angeles", "Pacific/Honolulu", "America/St_Johns", "Australia/Lord_Howe",
    "Asia/Kolkata",
)  # fmt: skip
MEASURE_EVERY, MEASURE_HOUR = 3, 10
TOUCH_EVERY, TOUCH_HOUR = 30, 11
APPOINTMENT_HOURS = 24
# Local times of what is taken, and the hours the patient asked for: half past two does not exist on one night in
# spring and comes twice on one in autumn.
TAKES = (
    ((time(8),), None), ((time(8), time(20)), None), ((time(2, 30),), (time(1), time(23))),
    ((time(1, 45), time(21, 30)), (time(1), time(22))), ((time(6, 30),), (time(6), time(21))),
)  # fmt: skip


class Span(msgspec.Struct, frozen=True):
    """From a moment until just before another."""

    begins: datetime
    ends: datetime

    def holds(self, at: datetime) -> bool:
        return self.begins <= at < self.ends


class Life(msgspec.Struct, kw_only=True):
    """What is drawn from one seed."""

    seed: int
    days: int
    id: uuid.UUID
    phone: str
    zones: list[tuple[datetime, str]]  # from when they live where
    takes: tuple[time, ...]
    own: tuple[time, time] | None
    measures: list[datetime]
    stopped: list[Span]  # between STOP and START
    away: list[Span]  # in hospital
    appointments: list[tuple[uuid.UUID, datetime, datetime | None]]  # starts, cancelled at
    gap: uuid.UUID | None

    @property
    def ends(self) -> datetime:
        return START + self.days * DAY

    def zone(self, at: datetime) -> ZoneInfo:
        return ZoneInfo(next(name for since, name in reversed(self.zones) if since <= at))

    def moves(self) -> list[datetime]:
        return [since for since, _ in self.zones[1:]]


def life(seed: int, days: int = DAYS) -> Life:
    """One patient's four hundred days, or fewer."""
    chance = random.Random(seed)

    def moment(first: int = 2) -> datetime:
        return START + chance.randrange(min(first, days // 3) * 86400, (days - 2) * 86400) * timedelta(seconds=1)

    zones = [(START - 500 * DAY, ZONES[seed % len(ZONES)])]
    if chance.random() < 0.3:
        zones.append((moment(), chance.choice(ZONES)))
    takes, own = chance.choice(TAKES) if chance.random() < 0.25 else ((), None)
    return Life(
        seed=seed, days=days, id=uuid.UUID(int=chance.getrandbits(128), version=4), phone=f"+1212556{seed % 10000:04d}",
        zones=zones, takes=takes, own=own, measures=list(_measured(chance, days)),
        stopped=_spans(chance, 0.4, days, 20), away=_spans(chance, 0.3, days, 6),
        appointments=[
            (uuid.UUID(int=chance.getrandbits(128), version=4), at, at - DAY * 3 if chance.random() < 0.3 else None)
            for at in sorted(moment(10) for _ in range(chance.randrange(4)))
        ],
        gap=uuid.UUID(int=chance.getrandbits(128), version=4) if chance.random() < 0.7 else None,
    )  # fmt: skip


def _measured(chance: random.Random, days: int) -> Iterator[datetime]:
    """Every other day or so, and then not for a while."""
    at = START
    while at < START + days * DAY:
        at += (chance.uniform(6, 40) if chance.random() < 0.9 else chance.uniform(70, 400)) * HOUR
        yield at


def _spans(chance: random.Random, share: float, days: int, longest: int) -> list[Span]:
    if chance.random() >= share:
        return []
    begins = (
        START
        + chance.randrange(min(5, days // 3), max(6, days - 40)) * DAY
        + chance.randrange(86400) * timedelta(seconds=1)
    )
    return [Span(begins, begins + chance.uniform(0.5, longest) * DAY)]


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What one campaign uses."""

    owner: Any
    worker: Database
    world: World
    ends: datetime


RULES = """
    INSERT INTO reminder_rule (id, organization_id, code, kind, programme_id, measure, after_days, local_hour,
        lasts_hours, hours_before, priority)
    VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9, $10)
"""
PATIENT = """
    INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone,
        phone, phone_hash, admitted_at)
    VALUES ($1, $2, $3, $4, $5, 'Pat', 'Seed', '1960-05-04', 'female', $6, $7, $8, $9)
"""


async def settle_in(stage: Stage, lives: list[Life]) -> None:
    """The clinic's rules and its patients, before the first day."""
    owner, world = stage.owner, stage.world
    await owner.execute("UPDATE patient SET monitoring_status = 'left'")
    await owner.execute("UPDATE organization SET reminders_a_day = 6, reminders_a_week = 42")
    for code, programme, measure, after, hour, lasts, before, priority in (
        ("measurement", world.programme, None, MEASURE_EVERY, MEASURE_HOUR, 24, None, 4),
        ("screening", None, "CMS125", TOUCH_EVERY, TOUCH_HOUR, 24, None, 6),
        ("medicine", None, None, 0, 0, 8, None, 2), ("appointment", None, None, 0, 0, 20, APPOINTMENT_HOURS, 1),
    ):  # fmt: skip
        await owner.execute(
            RULES, uuid7(), world.organization, code, programme, measure, after, hour, lasts, before, priority
        )
    for one in lives:
        await _move_in(stage, one)


async def _move_in(stage: Stage, one: Life) -> None:
    owner, world, before = stage.owner, stage.world, START - 450 * DAY
    await owner.execute(
        PATIENT, one.id, world.organization, world.clinic, world.team, f"S{one.seed}", one.zones[0][1], one.phone,
        phone_hash(FIELD_KEY, one.phone), before,
    )  # fmt: skip
    for topic in ("monitoring", "outreach"):
        await owner.execute(
            "INSERT INTO consent (id, organization_id, patient_id, channel, topic, author, source, valid_from)"
            " VALUES ($1, $2, $3, 'sms', $4, 'test', 'test', $5)",
            uuid7(), world.organization, one.id, topic, before,
        )  # fmt: skip
    await owner.execute(
        "INSERT INTO enrolment VALUES ($1, $2, $3, $4, $5, NULL)", uuid7(), world.organization, one.id,
        world.programme, before,
    )  # fmt: skip
    if one.takes:
        await owner.execute(
            "INSERT INTO medicine (id, organization_id, patient_id, name, at_times, starts_on, source, author,"
            " recorded_at) VALUES ($1, $2, $3, 'Test', $4, $5, 'staff', 'test', $6)",
            uuid7(), world.organization, one.id, list(one.takes), before.date(), before,
        )  # fmt: skip
    if one.own:
        await owner.execute(
            "INSERT INTO contact_preference (patient_id, organization_id, opens, closes, author, changed_at)"
            " VALUES ($1, $2, $3, $4, 'test', $5)",
            one.id, world.organization, *one.own, before,
        )  # fmt: skip
    if one.gap:
        await owner.execute(
            "INSERT INTO gap (id, organization_id, patient_id, measure, period_start, period_end, opened_at)"
            " VALUES ($1, $2, $3, 'CMS125', $4, $5, $6)",
            one.gap, world.organization, one.id, date(2026, 1, 1), date(2027, 12, 31), START,
        )  # fmt: skip


READING = """
    INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, zone, local_date, clock_basis, received_at,
        source, systolic_mmhg, diastolic_mmhg, judged_with)
    VALUES ($1, $2, $3, 'blood_pressure', $4, 'UTC', $5, 'device', $4, 'device', 120, 80, 'test')
"""
BOOK = """
    INSERT INTO appointment (id, organization_id, patient_id, starts_at, author, source, recorded_at, changed_at)
    VALUES ($1, $2, $3, $4, 'test', 'staff', $5, $5)
"""


def happenings(stage: Stage, lives: list[Life]) -> list[tuple[datetime, str, tuple[Any, ...]]]:
    """(when, statement, values) of all that people do, in order; STOP and START go through the product."""
    found: list[tuple[datetime, str, tuple[Any, ...]]] = []
    organization = stage.world.organization
    for one in lives:
        found += [(at, READING, (uuid7(), organization, one.id, at, at.date())) for at in one.measures]
        found += [(at, "UPDATE patient SET zone = $2 WHERE id = $1", (one.id, name)) for at, name in one.zones[1:]]
        for span in one.stopped:
            found += [(span.begins, "STOP", (one.phone,)), (span.ends, "START", (one.phone,))]
        for span in one.away:
            status = "UPDATE patient SET monitoring_status = $2 WHERE id = $1"
            found += [(span.begins, status, (one.id, "paused")), (span.ends, status, (one.id, "active"))]
        for id_, starts, cancelled in one.appointments:
            booked = starts - 9 * DAY
            found.append((booked, BOOK, (id_, organization, one.id, starts, booked)))
            if cancelled:
                found.append((cancelled, "UPDATE appointment SET status = 'cancelled' WHERE id = $1", (id_,)))
    return sorted(((at, what, values) for at, what, values in found if at < lives[0].ends), key=lambda one: one[0])

"""Each telephone that pages go to is tried once a week; whether it arrived and was answered is kept."""

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from server.db.pool import Db
from server.people import coverage
from server.people.coverage import Span

ANSWERED_WITHIN = timedelta(days=7)
ARRIVES_WITHIN = timedelta(hours=1)

# One test a week lies at most thirteen days from the next: longer, and a week was left out.
TRIED_WITHIN = timedelta(days=14)

Came = Literal["under_way", "arrived", "answered", "not_arrived", "withheld", "not_tried"]


class Phone(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may be paged, and when they are on shift in the days around that week."""

    staff_id: uuid.UUID
    organization_id: uuid.UUID
    zone: str
    phone: str
    shifts: list[Span]
    away: list[Span]


# Whoever a team that wants it can page, on the clock of that team (of several: the first by name). Only who has no test
# of this week. A test while a page waits for an answer could be answered instead of the page, so it waits for a better
# moment.
PHONES = """
    SELECT s.id AS staff_id, s.organization_id, k.zone, s.phone,
           array(SELECT sh.starts_at FROM shift sh WHERE sh.staff_id = s.id AND sh.cancelled_at IS NULL
                    AND sh.ends_at > $2::timestamptz - interval '8 days' AND sh.starts_at < $2 + interval '8 days'
                  ORDER BY sh.starts_at, sh.id) AS shift_from,
           array(SELECT sh.ends_at FROM shift sh WHERE sh.staff_id = s.id AND sh.cancelled_at IS NULL
                    AND sh.ends_at > $2::timestamptz - interval '8 days' AND sh.starts_at < $2 + interval '8 days'
                  ORDER BY sh.starts_at, sh.id) AS shift_to,
           array(SELECT t.starts_at FROM time_off t WHERE t.staff_id = s.id AND t.cancelled_at IS NULL
                    AND t.ends_at > $2::timestamptz - interval '8 days' ORDER BY t.starts_at, t.id) AS away_from,
           array(SELECT t.ends_at FROM time_off t WHERE t.staff_id = s.id AND t.cancelled_at IS NULL
                    AND t.ends_at > $2::timestamptz - interval '8 days' ORDER BY t.starts_at, t.id) AS away_to
      FROM staff s
      JOIN LATERAL (
           SELECT t.zone FROM teams_paging(s.id, s.organization_id, $2, $3) t
            WHERE t.test_pages ORDER BY t.name, t.team_id LIMIT 1) k ON true
     WHERE s.disabled_at IS NULL AND s.phone IS NOT NULL
       AND NOT EXISTS (SELECT FROM page_test p
                        WHERE p.staff_id = s.id AND p.made_at > $2::timestamptz - interval '8 days'
                          AND p.monday = date_trunc('week', $2 AT TIME ZONE k.zone)::date)
       AND NOT EXISTS (
           SELECT FROM message m
             LEFT JOIN alert a ON a.organization_id = m.organization_id AND a.id = m.alert_id
             LEFT JOIN alarm b ON b.id = m.alarm_id
            WHERE m.organization_id = s.organization_id AND m.staff_id = s.id AND m.purpose = 'page'
              AND m.created_at > $2::timestamptz - interval '1 day' AND coalesce(a.status, b.status) = 'open')
     ORDER BY s.id LIMIT $1
"""
BATCH = 500


async def untested(db: Db, now: datetime) -> list[Phone]:
    """Who has had no test yet in the week it is for them."""
    return [
        Phone(
            staff_id=row["staff_id"], organization_id=row["organization_id"], zone=row["zone"], phone=row["phone"],
            shifts=list(zip(row["shift_from"], row["shift_to"], strict=True)),
            away=list(zip(row["away_from"], row["away_to"], strict=True)),
        )
        for row in await db.fetch(PHONES, BATCH, now, TRIED_WITHIN)
    ]  # fmt: skip


OPENS, CLOSES = time(8), time(21)  # the clinic's clock; a night nurse is tried at the beginning or end of her shift
OTHERWISE = (timedelta(days=1), time(14))  # Tuesday, for who is on no shift in those hours


def due(phone: Phone, now: datetime) -> date | None:
    """The Monday of the week whose test goes out now: while on shift, else from Tuesday 14:00 on, never at night."""
    zone = ZoneInfo(phone.zone)
    local = now.astimezone(zone)
    if not OPENS <= local.time() < CLOSES or any(begins <= now < ends for begins, ends in phone.away):
        return None
    monday = coverage.monday_of(now, phone.zone)
    on_shift = coverage.without(_sane(phone.shifts, monday, zone), phone.away)
    if any(begins <= now < ends for begins, ends in on_shift):
        return monday
    if any(begins > now for begins, _ in on_shift):
        return None
    return monday if local >= datetime.combine(monday + OTHERWISE[0], OTHERWISE[1], zone) else None


def _sane(spans: Sequence[Span], monday: date, zone: ZoneInfo) -> list[Span]:
    """The parts of the spans that lie in decent hours of that week, in order."""
    days = (monday + timedelta(days=n) for n in range(7))
    hours = [
        (datetime.combine(day, OPENS, zone).astimezone(UTC), datetime.combine(day, CLOSES, zone).astimezone(UTC))
        for day in days
    ]
    return sorted(piece for window in hours for piece in coverage.within(spans, window))


MAKE = """
    INSERT INTO page_test (staff_id, monday, organization_id, message_id, made_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING true
"""


async def make(db: Db, phone: Phone, monday: date, message: uuid.UUID, now: datetime) -> bool:
    """True for the one worker that writes this week's test."""
    return await db.fetchval(MAKE, phone.staff_id, monday, phone.organization_id, message, now) is True


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """A test that went to a telephone."""

    staff_id: uuid.UUID
    monday: date
    at: datetime


NEWEST_TO = """
    SELECT t.staff_id, t.monday, m.created_at AS at
      FROM page_test t
      JOIN message m ON m.id = t.message_id AND m.to_hash = $2
           AND m.status IN ('sending', 'sent', 'delivered', 'unknown')
      JOIN staff s ON s.id = t.staff_id AND s.disabled_at IS NULL AND s.phone = m.to_number
     WHERE t.organization_id = $1 AND t.made_at > $3
     ORDER BY m.created_at DESC, t.staff_id LIMIT 1
"""


async def newest_to(db: Db, organization: uuid.UUID, to_hash: bytes, now: datetime) -> Tested | None:
    """The test of the last week that an answer from this telephone can be about."""
    row = await db.fetchrow(NEWEST_TO, organization, to_hash, now - ANSWERED_WITHIN)
    return Tested(**dict(row)) if row else None


ANSWER = """
    UPDATE page_test SET answered_at = $3 WHERE staff_id = $1 AND monday = $2 AND answered_at IS NULL RETURNING true
"""


async def answer(db: Db, staff: uuid.UUID, monday: date, now: datetime) -> bool:
    """True for the first answer."""
    return await db.fetchval(ANSWER, staff, monday, now) is True


# The web may have been away when the provider reported. It is asked shortly before the hour is over, and each hour of
# the first day again: within ten seconds of each, so once or twice, whoever asks and whoever was restarted.
UNREPORTED = """
    SELECT m.id, m.organization_id, m.channel, m.patient_id, m.to_number, m.body, a.id AS attempt_id, a.started_at,
           coalesce(o.sender_number, $2) AS from_number, a.provider_sid AS sid
      FROM page_test t
      JOIN message m ON m.id = t.message_id AND m.status = 'sent'
      JOIN attempt a ON a.message_id = m.id AND a.outcome = 'accepted' AND a.provider_sid IS NOT NULL
      JOIN organization o ON o.id = m.organization_id
     WHERE t.answered_at IS NULL AND t.made_at > $1::timestamptz - interval '1 day' AND a.started_at <= $1
       AND extract(epoch FROM $1 - a.started_at)::int % 3600 BETWEEN 3300 AND 3309
     ORDER BY m.id
"""


async def unreported(db: Db, default_sender: str, now: datetime) -> list[dict[str, Any]]:
    """Tests that the provider took and said nothing of since, to be asked about now; as an `outbox.InDoubt` is made."""
    return [dict(row) for row in await db.fetch(UNREPORTED, now, default_sender)]


class Latest(msgspec.Struct, frozen=True, kw_only=True):
    """The last test of one telephone. A number that has changed since was not tried.

    `not_tried`: its owner could have been paged for two weeks, had no test, on whatever number, and no page arrived.
    """

    organization_id: uuid.UUID
    staff_id: uuid.UUID
    name: str
    made_at: datetime | None
    answered_at: datetime | None
    came: Came | None
    reason: str | None


# Somebody who has an open page on every shift gets no test, but pages that arrived have tried the telephone.
LATEST = """
    WITH arrived AS MATERIALIZED (
        SELECT staff_id, to_number, max(created_at) AS at FROM message
         WHERE purpose = 'page' AND channel = 'sms' AND status = 'delivered'
           AND created_at > $3::timestamptz - $4::interval
         GROUP BY staff_id, to_number)
    SELECT s.organization_id, s.id AS staff_id, s.name, t.made_at, t.answered_at, m.reason,
           CASE WHEN late.tried_by < $3 THEN 'not_tried'
                WHEN t.made_at IS NULL THEN NULL
                WHEN t.answered_at IS NOT NULL THEN 'answered'
                WHEN m.status = 'withheld' THEN 'withheld'
                WHEN m.status = 'delivered' THEN 'arrived'
                WHEN m.status IN ('failed', 'suppressed') OR t.made_at < $2 THEN 'not_arrived'
                ELSE 'under_way' END AS came
      FROM staff s
      LEFT JOIN LATERAL (
           SELECT x.made_at, x.answered_at, x.message_id FROM page_test x JOIN message n ON n.id = x.message_id
            WHERE x.staff_id = s.id AND n.to_number = s.phone
            ORDER BY x.monday DESC LIMIT 1) t ON true
      LEFT JOIN message m ON m.id = t.message_id
      JOIN LATERAL (
           SELECT bool_or(t.test_pages AND t.long_since) AS for_long
             FROM teams_paging(s.id, s.organization_id, $3, $4) t
            WHERE CASE WHEN $1::uuid IS NULL THEN t.test_pages ELSE t.team_id = $1 END
           HAVING count(*) > 0) paged ON true
     CROSS JOIN LATERAL (
           SELECT CASE WHEN paged.for_long
                        AND NOT EXISTS (SELECT FROM time_off x
                                         WHERE x.staff_id = s.id AND x.cancelled_at IS NULL
                                           AND x.starts_at <= $3 AND x.ends_at > $3::timestamptz - $4::interval)
                       THEN greatest(s.created_at, (SELECT max(x.made_at) FROM page_test x WHERE x.staff_id = s.id),
                                     (SELECT r.at FROM arrived r WHERE r.staff_id = s.id AND r.to_number = s.phone))
                            + $4::interval END AS tried_by) late
     WHERE s.disabled_at IS NULL AND s.phone IS NOT NULL
     ORDER BY s.name, s.id
"""


async def latest(db: Db, now: datetime, team: uuid.UUID | None = None) -> list[Latest]:
    """Of everybody whom one team can page, or all teams that want it."""
    rows = await db.fetch(LATEST, team, now - ARRIVES_WITHIN, now, TRIED_WITHIN)
    return [Latest(**dict(row)) for row in rows]


WANTED = "SELECT test_pages FROM team WHERE id = $1"


async def wanted(db: Db, team: uuid.UUID) -> bool:
    return await db.fetchval(WANTED, team) is True


SWITCH = "UPDATE team SET test_pages = $2 WHERE id = $1 RETURNING true"


async def switch(db: Db, team: uuid.UUID, wanted: bool) -> bool:
    """False when there is no such team."""
    return await db.fetchval(SWITCH, team, wanted) is True


def sorted_by_trouble(tests: Sequence[Latest]) -> list[Latest]:
    """What did not arrive first, then what was not tried."""
    order = ("not_arrived", "not_tried", "arrived", "under_way", None, "withheld", "answered")
    return sorted(tests, key=lambda one: order.index(one.came))

"""What four hundred days of reminders should have been: worked out apart from the product's own code."""

import itertools
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time
from typing import Any

import msgspec

from tests.flows.remind_lives import DAY, MEASURE_EVERY, START, TOUCH_EVERY, Life, Stage


class Sent(msgspec.Struct, frozen=True):
    """A text that the provider really has."""

    at: datetime
    attempt: uuid.UUID
    to_number: str
    body: str
    sid: str


class Verdict(msgspec.Struct, kw_only=True):
    """What was wrong, and out of how much."""

    slots: int = 0
    slots_missing: int = 0
    without_fate: int = 0
    sent: int = 0
    sent_twice: int = 0
    in_quiet_hours: int = 0
    after_opt_out: int = 0
    while_away: int = 0
    too_soon: int = 0
    messages: int = 0
    stuck: int = 0
    kills: int = 0


LEDGER = """
    SELECT r.patient_id, u.kind, r.slot, r.status, r.reason, r.due_at, r.subject_id, m.status AS message,
           m.reason AS why, m.id AS message_id
      FROM reminder r JOIN reminder_rule u ON u.id = r.reminder_rule_id LEFT JOIN message m ON m.id = r.message_id
     ORDER BY r.patient_id, r.slot
"""
ATTEMPTS = """
    SELECT a.id, a.message_id, m.patient_id, bool_or(u.kind = 'screening') AS outreach
      FROM attempt a JOIN message m ON m.id = a.message_id
      JOIN reminder r ON r.message_id = m.id JOIN reminder_rule u ON u.id = r.reminder_rule_id
     GROUP BY a.id, m.id
"""
STUCK = """
    SELECT count(*) FROM message
     WHERE not_before < $1
       AND (status IN ('queued', 'sending') OR status = 'unknown' AND reason IS DISTINCT FROM 'unresolved')
"""


async def judge(stage: Stage, lives: list[Life], texted: Sequence[Sent], verdict: Verdict) -> None:
    """By what the provider has and what people did, not by what the product believes of itself."""
    whose = {one.id: one for one in lives}
    attempts = {row["id"]: row for row in await stage.owner.fetch(ATTEMPTS)}
    texts: dict[uuid.UUID, int] = defaultdict(int)
    for sent in texted:
        row = attempts[sent.attempt]
        texts[row["message_id"]] += 1
        _judge_text(whose[row["patient_id"]], sent.at, outreach=row["outreach"], verdict=verdict)
    verdict.sent_twice += sum(count > 1 for count in texts.values())
    ledger: dict[uuid.UUID, list[Any]] = defaultdict(list)
    for row in await stage.owner.fetch(LEDGER):
        ledger[row["patient_id"]].append(row)
        verdict.slots += 1
        verdict.without_fate += _without_fate(row, texts, stage.ends)
    for one in lives:
        verdict.slots_missing += _missing(one, ledger[one.id])
        verdict.too_soon += _too_soon(ledger[one.id], texts)
    verdict.messages += int(await stage.owner.fetchval("SELECT count(*) FROM message"))
    verdict.stuck += int(await stage.owner.fetchval(STUCK, stage.ends - 2 * DAY))


def _judge_text(one: Life, at: datetime, *, outreach: bool, verdict: Verdict) -> None:
    verdict.sent += 1
    opens, closes = (time(8), time(20)) if outreach else one.own or (time(8), time(21))
    verdict.in_quiet_hours += not opens <= at.astimezone(one.zone(at)).time() < closes
    verdict.after_opt_out += any(span.holds(at) for span in one.stopped)
    verdict.while_away += any(span.holds(at) for span in one.away)


def _without_fate(row: Any, texts: dict[uuid.UUID, int], ends: datetime) -> bool:
    """A slot was sent, or says why not; one that is still ahead may wait."""
    if row["status"] == "planned":
        return bool(row["due_at"] < ends - DAY)
    if row["status"] == "suppressed":
        return not row["reason"]
    if texts[row["message_id"]]:
        return False
    waits = row["message"] == "queued" and row["due_at"] > ends - 2 * DAY
    return not (waits or row["why"])


def _missing(one: Life, rows: list[Any]) -> int:
    """Slots that should be in the ledger and are not: of what is taken, of appointments, of silence, of the gap."""
    have = {kind: {row["slot"] for row in rows if row["kind"] == kind} for kind in ("medicine", "measurement")}
    missing = sum(slot not in have["medicine"] for slot in _doses(one))
    missing += sum(not any(slot > after for slot in have["measurement"] if slot <= by) for after, by in _silences(one))
    booked = {row["subject_id"] for row in rows if row["kind"] == "appointment"}
    missing += sum(id_ not in booked for id_ in _visits(one))
    touches = [row for row in rows if row["kind"] == "screening"]
    return missing + (one.gap is not None and not touches)


def _doses(one: Life) -> Iterator[datetime]:
    """Every local date and time of the medicine, but for the days around a move or an absence."""
    for k in range(2, one.days - 2):
        day = (START + k * DAY).date()
        noon = datetime.combine(day, time(12), UTC)
        if not _unsettled(one, noon - 2 * DAY, noon + 2 * DAY):
            yield from (datetime.combine(day, at) for at in one.takes)


def _silences(one: Life) -> Iterator[tuple[datetime, datetime]]:
    """(local, local): a reminder must lie between them, for nothing was measured for so long."""
    for last, following in itertools.pairwise(one.measures):
        silent_from, until = last + MEASURE_EVERY * DAY, min(following, one.ends)
        if until - silent_from > 3 * DAY and not _unsettled(one, last - 4 * DAY, until + DAY):
            zone = one.zone(last)
            begins = last.astimezone(zone).replace(tzinfo=None)
            yield begins, begins + (MEASURE_EVERY + 3) * DAY


def _visits(one: Life) -> Iterator[uuid.UUID]:
    for id_, starts, cancelled in one.appointments:
        if cancelled is None and starts < one.ends - DAY and not _unsettled(one, starts - 4 * DAY, starts):
            yield id_


def _unsettled(one: Life, begins: datetime, ends: datetime) -> bool:
    return any(begins <= at <= ends for at in one.moves()) or any(
        span.begins <= ends and begins <= span.ends for span in one.away
    )


def _too_soon(rows: list[Any], texts: dict[uuid.UUID, int]) -> int:
    """Two of silence less than three days apart, two touches less than thirty; a fourth that the provider has."""
    wrong = 0
    for kind, apart in (("measurement", MEASURE_EVERY), ("screening", TOUCH_EVERY)):
        slots = sorted(row["slot"] for row in rows if row["kind"] == kind)
        wrong += sum(later - earlier < apart * DAY for earlier, later in itertools.pairwise(slots))
    asked = [row for row in rows if row["kind"] == "screening" and texts[row["message_id"]]]
    return wrong + max(0, len(asked) - 3)

"""One round of the audit: what is new since the last is looked at; a mismatch is an alarm until it holds again."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from server.auditing import crossings, doubtful, ledger, mismatches, routes, standing, stepping, unfounded
from server.auditing.mismatches import Missing
from server.auditing.pace import USUAL, Pace
from server.auditing.standing import Count
from server.db.events import Event, tell
from server.db.pool import Db
from server.monitoring import alarms
from server.monitoring.alarms import Alarm
from server.monitoring.findings import Severity

KIND = "audit_mismatch"
HOLDS_AGAIN = "Closed by itself: it holds again."
SETTLED = timedelta(seconds=5)  # what came less long ago may be in a transaction that has not ended
OVERLAP = timedelta(minutes=2)  # and one that took longer is seen by looking twice: no statement may take longer
AT_MOST = timedelta(minutes=5)  # of arrivals in one round, however long nobody looked
STALLED = "a part of Careloop stands still"

SUBJECTS = {
    "reading_without_finding": "readings without their finding",
    "doubt_without_finding": "doubtful readings that nobody judged",
    "finding_without_alert": "findings without an alert",
    "alert_without_finding": "alerts without a finding",
    "finding_without_crossing": "findings without a crossing",
    "alert_closed_by_nobody": "alerts that nobody closed",
    "alert_without_page": "high alerts that paged nobody",
    "steps_overdue": "steps overdue",
    "no_route": "teams with nobody to page",
    "arrival_without_row": "arrivals without their reading",
    "reading_without_arrival": "readings that never arrived",
    "outbox": "texts that do not leave",
    "unheard": "pages that do not arrive",
    "undecided": "texts nobody knows the fate of",
    "sequence_gap": "missing numbers nobody was told of",
    "quarantine": "quarantine nobody looked at",
    "partition": "no place for this or next month's readings",
    "stalled": STALLED,
    "stalled_unhurried": "a part of Careloop that can wait stands still",
    "clock": "a clock of ours is wrong",
}
ADVICE = {
    "reading_without_finding": "crossed a limit and raised nothing. Look through today's readings now",
    "doubt_without_finding": "could be beyond a limit, wait in doubt and raised nothing. Look at the queues now",
    "finding_without_alert": "are on nobody's worklist. Look through today's readings now",
    "alert_without_finding": "stand on the list and nothing is known of why. Look at these patients' readings now",
    "finding_without_crossing": "rest on no reading beyond a limit. Look at these patients' readings now",
    "alert_closed_by_nobody": "were taken or resolved, and by no person. Look at these patients' readings now",
    "alert_without_page": "stand on this list and no page was written. Look at them now and check the roster",
    "steps_overdue": "wait on this list and the next in line was not told in time. Look at them now, call each other",
    "no_route": "of this clinic have nobody on shift with a telephone, and no stand-in. Fill the roster now",
    "arrival_without_row": "were confirmed to their sender and are not in the database. Call whoever runs this server",
    "reading_without_arrival": "are in the database and in no account of what came. Call whoever runs this server",
    "outbox": "are due for a while. Pages may not arrive: watch this list, call whoever runs this server",
    "unheard": "left and nobody knows whether they arrived. Watch this list, call each other, see to the provider",
    "undecided": "may have left or not, and nobody was asked to see to it. Look at the provider's log",
    "sequence_gap": "in senders' numbers have no alarm. Readings may be missing. Call whoever runs this server",
    "quarantine": "wait in quarantine for more than a day. See the queues",
}

# Nothing is lost meanwhile, and what is worked out once an hour can be later: somebody has to look, nobody at night.
CAN_WAIT = frozenset({"quarantine", "undecided", "stalled_unhurried"})


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A mismatch as one organization sees it; `kind` is a key of `SUBJECTS`."""

    organization_id: uuid.UUID
    kind: str
    says: str

    @property
    def severity(self) -> Severity:
        return "medium" if self.kind in CAN_WAIT else "high"

    @property
    def alarm(self) -> Alarm:
        return Alarm(
            organization_id=self.organization_id, kind=KIND, subject=SUBJECTS[self.kind], severity=self.severity,
            says=self.says,
        )  # fmt: skip


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What a round found, and whether there is more to catch up with."""

    troubles: list[Trouble]
    behind: bool


# Plans for all times would take the tables to be small: they are asked for minutes out of years.
CAREFULLY = "SET LOCAL plan_cache_mode = force_custom_plan"
IMPATIENTLY = "SET LOCAL lock_timeout = '5s'"  # a table that somebody holds is trouble to be told of, not waited for
ONE_AT_A_TIME = "SELECT pg_try_advisory_xact_lock(hashtext('careloop auditor round'))"


async def look(
    db: Db, now: datetime, pace: Pace = USUAL, *, warm: bool = True, apart: timedelta = timedelta(0)
) -> Round:
    """One round in the caller's transaction. Not `warm`: we began just now, and so may the others have.

    `apart`: how far the auditor's clock is from the database's.
    """
    await db.execute(CAREFULLY)
    await db.execute(IMPATIENTLY)
    if not await db.fetchval(ONE_AT_A_TIME):
        return Round(troubles=[], behind=False)
    organizations, since, until = await _span(db, now)
    if not organizations:
        return Round(troubles=[], behind=False)
    faults = [
        *await _counts(db, now, pace, warm=warm),
        *_everybody(organizations, await _whole(db, now, pace, warm=warm, apart=apart)),
    ]
    troubles = [*await _rows(db, since, until, now - pace.patience, now), *faults]
    await mismatches.stand(db, {(one.organization_id, one.kind) for one in faults if one.severity == "high"}, now)
    await _say(db, troubles, now)
    await _advance(db, until)
    return Round(troubles=troubles, behind=until < now - SETTLED)


BEGIN = """
    INSERT INTO audit_mark (organization_id, begun_at, looked_to) SELECT id, $1, $1 FROM organization
    ON CONFLICT DO NOTHING
"""
SPAN = "SELECT array_agg(organization_id) AS organizations, min(looked_to) AS since FROM audit_mark"


async def _span(db: Db, now: datetime) -> tuple[list[uuid.UUID], datetime, datetime]:
    """(everybody, from, to): at most five minutes of arrivals, and once more the two before."""
    await db.execute(BEGIN, now)
    row = await db.fetchrow(SPAN)
    since = row["since"] or now
    return row["organizations"] or [], since - OVERLAP, max(since, min(now - SETTLED, since + AT_MOST))


ADVANCE = "UPDATE audit_mark SET looked_to = greatest(looked_to, $1)"


async def _advance(db: Db, until: datetime) -> None:
    await db.execute(ADVANCE, until)


async def _rows(
    db: Db, since: datetime, until: datetime, found_before: datetime, now: datetime
) -> list[Trouble]:  # fmt: skip
    found: dict[str, Sequence[Missing]] = {
        "reading_without_finding": await crossings.without_finding(db, since, until),
        "doubt_without_finding": await doubtful.unjudged(db, since, until),
        "finding_without_alert": await crossings.without_alert(db, until),
        "alert_without_finding": await unfounded.alerts(db, until),
        "finding_without_crossing": await unfounded.findings(db, since, until),
        "alert_closed_by_nobody": await unfounded.closed(db, now),
        "alert_without_page": await crossings.unpaged(db, found_before),
        "arrival_without_row": await ledger.without_row(db, since, until),
        "reading_without_arrival": await ledger.without_arrival(db, since, until),
    }
    troubles = []
    for kind, missing in found.items():
        stand = await mismatches.keep(db, kind, SUBJECTS[kind], missing, now)
        troubles += [_trouble(kind, organization, count) for organization, count in stand.items()]
    return troubles


async def _counts(db: Db, now: datetime, pace: Pace, *, warm: bool) -> list[Trouble]:
    found: dict[str, Iterable[Count]] = {
        "outbox": await standing.stuck(db, now, pace),
        "unheard": await standing.unheard(db, now, pace),
        "undecided": await standing.undecided(db, now, pace),
        "no_route": await routes.nobody(db, now),
        "sequence_gap": await standing.holes(db, now),
        "quarantine": await standing.old_quarantine(db, now),
        # While everything starts, what came due before waits for the worker.
        "steps_overdue": await stepping.overdue(db, now - pace.step) if warm else (),
    }
    return [_trouble(kind, one.organization_id, one.count) for kind, counts in found.items() for one in counts]


def _trouble(kind: str, organization: uuid.UUID, count: int) -> Trouble:
    return Trouble(organization_id=organization, kind=kind, says=f"{count} {ADVICE[kind]}.")


async def _whole(db: Db, now: datetime, pace: Pace, *, warm: bool, apart: timedelta) -> dict[str, str]:
    """What concerns everybody alike: kind and words."""
    says = {}
    if not await standing.has_months(db, now):
        says["partition"] = (
            "This or next month's readings cannot be stored. Whoever runs this server: careloop migrate."
        )
    if warm and (silent := await standing.silent_loops(db, now, pace)):
        says["stalled"] = f"Not heard for a while: {', '.join(silent)}. Call whoever runs this server."
    if warm and (silent := await standing.silent_loops(db, now, pace, unhurried=True)):
        says["stalled_unhurried"] = f"Not heard for hours: {', '.join(silent)}. Tell whoever runs this server."
    if abs(apart) > pace.apart:
        says["clock"] = "The auditor and the database do not agree what time it is. Call whoever runs this server."
    return says


def _everybody(organizations: Sequence[uuid.UUID], says: Mapping[str, str]) -> list[Trouble]:
    return [Trouble(organization_id=one, kind=kind, says=text) for kind, text in says.items() for one in organizations]


OPEN = "SELECT organization_id, subject FROM alarm WHERE kind = 'audit_mismatch' AND status <> 'resolved'"
RESTING = """
    SELECT organization_id, subject FROM alarm
     WHERE kind = 'audit_mismatch' AND resolved_by IS NOT NULL AND resolved_at > $1
"""
RESTS = timedelta(minutes=15)


async def _say(db: Db, troubles: Sequence[Trouble], now: datetime) -> None:
    """Raise what is so, close what is not. What a person just resolved, and is still so, returns after a rest.

    The alarm alone rests: the banner and the word to the outside go by the mismatch itself.
    """
    called_for = [one.alarm for one in troubles]
    resting = {tuple(row) for row in await db.fetch(RESTING, now - RESTS)}
    loud = [one for one in called_for if (one.organization_id, one.subject) not in resting]
    changed = set(await alarms.keep(db, loud, now))
    still = {(one.organization_id, one.subject) for one in called_for}
    over = [tuple(row) for row in await db.fetch(OPEN) if tuple(row) not in still]
    await alarms.settle(db, KIND, over, HOLDS_AGAIN, now)
    changed |= {organization for organization, _ in over}
    await tell(db, *(Event(topic="worklist", organization=organization) for organization in changed))

"""The ledger of what came in: each thing once, its fate decided once, so nothing is stored twice.

A batch is entered by one statement: what the ledger did not have becomes rows of `arrival` and
`reading`, its sender's numbers move on, and its counts grow. What it had changes nothing but the count of duplicates.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from devices import incoming
from devices.intake import Candidate, Fate, Key
from devices.registry import USUAL_FROM

Epoch = tuple[str, int]  # (sender, epoch)


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an entry the first time it came."""

    hash: bytes
    fate: Fate
    reason: str | None


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """`before` holds the ids of those that were in the ledger already; `through` how far each epoch is settled."""

    before: set[uuid.UUID]
    through: dict[Epoch, int]


class Disproved(Exception):
    """What was to hold does not: nothing was entered."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What rests on this is entered only if it is still so: the sum of the fingerprints of what is known of them."""

    senders: Sequence[str]
    patients: Sequence[uuid.UUID]
    at: datetime
    fingerprints: int


# Statements of their own see what others wrote in this transaction; parts of one statement do not. So each part takes
# what it needs of an earlier one from what that returned, and the counts in between make it wait for all of it.
# Looking ids up in `fresh` is written so that it is hashed whatever the planner thinks of its size.
ENTER = """
    WITH incoming AS MATERIALIZED (
        SELECT * FROM unnest($1::text::incoming_entry[])
         WHERE $7::numeric IS NULL
            OR $7 = (SELECT coalesce((SELECT sum(hash_record_extended(about, 0))
                                        FROM about_senders($4, $8) AS about), 0)
                            + coalesce((SELECT sum(hash_record_extended(judged, 0))
                                          FROM judged_by($5, $6) AS judged), 0))),
    fresh AS (
        INSERT INTO arrival (device_id, epoch, key, seq, hash, fate, reason, organization_id, reading_id, patient_id,
                             measured_at, received_at)
        SELECT sender, epoch, key, seq, decode(hash, 'hex'), fate, reason, organization_id, reading_id, patient_id,
               measured_at, received_at
          FROM incoming
        ON CONFLICT (device_id, epoch, key) DO NOTHING
        RETURNING reading_id),
    kept AS (
        INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, measured_at_raw, utc_offset_minutes,
                             zone, local_date, clock_basis, received_at, device_id, user_slot, source, flags, context,
                             out_of_range, judged_with, systolic_mmhg, diastolic_mmhg, pulse_bpm, glucose_mgdl,
                             weight_kg, spo2_pct, temperature_c)
        SELECT reading_id, organization_id, patient_id, kind, measured_at, measured_at_raw, utc_offset_minutes, zone,
               local_date, clock_basis, received_at, device_id, user_slot, 'device',
               coalesce(string_to_array(flags, ' '), '{}'), context, out_of_range, judged_with, systolic_mmhg,
               diastolic_mmhg, pulse_bpm, glucose_mgdl, weight_kg, spo2_pct, temperature_c
          FROM incoming
         WHERE fate = 'stored' AND (reading_id IN (SELECT reading_id FROM fresh)) IS TRUE),
    moved AS (
        INSERT INTO sequence_state AS s (device_id, epoch, organization_id, through, highest, came_first, came_last)
        SELECT sender, epoch, organization_id, CASE WHEN came_first = 1 THEN came_last ELSE 0 END, highest, came_first,
               came_last
          FROM incoming WHERE highest IS NOT NULL AND (SELECT count(*) FROM fresh) IS NOT NULL
        ON CONFLICT (device_id, epoch) DO UPDATE
           SET through = CASE WHEN s.through >= excluded.came_first - 1 THEN greatest(s.through, excluded.came_last)
                              ELSE s.through END,
               highest = greatest(s.highest, excluded.highest)
        RETURNING device_id, epoch, through, highest),
    counted AS (
        INSERT INTO device_state AS s (device_id, organization_id, received_count, stored_count, held_count,
                                       quarantined_count, duplicate_count, last_measured_at, last_seen_at, day,
                                       day_count)
        SELECT sender, organization_id, sum(times),
               count(*) FILTER (WHERE fate = 'stored' AND is_new), count(*) FILTER (WHERE fate = 'held' AND is_new),
               count(*) FILTER (WHERE fate = 'quarantined' AND is_new), sum(times) - count(*) FILTER (WHERE is_new),
               max(measured_at) FILTER (WHERE fate = 'stored' AND is_new), max(received_at),
               max(received_at AT TIME ZONE 'UTC')::date, sum(times)
          FROM (SELECT i.*, reading_id IN (SELECT reading_id FROM fresh) AS is_new FROM incoming i OFFSET 0) AS i
         WHERE organization_id IS NOT NULL AND (SELECT count(*) FROM moved) IS NOT NULL
         GROUP BY sender, organization_id
         ORDER BY sender
        ON CONFLICT (device_id) DO UPDATE
           SET received_count = s.received_count + excluded.received_count,
               stored_count = s.stored_count + excluded.stored_count,
               held_count = s.held_count + excluded.held_count,
               quarantined_count = s.quarantined_count + excluded.quarantined_count,
               duplicate_count = s.duplicate_count + excluded.duplicate_count,
               last_measured_at = greatest(s.last_measured_at, excluded.last_measured_at),
               last_seen_at = greatest(s.last_seen_at, excluded.last_seen_at),
               day = greatest(s.day, excluded.day),
               day_count = CASE WHEN s.day = excluded.day THEN s.day_count + excluded.day_count
                                WHEN s.day > excluded.day THEN s.day_count ELSE excluded.day_count END)
    SELECT device_id, epoch, through, highest, NULL::uuid AS before FROM moved
     UNION ALL
    SELECT NULL, NULL, NULL, NULL, reading_id FROM incoming WHERE reading_id NOT IN (SELECT reading_id FROM fresh)
     UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL FROM unnest($3::text[]) AS news WHERE pg_notify($2, news) IS NULL  -- never
"""


async def enter(
    db: Any, entries: Sequence[Candidate], times: Mapping[Key, int] | None, judged_with: Mapping[Any, str],
    now: datetime, news: tuple[str, Sequence[str]] = ("", ()), proof: Proof | None = None,
) -> Entered:  # fmt: skip
    """Enter what is new, with its readings: one round trip, in a transaction opened by the caller.

    `news`: a channel and what whoever listens there hears on commit; telling it apart would be another round trip.
    `Disproved` when the `proof` failed; it needs a sender that is registered.

    Each key once; `times` says how often each came in this batch, None that none came twice. Sorted by key, and
    ledger before numbers before counts: two batches that meet must not deadlock.
    """
    if not entries:
        return Entered(before=set(), through={})
    runs = incoming.runs(entries)
    text = incoming.literal(sorted(entries, key=incoming.where), times, runs, judged_with, now)
    before, through, unsure = set(), {}, []
    resting = (proof.senders, proof.patients, proof.at, Decimal(proof.fingerprints)) if proof else [None] * 4
    said = await db.fetch(ENTER, text, *news, *resting, USUAL_FROM)
    if proof and not said:
        raise Disproved
    for device, epoch, settled, highest, known in said:
        if known is not None:
            before.add(known)
            continue
        through[device, epoch] = settled
        first = runs[device, epoch].first
        if first and first - 1 <= settled < highest:
            unsure.append((device, epoch, settled))
    through.update(await advance(db, unsure))
    return Entered(before=before, through=through)


ADVANCE = """
    UPDATE sequence_state s SET through = f.through
      FROM (SELECT n.device_id, n.epoch, max(run.seq) AS through
              FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS n (device_id, epoch, through)
             CROSS JOIN LATERAL (
                   SELECT a.seq, n.through + row_number() OVER (ORDER BY a.seq) AS expected
                     FROM (SELECT DISTINCT seq FROM arrival
                            WHERE device_id = n.device_id AND epoch = n.epoch AND seq > n.through
                            ORDER BY seq LIMIT 10000) a) AS run
             WHERE run.seq = run.expected
             GROUP BY n.device_id, n.epoch) AS f
     WHERE s.device_id = f.device_id AND s.epoch = f.epoch
    RETURNING s.device_id, s.epoch, s.through
"""


async def advance(db: Any, standing: Iterable[tuple[str, int, int]]) -> dict[Epoch, int]:
    """How far epochs are settled whose hole may have closed: numbers beyond it came before."""
    rows = list(standing)
    if not rows:
        return {}
    records = await db.fetch(ADVANCE, *map(list, zip(*rows, strict=True)))
    return {(r["device_id"], r["epoch"]): r["through"] for r in records}


EARLIER = """
    SELECT a.device_id, a.epoch, a.key, a.hash, a.fate, a.reason
      FROM unnest($1::text[], $2::bigint[], $3::text[]) AS asked (device_id, epoch, key)
      JOIN arrival a USING (device_id, epoch, key)
"""


async def earlier(db: Any, keys: Sequence[Key]) -> dict[Key, Earlier]:
    """What became of the entries with these keys when they first came."""
    if not keys:
        return {}
    records = await db.fetch(EARLIER, *map(list, zip(*keys, strict=True)))
    return {
        (r["device_id"], r["epoch"], r["key"]): Earlier(hash=r["hash"], fate=r["fate"], reason=r["reason"])
        for r in records
    }

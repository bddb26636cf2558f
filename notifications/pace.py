"""How fast each of our numbers may text: a bucket per number and channel in the database, for all workers together."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from notifications import outbox
from notifications.messages import Channel
from notifications.outbox import Claimed, Room

# Texts a second that Twilio lets out by kind of number; what comes faster queues there, out of our hands, and is
# refused when that queue is full (21611). Source: Twilio, "Understanding Twilio rate limits and message queues"; what a
# campaign was granted is told by TWILIO_TEXTS_A_SECOND.
LONG_CODE, TOLL_FREE, SHORT_CODE, SERVICE, CALLS = 1.0, 3.0, 100.0, 10.0, 1.0  # a service has several numbers
TOLL_FREE_CODES = ("800", "833", "844", "855", "866", "877", "888")
LONGEST_HOLD = timedelta(minutes=5)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """`default_sender`: what texts come from where an organization has no number. `texts_a_second`: of every number."""

    default_sender: str
    texts_a_second: float | None = None

    def rate(self, number: str, channel: Channel) -> float:
        """Messages a second."""
        if channel != "sms":
            return CALLS
        return self.texts_a_second or granted(number)

    async def claim(self, db: Any, now: datetime, limit: int) -> list[Claimed]:
        """Take what is due, no more than the numbers may send: pages and safety texts first, whatever the bucket says.

        That the provider asked to wait with a number, because of somebody's reminder, holds up no page: it tries, and
        is told to wait itself when it must. The buckets' rows stay locked until the commit, so that all workers
        together never take more than there is.
        """
        await db.execute(OPEN, self.default_sender, list(outbox.CHANNELS), now)
        buckets = [Bucket(**dict(row)) for row in await db.fetch(LOCK)]
        free = [one for one in buckets if one.held_until is None or one.held_until <= now]
        urgent = await outbox.claim_urgent(db, now, limit, self.default_sender, [one.room(limit) for one in buckets])
        taken = Counter((one.from_number, one.channel) for one in urgent)
        rooms = [one.room(self._left(one, now) - taken[one.key]) for one in free]
        others = await outbox.claim_within(db, now, limit - len(urgent), self.default_sender, rooms)
        taken.update((one.from_number, one.channel) for one in others)
        await self._take(db, [one for one in buckets if taken[one.key]], taken, now)
        return [*urgent, *others]

    async def hold(self, db: Any, number: str, channel: Channel, until: datetime, now: datetime) -> None:
        """The provider asks to wait: every worker does, for this number, with all but pages and safety texts."""
        await db.execute(HOLD, number or self.default_sender, channel, min(until, now + LONGEST_HOLD))

    def _left(self, bucket: "Bucket", now: datetime) -> int:
        rate = self.rate(bucket.sender_number, bucket.channel)
        return math.floor((now - self._empty(bucket, now)).total_seconds() * rate + 1e-6)

    def _empty(self, bucket: "Bucket", now: datetime) -> datetime:
        """A bucket holds a second's worth, and one text at least."""
        rate = self.rate(bucket.sender_number, bucket.channel)
        return max(bucket.empty_at, now - timedelta(seconds=max(1.0, 1 / rate)))

    async def _take(
        self, db: Any, buckets: Sequence["Bucket"], taken: "Counter[tuple[str, Channel]]", now: datetime
    ) -> None:
        empty = [
            self._empty(one, now) + timedelta(seconds=taken[one.key] / self.rate(one.sender_number, one.channel))
            for one in buckets
        ]
        if empty:
            await db.execute(TAKE, [one.sender_number for one in buckets], [one.channel for one in buckets], empty)


def granted(number: str) -> float:
    """Texts a second by the kind of number: a messaging service, a short code, a toll-free number, a long code."""
    if number.startswith("MG"):
        return SERVICE
    if number and len(number.removeprefix("+")) <= 6:
        return SHORT_CODE
    return TOLL_FREE if number.startswith("+1") and number[2:5] in TOLL_FREE_CODES else LONG_CODE


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """One number's and channel's; it fills from `empty_at` on, which lies ahead when pages overtook."""

    sender_number: str
    channel: Channel
    empty_at: datetime
    held_until: datetime | None

    @property
    def key(self) -> tuple[str, Channel]:
        return self.sender_number, self.channel

    def room(self, most: int) -> Room:
        return Room(sender_number=self.sender_number, channel=self.channel, most=max(most, 0))


OPEN = """
    INSERT INTO sender_pace (sender_number, channel, organization_id, empty_at)
    SELECT DISTINCT ON (1, 2) coalesce(o.sender_number, $1), c, o.id, $3::timestamptz - interval '1 minute'
      FROM organization o CROSS JOIN unnest($2::text[]) AS c
     ORDER BY 1, 2, o.id
    ON CONFLICT (sender_number, channel) DO NOTHING
"""
LOCK = """
    SELECT sender_number, channel, empty_at, held_until FROM sender_pace ORDER BY sender_number, channel FOR UPDATE
"""
TAKE = """
    UPDATE sender_pace p SET empty_at = n.empty_at
      FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS n (sender_number, channel, empty_at)
     WHERE p.sender_number = n.sender_number AND p.channel = n.channel
"""
HOLD = """
    UPDATE sender_pace SET held_until = greatest(held_until, $3) WHERE sender_number = $1 AND channel = $2
"""

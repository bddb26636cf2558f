"""What is on its way without a receipt: how much more may go, and when what has to be sent again. Pure."""

import random
from collections.abc import Iterable, Sequence

import msgspec

from devices.hub.outbox import Entry

IN_FLIGHT = 100  # the contract's bound
BACKLOG_IN_FLIGHT = 80  # the rest is kept free, so that a live reading never waits behind old ones
LONGEST_PATIENCE_S = 60.0


class Flight(msgspec.Struct):
    """One entry that was sent: when, for how long its receipt is waited for, and over which connection."""

    entry: Entry
    sent_at: float
    wait_s: float
    connection: int


class Flights:
    """Times are of one monotonic clock, in seconds."""

    def __init__(self, receipt_within_s: float) -> None:
        self._within_s = self._patience_s = receipt_within_s
        self._flying: dict[int, Flight] = {}
        self._connection = 0
        self._answered = False  # a receipt came since the last asking
        self._ask_at = 0.0

    def numbers(self) -> frozenset[int]:
        return frozenset(self._flying)

    def room(self, *, backlog: bool) -> int:
        """How many more may go. Backlog waits while nobody answers; live readings do not."""
        free = IN_FLIGHT - len(self._flying)
        if not backlog:
            return free
        old = sum(flight.entry.backlog for flight in self._flying.values())
        silent = self._flying and not self._answered and self._patience_s > self._within_s
        return 0 if silent else min(free, max(0, BACKLOG_IN_FLIGHT - old))

    def took_off(self, entries: Sequence[Entry], now: float) -> None:
        for entry in entries:
            self._flying[entry.seq] = Flight(entry, now, self._jittered(self._within_s), self._connection)

    def landed(self, numbers: Iterable[int], through: int = 0) -> None:
        for seq in (*numbers, *(one for one in self._flying if one <= through)):
            self._flying.pop(seq, None)

    def of_hashes(self, hashes: set[str]) -> list[int]:
        """The numbers of those among what flies whose bytes have these SHA-256."""
        if not hashes:
            return []
        return [seq for seq, flight in self._flying.items() if flight.entry.hash.hex() in hashes]

    def reconnected(self) -> None:
        """What was sent over an older connection may be lost: it is asked about at once."""
        self._connection += 1
        self._answered = False
        self._ask_at = 0.0

    def heard(self) -> None:
        """A receipt came: somebody answers again."""
        self._answered = True
        self._patience_s = self._within_s

    def due(self, now: float) -> list[Entry]:
        """What is to be sent again now: everything overdue if somebody answers, else the oldest one to ask."""
        overdue = [flight for flight in self._flying.values() if self._overdue(flight, now)]
        if not overdue:
            return []
        if not self._answered:
            if now < self._ask_at:
                return []
            overdue = [min(overdue, key=lambda flight: flight.entry.seq)]
            self._ask_at = now + self._jittered(self._patience_s)
            self._patience_s = min(self._patience_s * 2, LONGEST_PATIENCE_S)
        self._answered = False
        for flight in overdue:
            flight.sent_at, flight.connection = now, self._connection
            flight.wait_s = self._jittered(self._within_s)
        return [flight.entry for flight in overdue]

    def next_look(self, now: float) -> float | None:
        """Seconds until something may become due; None while nothing flies."""
        if not self._flying:
            return None
        soonest = min(self._due_at(flight) for flight in self._flying.values())
        return max(0.01, (soonest if self._answered else max(soonest, self._ask_at)) - now)

    def _overdue(self, flight: Flight, now: float) -> bool:
        return now >= self._due_at(flight)

    def _due_at(self, flight: Flight) -> float:
        return 0.0 if flight.connection != self._connection else flight.sent_at + flight.wait_s

    def _jittered(self, seconds: float) -> float:
        return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter

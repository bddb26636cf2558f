"""What waits to be stored: every sender in turn, live before backlog, so that a flood waits behind everybody else."""

from collections import deque
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

TURN = 16  # messages
SHARE = 4  # one in four of a batch is for who comes last while both wait: last, and still moving
HINT = b'"backlog"'  # looked for, not decoded: where it is wrong it costs a place in the queue and nothing else


class Message(Protocol):
    """What is needed of a message: whose it is, and its bytes."""

    @property
    def topic(self) -> bytes: ...
    @property
    def payload(self) -> bytes: ...


M = TypeVar("M", bound=Message)


class Ring(Generic[M]):
    """One queue per topic, and turns of up to sixteen messages (deficit round robin, as in RFC 8290).

    Whoever had nothing waiting comes before those who have: one reading of a quiet device overtakes any number of
    floods. A turn is of several messages because what is asked of PostgreSQL for a sender is asked once for all.
    """

    def __init__(self) -> None:
        self._queues: dict[bytes, deque[M]] = {}
        self._new: deque[bytes] = deque()
        self._known: deque[bytes] = deque()
        self.size = 0

    def put(self, message: M) -> None:
        self.size += 1
        queue = self._queues.get(message.topic)
        if queue is None:
            self._queues[message.topic] = deque((message,))
            self._new.append(message.topic)
        else:
            queue.append(message)

    def take(self, most: int) -> list[M]:
        room = min(most, self.size)
        self.size -= room
        taken: list[M] = []
        for_new = room - room // SHARE if self._known else room
        while len(taken) < room:
            new = self._new and (len(taken) < for_new or not self._known)
            topic = self._new.popleft() if new else self._known.popleft()
            queue = self._queues[topic]
            if len(queue) <= TURN and len(queue) <= room - len(taken):
                taken += queue
                del self._queues[topic]
                continue
            taken += [queue.popleft() for _ in range(min(TURN, room - len(taken)))]
            self._known.append(topic)
        return taken


class Waiting(Generic[M]):
    """Messages in the order in which they should be stored; each topic's own order is kept within live and backlog."""

    def __init__(self) -> None:
        self._live: Ring[M] = Ring()
        self._backlog: Ring[M] = Ring()

    def __len__(self) -> int:
        return self._live.size + self._backlog.size

    def put(self, messages: Iterable[M]) -> None:
        for message in messages:
            (self._backlog if HINT in message.payload else self._live).put(message)

    def take(self, most: int) -> list[M]:
        """At most `most`, live ones first."""
        share = min(self._backlog.size, most // SHARE)
        taken = self._live.take(most - share)
        return taken + self._backlog.take(most - len(taken))

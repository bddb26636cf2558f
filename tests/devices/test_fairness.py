"""A flood waits behind everybody else, a full store behind what is measured now; and acknowledgements keep their order."""

import random
from collections import deque
from typing import Any

import msgspec
import pytest

from devices.fairness import Waiting
from devices.mqtt import Connection


class Message(msgspec.Struct, frozen=True):
    topic: bytes
    payload: bytes
    number: int = 0


def live(topic: str, number: int = 0) -> Message:
    return Message(topic.encode(), b'{"kind": "pulse"}', number)


def old(topic: str, number: int = 0) -> Message:
    return Message(topic.encode(), b'{"kind": "pulse", "backlog": true}', number)


def filled(*messages: Message) -> Waiting[Message]:
    waiting: Waiting[Message] = Waiting()
    waiting.put(messages)
    return waiting


def test_a_flood_waits_behind_everybody_else() -> None:
    waiting = filled(*(live("flood", n) for n in range(5000)), live("quiet"))
    assert [m.topic for m in waiting.take(18)][15:] == [b"flood", b"quiet", b"flood"]


def test_who_had_nothing_waiting_overtakes_any_number_of_floods() -> None:
    waiting = filled(*(live(f"flood {n % 400}", n) for n in range(20_000)))
    waiting.take(400 * 16)
    waiting.put([live("quiet")])
    assert waiting.take(4)[0].topic == b"quiet"


def test_new_senders_without_end_do_not_starve_who_waits() -> None:
    waiting = filled(*(live("flood", n) for n in range(100)))
    waiting.take(16)
    for round_number in range(10):
        waiting.put([live(f"new {round_number} {n}") for n in range(100)])
        assert [m.topic for m in waiting.take(40)].count(b"flood") == (
            10 if round_number < 8 else 4 - 4 * (round_number - 8)
        )


def test_live_goes_before_backlog_and_backlog_still_moves() -> None:
    waiting = filled(*(old(f"hub {n % 20}", n) for n in range(5000)), *(live("cuff", n) for n in range(400)))
    first = waiting.take(100)
    assert [m.topic == b"cuff" for m in first] == [True] * 75 + [False] * 25


def test_without_live_messages_backlog_fills_the_batch() -> None:
    waiting = filled(*(old("hub", n) for n in range(50)))
    assert (len(waiting.take(40)), len(waiting), len(waiting.take(40)), len(waiting)) == (40, 10, 10, 0)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_and_each_sender_keeps_its_order(seed: int) -> None:
    chance, waiting = random.Random(seed), Waiting[Message]()
    sent: list[Message] = []
    taken: list[Message] = []
    for number in range(600):
        message = chance.choice((live, old))(f"sender {chance.randrange(7)}", number)
        sent.append(message)
        waiting.put([message])
        if chance.random() < 0.2:
            taken += waiting.take(chance.randrange(1, 30))
    taken += waiting.take(len(waiting))
    assert sorted(m.number for m in taken) == list(range(600))
    for topic in {m.topic for m in sent}:
        for kind in (live, old):
            of_sender = [m.number for m in taken if m.topic == topic and m.payload == kind("").payload]
            assert of_sender == sorted(of_sender)


class Recorded:
    """Stands for paho: keeps what is acknowledged."""

    def __init__(self) -> None:
        self.acked: deque[int] = deque()

    def ack(self, mid: int, qos: int) -> None:
        self.acked.append(mid)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_stored_first_acknowledgements_go_in_the_order_the_messages_came(seed: int) -> None:
    chance, client = random.Random(seed), Recorded()
    connection = Connection(client)  # type: ignore[arg-type]
    came = chance.sample(range(1, 65536), 300)
    connection.delivered([mid if chance.random() < 0.9 else 0 for mid in came])
    expected = list(connection._delivered)
    stored: list[int] = expected + [0] * (300 - len(expected))
    chance.shuffle(stored)
    done: set[int] = set()
    while stored:
        batch, stored = stored[:17], stored[17:]
        connection.settle(batch)
        done.update(batch)
        until: Any = next((n for n, mid in enumerate(expected) if mid not in done), len(expected))
        assert list(client.acked) == expected[:until]
    assert list(client.acked) == expected
    assert not connection._stored

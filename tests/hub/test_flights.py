"""When a hub sends again, and how much it has on its way."""

from devices.hub.flights import BACKLOG_IN_FLIGHT, IN_FLIGHT, Flights
from devices.hub.outbox import Entry


def entries(first: int, count: int, *, backlog: bool = False) -> list[Entry]:
    return [Entry(seq=n, backlog=backlog, body=b"%d" % n, hash=b"%d" % n) for n in range(first, first + count)]


def test_backlog_never_fills_the_whole_window() -> None:
    flights = Flights(10)
    assert (flights.room(backlog=False), flights.room(backlog=True)) == (IN_FLIGHT, BACKLOG_IN_FLIGHT)
    flights.took_off(entries(1, 80, backlog=True), 0)
    assert (flights.room(backlog=False), flights.room(backlog=True)) == (20, 0)
    flights.landed([1], through=10)
    assert (flights.room(backlog=False), flights.room(backlog=True)) == (30, 10)


def test_what_got_no_receipt_is_sent_again_once_somebody_answered_others() -> None:
    flights = Flights(10)
    flights.took_off(entries(1, 3), 0)
    flights.heard()
    flights.landed([1, 3])
    assert flights.due(7.9) == []
    assert [e.seq for e in flights.due(12.1)] == [2]


def test_while_nobody_answers_one_reading_asks_and_asks_less_and_less_often() -> None:
    flights, asked, now = Flights(10), [], 0.0
    flights.took_off(entries(1, 100), 0)
    while now < 3600:
        now += 1
        due = flights.due(now)
        assert len(due) <= 1
        asked += [now] * len(due)
    assert 50 <= len(asked) <= 85  # an hour at one per minute, jittered; not 100 × 360
    flights.heard()
    assert len(flights.due(now + 80)) == 100


def test_backlog_waits_while_nobody_answers_but_live_readings_go() -> None:
    flights = Flights(10)
    flights.took_off(entries(1, 10, backlog=True), 0)
    flights.due(13)
    assert (flights.room(backlog=True), flights.room(backlog=False)) == (0, 90)
    flights.heard()
    assert flights.room(backlog=True) == 70


def test_after_a_reconnect_one_asks_at_once_and_its_receipt_wakes_the_rest() -> None:
    flights = Flights(10)
    flights.took_off(entries(1, 4), 0)
    flights.heard()
    flights.reconnected()
    assert [e.seq for e in flights.due(1)] == [1]
    assert flights.due(1) == []
    flights.heard()
    flights.landed([1])
    assert [e.seq for e in flights.due(1)] == [2, 3, 4]


def test_nothing_is_looked_at_while_nothing_flies() -> None:
    flights = Flights(10)
    assert flights.next_look(0) is None
    flights.took_off(entries(1, 1), 0)
    assert 8 <= (flights.next_look(0) or 0) <= 12

"""Which measurements are expected on a patient's own clock, and which are missed; nights of 23 and 25 hours too."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest

from server.monitoring import schedule
from server.monitoring.parameters import Missing
from server.monitoring.schedule import Expected, Window
from server.monitoring.series_devices import Lent, able, why

NEW_YORK = ZoneInfo("America/New_York")
MONDAY = date(2026, 11, 2)  # a block of four weeks begins
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MORNING, EVENING = Expected(opens=5 * 60, closes=12 * 60), Expected(opens=16 * 60, closes=23 * 60)
SEEDS = range(100)


def local(text: str, fold: int = 0, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def expected(opens: str, closes: str) -> Expected:
    minutes = [int(t[:2]) * 60 + int(t[3:]) for t in (opens, closes)]
    return Expected(opens=minutes[0], closes=minutes[1])


# 2026-03-08: 02:00 becomes 03:00 (07:00 UTC). 2026-11-01: 02:00 EDT becomes 01:00 EST (06:00 UTC).
@pytest.mark.parametrize(
    ("day", "opens", "closes", "begins", "ends"),
    [
        ("2026-03-07", "05:00", "12:00", "10:00", "17:00"),
        ("2026-03-08", "05:00", "12:00", "09:00", "16:00"),
        ("2026-03-08", "00:00", "24:00", "05:00", "28:00"),  # a day of 23 hours
        ("2026-03-08", "02:00", "03:00", None, None),  # the hour that is skipped is nobody's
        ("2026-03-08", "02:15", "02:45", None, None),
        ("2026-03-08", "01:00", "02:30", "06:00", "07:00"),  # ends at the jump
        ("2026-03-08", "02:30", "04:00", "07:00", "08:00"),  # begins at the jump
        ("2026-03-08", "01:59", "03:00", "06:59", "07:00"),
        ("2026-11-01", "05:00", "12:00", "10:00", "17:00"),
        ("2026-11-01", "00:00", "24:00", "04:00", "29:00"),  # a day of 25 hours
        ("2026-11-01", "01:00", "02:00", "05:00", "07:00"),  # the hour that comes twice, both times
        ("2026-11-01", "01:30", "01:45", "05:30", "06:45"),
        ("2026-11-01", "02:00", "03:00", "07:00", "08:00"),
    ],
)
def test_a_window_on_the_patients_own_clock(
    day: str, opens: str, closes: str, begins: str | None, ends: str | None
) -> None:
    of = date.fromisoformat(day)
    found = schedule.windows([expected(opens, closes)], NEW_YORK, of, of)
    midnight = datetime.combine(of, datetime.min.time(), tzinfo=UTC)
    spans = [(w.opens - midnight, w.closes - midnight) for w in found]
    wanted = [] if begins is None or ends is None else [(since_midnight(begins), since_midnight(ends))]
    assert spans == wanted
    assert [w.name for w in found] == [f"{day}T{opens}"] * len(wanted)


def since_midnight(text: str) -> timedelta:
    return timedelta(hours=int(text[:2]), minutes=int(text[3:]))


def test_clocks_that_jump_at_midnight_or_by_half_an_hour() -> None:
    beirut, howe = ZoneInfo("Asia/Beirut"), ZoneInfo("Australia/Lord_Howe")
    of = date(2026, 3, 29)  # 00:00 becomes 01:00
    [window] = schedule.windows([expected("00:00", "02:00")], beirut, of, of)
    assert (window.opens, window.closes - window.opens) == (datetime(2026, 3, 28, 22, tzinfo=UTC), HOUR)
    of = date(2026, 10, 4)  # 02:00 becomes 02:30
    [window] = schedule.windows([expected("01:00", "02:15")], howe, of, of)
    assert window.closes - window.opens == HOUR


def test_only_the_weekdays_that_were_asked_for() -> None:
    weekly = Expected(opens=300, closes=600, weekdays=(0, 3))
    found = schedule.windows([weekly], NEW_YORK, MONDAY, MONDAY + 13 * DAY)
    assert [w.day.weekday() for w in found] == [0, 3, 0, 3]
    assert schedule.per_week([weekly, MORNING]) == 9


@pytest.mark.parametrize(
    ("closes", "told"),
    [
        ("2026-11-05T06:59", "2026-11-05T08:00"),
        ("2026-11-05T07:00", "2026-11-05T08:00"),
        ("2026-11-05T12:00", "2026-11-05T13:00"),
        ("2026-11-05T18:59", "2026-11-05T19:59"),
        ("2026-11-05T19:00", "2026-11-06T08:00"),  # silence is no news of the night
        ("2026-11-05T22:00", "2026-11-06T08:00"),
        ("2026-11-05T23:30", "2026-11-06T08:00"),
        ("2026-10-31T22:00", "2026-11-01T08:00"),  # the night of 25 hours
        ("2026-03-07T22:00", "2026-03-08T08:00"),  # and of 23
    ],
)
def test_a_window_settles_an_hour_after_it_closed_and_by_day(closes: str, told: str) -> None:
    window = Window(day=MONDAY, name="", opens=local(closes) - HOUR, closes=local(closes))
    assert schedule.settled_at(window, NEW_YORK) == local(told)


def daily(days: int, *each: Expected) -> list[Window]:
    return schedule.windows(each or (MORNING,), NEW_YORK, MONDAY, MONDAY + (days - 1) * DAY)


def anchors(windows: Sequence[Window], *measured: str, now: str = "2026-12-31T00:00") -> list[str]:
    times = [local(text) for text in measured]
    facts = schedule.missed("blood_pressure", Missing(windows=2), windows, times, NEW_YORK, local(now))
    return [fact.anchor.removeprefix("missed:blood_pressure:2026-11-") for fact in facts]


@pytest.mark.parametrize(
    ("windows", "measured", "found"),
    [
        (daily(1), (), []),
        (daily(2), (), ["03T05:00"]),
        (daily(3), (), ["03T05:00"]),
        (daily(4), (), ["03T05:00", "05T05:00"]),  # each further two
        (daily(2), ("2026-11-02T05:00",), []),  # at the opening
        (daily(2), ("2026-11-02T11:59",), []),
        (daily(2), ("2026-11-02T12:00",), []),  # too late for it, yet not silent: it belongs to the next
        (daily(2), ("2026-11-02T04:59",), ["03T05:00"]),  # before the first
        (daily(2), ("2026-11-03T12:00",), ["03T05:00"]),  # after the last
        (daily(4), ("2026-11-03T20:00",), ["03T05:00"]),
        (daily(4), ("2026-11-02T20:00", "2026-11-04T20:00"), []),
        (daily(4), ("2026-11-02T20:00",), ["05T05:00"]),
        (daily(2, MORNING, EVENING), ("2026-11-02T14:00",), ["03T16:00"]),
        (daily(2, MORNING, EVENING), ("2026-11-02T07:00", "2026-11-03T07:00"), []),  # evenings only is not silent
        (daily(27)[25:], (), ["28T05:00"]),
    ],
)
def test_so_many_in_a_row_are_missed(windows: list[Window], measured: tuple[str, ...], found: list[str]) -> None:
    assert anchors(windows, *measured) == found


def test_nothing_is_missed_before_it_could_have_arrived() -> None:
    assert anchors(daily(2), now="2026-11-03T12:59") == []
    assert anchors(daily(2), now="2026-11-03T13:00") == ["03T05:00"]
    assert anchors(daily(2, EVENING), now="2026-11-04T07:59") == []
    assert anchors(daily(2, EVENING), now="2026-11-04T08:00") == ["03T16:00"]


@pytest.mark.parametrize(("first", "nights"), [(date(2026, 3, 7), 23), (date(2026, 10, 31), 25)])
def test_a_night_of_another_length_is_neither_missed_twice_nor_lost(first: date, nights: int) -> None:
    windows = schedule.windows([expected("00:00", "24:00")], NEW_YORK, first, first + 2 * DAY)
    assert [(w.closes - w.opens) / HOUR for w in windows] == [24, nights, 24]
    facts = schedule.missed("weight", Missing(windows=3), windows, [], NEW_YORK, windows[-1].closes + DAY)
    assert [(fact.value, fact.day) for fact in facts] == [(Decimal(3), first + 2 * DAY)]


def test_a_fact_says_how_many_and_when() -> None:
    [first, second] = schedule.missed(
        "weight", Missing(windows=2, severity="medium"), daily(4), [], NEW_YORK, local("2026-12-01T00:00")
    )
    assert (first.value, second.value, second.limit_value) == (Decimal(2), Decimal(4), Decimal(2))
    assert (second.severity, second.metric, second.evidence) == ("medium", "missed_windows", ())
    assert second.measured_at == local("2026-11-05T12:00")


def test_the_next_look_is_when_the_next_window_settles() -> None:
    windows = daily(2, MORNING, EVENING)
    assert schedule.next_settled(windows, NEW_YORK, local("2026-11-02T06:00")) == local("2026-11-02T13:00")
    assert schedule.next_settled(windows, NEW_YORK, local("2026-11-02T13:00")) == local("2026-11-03T08:00")
    assert schedule.next_settled([], NEW_YORK, local("2026-11-02T13:00")) is None
    assert schedule.next_morning(NEW_YORK, local("2026-11-02T07:59")) == local("2026-11-02T08:00")
    assert schedule.next_morning(NEW_YORK, local("2026-11-02T08:00")) == local("2026-11-03T08:00")


@pytest.mark.parametrize("length", [30, 90])
def test_any_order_and_any_look_back_find_the_same(length: int) -> None:
    rule, now, wrong = Missing(windows=3), local("2027-06-01T00:00"), 0
    every = daily(length, MORNING, EVENING)
    for number in SEEDS:
        chance = random.Random(number)
        times = [
            local("2026-11-02T00:00") + chance.random() * length * DAY for _ in range(length // chance.choice((3, 30)))
        ]
        facts = schedule.missed("spo2", rule, every, times, NEW_YORK, now)
        shuffled = [*chance.sample(times, len(times)), *times[:3]]
        wrong += schedule.missed("spo2", rule, every, shuffled, NEW_YORK, now) != facts
        begins = MONDAY + 28 * DAY
        near = [w for w in every if w.day >= begins - 21 * DAY]
        again = schedule.missed("spo2", rule, near, times, NEW_YORK, now)
        wrong += [f for f in again if f.day >= begins] != [f for f in facts if f.day >= begins]
        for fact in facts:  # nothing was measured from the first of them to the last
            place = next(n for n, w in enumerate(every) if w.closes == fact.measured_at)
            wrong += any(every[place - 2].opens <= at < every[place].closes for at in times)
    print(f"{wrong} of {len(SEEDS)} seeds wrong")
    assert wrong == 0


CUFF = Lent(kinds=["blood_pressure", "pulse"], since=local("2026-11-03T00:00"), until=None, silent=False)


@pytest.mark.parametrize(
    ("lent", "first", "kept"),
    [
        ([CUFF], None, ["03", "04"]),
        ([msgspec.structs.replace(CUFF, since=local("2026-11-03T06:00"))], None, ["04"]),
        ([msgspec.structs.replace(CUFF, since=None, until=local("2026-11-04T11:00"))], None, ["02", "03"]),
        ([msgspec.structs.replace(CUFF, kinds=["weight"])], None, []),
        ([], local("2026-11-02T06:00"), ["03", "04"]),  # measured it before, with what it may
        ([], None, []),
    ],
)
def test_only_who_can_measure_can_miss(lent: list[Lent], first: datetime | None, kept: list[str]) -> None:
    assert [w.name[8:10] for w in able(daily(3), "blood_pressure", lent, first)] == kept


SILENT = msgspec.structs.replace(CUFF, silent=True)


@pytest.mark.parametrize(
    ("lent", "said"),
    [
        ([SILENT], "silent_device"),
        ([CUFF], "silent_patient"),
        ([SILENT, CUFF], "silent_patient"),  # one of them could be used
        ([SILENT, msgspec.structs.replace(CUFF, kinds=["weight"])], "silent_device"),
        ([SILENT, msgspec.structs.replace(CUFF, until=local("2026-11-04T00:00"))], "silent_device"),  # taken back
        ([], "silent_patient"),
    ],
)
def test_a_silent_device_is_not_a_silent_patient(lent: list[Lent], said: str) -> None:
    assert why("blood_pressure", lent, local("2026-11-05T00:00")) == said

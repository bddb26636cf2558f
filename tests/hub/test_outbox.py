"""The hub's store: what was accepted stays, a number's bytes never change, a lost store never repeats itself."""

import json
import sqlite3
from pathlib import Path

import pytest

from devices.hub.outbox import LONGEST, NotAReading, Outbox, new_epoch, parse

PULSE = parse(b'{"kind":"pulse","pulse":70}')


def bodies(outbox: Outbox) -> list[bytes]:
    return [e.body for backlog in (False, True) for e in outbox.next(1000, backlog=backlog)]


def test_numbers_start_at_one_and_go_on_after_a_restart(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 7)
    assert (outbox.epoch, outbox.accept([PULSE, PULSE], backlog=False)) == (7, [1, 2])
    outbox.close()
    again = Outbox(tmp_path, 99)
    assert (again.epoch, again.accept([PULSE], backlog=True), again.waiting()) == (7, [3], 3)
    again.close()


def test_the_bytes_of_a_number_are_the_same_after_a_restart(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 7)
    outbox.accept([parse(b'{"kind":"temperature","temperature":36.60}')], backlog=False)
    before = bodies(outbox)
    outbox.close()
    again = Outbox(tmp_path, 8)
    assert bodies(again) == before == [b'{"seq":1,"epoch":7,"kind":"temperature","temperature":36.60}']
    again.close()


@pytest.mark.parametrize("clock", [0, 1, 10**18])
def test_a_lost_store_begins_a_later_epoch_whatever_the_clock_says(tmp_path: Path, clock: int) -> None:
    Outbox(tmp_path, 1000).close()
    for lost in tmp_path.glob("outbox*"):
        lost.unlink()
    outbox = Outbox(tmp_path, clock)
    assert outbox.epoch > 1000
    assert outbox.accept([PULSE], backlog=False) == [1]
    outbox.close()


def test_a_wiped_disk_with_a_clock_that_was_never_set_still_begins_another_epoch() -> None:
    made = {new_epoch(12) for _ in range(100)}
    assert len(made) > 90
    assert max(made) < new_epoch(13) < new_epoch(2**32) < 2**53


def test_a_damaged_store_is_set_aside_and_numbers_begin_anew(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 5)
    outbox.accept([PULSE], backlog=False)
    outbox.close()
    (tmp_path / "outbox.sqlite3").write_bytes(b"an SD card at its end" * 1000)
    again = Outbox(tmp_path, 5)
    assert again.set_aside
    assert again.set_aside.exists()
    assert (again.epoch, again.accept([PULSE], backlog=False)) == (6, [1])
    again.close()


def test_two_hubs_cannot_share_a_store(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 5)
    with pytest.raises(sqlite3.OperationalError):
        Outbox(tmp_path, 6)
    outbox.close()


def test_every_commit_reaches_the_disk_before_it_counts(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 5)
    settings = [outbox._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]  # 2 is FULL: a SIGKILL cannot show its absence, a power cut would
    outbox.close()


def test_live_comes_before_backlog_and_what_flies_is_left_out(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 5)
    outbox.accept([PULSE] * 3, backlog=True)
    outbox.accept([PULSE] * 2, backlog=False)
    assert [e.seq for e in outbox.next(10, backlog=False)] == [4, 5]
    assert [e.seq for e in outbox.next(2, backlog=True, flying=frozenset({1}))] == [2, 3]
    assert [json.loads(body).get("backlog") for body in bodies(outbox)] == [None, None, True, True, True]
    outbox.forget([4], through=2)
    assert [json.loads(body)["seq"] for body in bodies(outbox)] == [5, 3]
    outbox.close()


def test_what_is_given_twice_under_one_id_is_one_reading(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 5)
    named = parse(b'{"kind":"pulse","pulse":70,"id":"a"}')
    assert outbox.accept([named, PULSE, named], backlog=False) == [1, 2, 1]
    outbox.close()
    again = Outbox(tmp_path, 5)
    assert (again.accept([named], backlog=True), again.waiting()) == ([1], 2)
    assert b'"id"' not in b"".join(bodies(again))
    again.close()


def test_a_disk_that_cannot_keep_it_gives_no_number_away(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 5)
    outbox._db.execute("PRAGMA max_page_count = 12")
    with pytest.raises(sqlite3.OperationalError):
        outbox.accept([parse(b'{"kind":"pulse","x":"' + b"x" * 5000 + b'"}')] * 20, backlog=False)
    assert (outbox.accept([PULSE], backlog=False), outbox.waiting()) == ([1], 1)
    outbox.close()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"", "not a JSON object"),
        (b"nonsense", "not a JSON object"),
        (b"[1]", "not a JSON object"),
        (b'{"kind":"pulse",', "not a JSON object"),
        (b'{"pulse":70}', "no kind"),
        (b'{"kind":"pulse","id":5}', "id is not text"),
        (b'{"kind":"' + b"x" * LONGEST + b'"}', f"longer than {LONGEST} bytes"),
        (b'{"kind":' + b"[" * 4000 + b"}", "not a JSON object"),
    ],
)
def test_what_is_no_reading_is_refused_with_the_reason(line: bytes, says: str) -> None:
    with pytest.raises(NotAReading) as refused:
        parse(line)
    assert refused.value.says == says


def test_the_hubs_own_words_are_not_taken_from_a_reading() -> None:
    given = parse(b'{"seq":900,"epoch":4,"backlog":true,"kind":"pulse","pulse":70}')
    assert set(given.fields) == {"kind", "pulse"}

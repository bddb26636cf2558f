"""A batch's text means to PostgreSQL just what was meant, whatever a device's own words hold."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import incoming
from devices.decoded import DecodedReading
from devices.incoming import Run
from devices.intake import Candidate
from devices.quality import Clocked

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PATIENT = uuid.UUID(int=7)


def candidate(raw: str | None = None, flags: tuple[str, ...] = (), seq: int | None = 1, epoch: int = 0) -> Candidate:
    decoded = DecodedReading(
        kind="pulse", values={"pulse_bpm": Decimal("71.50")}, measured_at_raw=raw, flags=flags, seq=seq, epoch=epoch
    )
    return Candidate(
        sender="cuff-1", epoch=epoch, key=str(seq), seq=seq, hash=bytes(range(32)), fate="stored", reason=None,
        organization_id=uuid.UUID(int=1), reading_id=uuid.uuid4(), raw=b"{}", topic="t", about="cuff-1",
        patient_id=PATIENT, zone="America/New_York", decoded=decoded,
        clock=Clocked(measured_at=NOW, basis="device", ahead=False),
    )  # fmt: skip


def literal(*entries: Candidate) -> str:
    times = {entry.where: 1 for entry in entries}
    return incoming.literal(entries, times, incoming.runs(entries), {PATIENT: "abc"}, NOW)


WORDS = [
    '"',
    "\\",
    "a,b",
    "(x)",
    "{y}",
    "'",
    "NULL",
    "",
    "  ",
    '\\"',
    '","',
    "é",
    "\\N",
    "2026-01-01T00:00:00Z",
    "\\x41",
]


async def test_a_devices_own_words_come_through_as_they_are(owner: Any) -> None:
    text = literal(*(candidate(raw=word, flags=(word,) if word.strip() else (), seq=n) for n, word in enumerate(WORDS)))
    rows = await owner.fetch("SELECT * FROM unnest($1::text::incoming_entry[])", text)
    assert [row["measured_at_raw"] for row in rows] == WORDS
    assert [row["flags"] for row in rows] == [word or None for word in (w.strip().replace(" ", "_") for w in WORDS)]
    assert {(row["hash"], row["pulse_bpm"], row["judged_with"]) for row in rows} == {
        (bytes(range(32)).hex(), Decimal("71.50"), "abc")
    }


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"])), min_size=1, max_size=5))
def test_no_words_can_leave_their_place(words: list[str]) -> None:
    text = literal(*(candidate(raw=word) for word in words))
    outside, inside, escaped = [], False, False
    for character in text[1:-1]:
        if not inside and character == ",":
            outside.append(character)
        elif character == '"' and not escaped:
            inside = not inside
        escaped = character == "\\" and not escaped
    assert len(outside) == len(words) - 1


@pytest.mark.parametrize(
    ("numbers", "run"),
    [
        ([5], Run(5, 5, 5)), ([7, 5, 6], Run(5, 7, 7)), ([5, 6, 9], Run(5, 6, 9)), ([3, 3, 4], Run(3, 4, 4)),
        ([None], Run(0, 0, 0)), ([0, 1], Run(1, 1, 1)),
    ],
)  # fmt: skip
def test_a_run_is_the_lowest_numbers_without_a_hole_and_the_highest(numbers: list[int | None], run: Run) -> None:
    assert incoming.runs([candidate(seq=n) for n in numbers]) == {("cuff-1", 0): run}


def test_a_sender_nobody_registered_has_no_numbers() -> None:
    assert incoming.runs([msgspec.structs.replace(candidate(), organization_id=None)]) == {}

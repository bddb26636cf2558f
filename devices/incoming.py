"""A batch as PostgreSQL takes it in: the text of an array of `incoming_entry`, so that it is one argument.

Measured against its rivals for 2000 entries: 9 µs each to read in PostgreSQL, where arrays of columns cost 25 µs to
write here, JSON 14 µs to read there, and COPY, 7 µs to read, needs a staging table and three more round trips.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from devices.intake import Candidate, Key
from devices.units import COLUMNS

NO_READING = "," * (11 + len(COLUMNS))
PLAIN = re.compile(r"[A-Za-z0-9_:.+ -]+")

where = attrgetter("where")


class Run(msgspec.Struct, frozen=True, gc=False):
    """The numbers of one epoch in a batch: the lowest, the last that follows it without a hole, and the highest."""

    first: int
    last: int
    highest: int


NO_NUMBERS = Run(0, 0, 0)


def runs(entries: Iterable[Candidate]) -> dict[tuple[str, int], Run]:
    """By (sender, epoch), of senders somebody registered. Numbers start at 1."""
    numbers: dict[tuple[str, int], list[int]] = {}
    for entry in entries:
        if entry.organization_id is not None:
            of_epoch = numbers.setdefault((entry.sender, entry.epoch), [])
            if entry.seq:
                of_epoch.append(entry.seq)
    return {epoch: _run(of_epoch) for epoch, of_epoch in numbers.items()}


def _run(numbers: list[int]) -> Run:
    if len(numbers) == 1:
        return Run(numbers[0], numbers[0], numbers[0])
    if not numbers:
        return NO_NUMBERS
    ordered = sorted(numbers)
    last = ordered[0]
    for number in ordered:
        if number > last + 1:
            break
        last = number
    return Run(ordered[0], last, ordered[-1])


def literal(
    entries: Sequence[Candidate], times: Mapping[Key, int] | None, run_of: Mapping[tuple[str, int], Run],
    judged_with: Mapping[Any, str], now: datetime,
) -> str:  # fmt: skip
    """The entries in their order; the first of each epoch carries its run. `times` is None when each came once."""
    received, told, rows = now.isoformat(), set[tuple[str, int]](), []
    for entry in entries:
        epoch, run = (entry.sender, entry.epoch), None
        if epoch not in told:
            told.add(epoch)
            run = run_of.get(epoch)
        rows.append(_row(entry, 1 if times is None else times[entry.where], run, judged_with, received))
    return '{"' + '","'.join(rows) + '"}'


def _row(c: Candidate, times: int, run: Run | None, judged_with: Mapping[Any, str], received: str) -> str:
    numbers = f"{run.first},{run.last},{run.highest}" if run else ",,"
    at = c.clock.measured_at.isoformat() if c.clock else ""
    return (
        f"({c.sender},{c.epoch},{c.key},{_or_nothing(c.seq)},{c.hash.hex()},{c.fate},{c.reason or ''},"
        f"{c.organization_id or ''},{c.reading_id},{c.patient_id or ''},{at},{received},{times},{numbers},"
        f"{_reading(c, judged_with) if c.fate == 'stored' else NO_READING})"
    )


def _reading(c: Candidate, judged_with: Mapping[Any, str]) -> str:
    d, clock = c.decoded, c.clock
    assert d is not None and clock is not None
    day = clock.measured_at.astimezone(ZoneInfo(c.zone)).date()
    said = (*d.flags, *clock.flags) if clock.flags else d.flags
    flags = _quoted(" ".join([flag.replace(" ", "_") for flag in said])) if said else ""
    values = d.values
    return (
        f"{d.kind},{_quoted(d.measured_at_raw)},{_or_nothing(d.utc_offset_minutes)},{c.zone},{day},{clock.basis},"
        f"{c.about},{_or_nothing(d.user_slot)},{flags},{d.context or ''},{d.out_of_range or ''},"
        f"{judged_with[c.patient_id]},{','.join([str(values[n]) if n in values else '' for n in COLUMNS])}"
    )


def _or_nothing(number: int | None) -> int | str:
    return "" if number is None else number


def _quoted(text: str | None) -> str:
    """A device's own words inside a row inside an array: each of the two takes quotes and backslashes away once."""
    if text is None:
        return ""
    if PLAIN.fullmatch(text):
        return text
    once = text.replace("\\", "\\\\").replace('"', '\\"')
    return '\\"' + once.replace("\\", "\\\\").replace('"', '\\"') + '\\"'

"""Identifiers tell when they were made, and which was made first."""

import time
import uuid
from itertools import islice

from server.db.ids import uuid7, uuid7s


def test_later_ones_sort_later_also_within_a_millisecond() -> None:
    made = [uuid7() for _ in range(20_000)] + list(islice(uuid7s(), 1000)) + [uuid7()]
    assert made == sorted(made)
    assert len({one.int & (1 << 62) - 1 for one in made}) == len(made), "62 bits of chance"


def test_they_are_of_version_7_and_of_now() -> None:
    before, made, after = time.time_ns() // 1_000_000, uuid7(), time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= after + 1

""" "Done" is said of the newest question, and of nothing when two people may have said it."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from server.gaps.last_asked import Asked, done_is_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MARIA, JOSE, GAP = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()


def asked(whose: uuid.UUID, *, ago: int = 0, gap: bool = False, refill: bool = False) -> Asked:
    return Asked(patient_id=whose, at=NOON - timedelta(hours=ago), gap_id=GAP if gap else None, refill=refill)


@pytest.mark.parametrize(
    ("questions", "of"),
    [
        ([], None),
        ([asked(MARIA)], None),
        ([asked(MARIA, gap=True)], 0),
        ([asked(MARIA, refill=True)], 0),
        ([asked(MARIA, gap=True), asked(JOSE, ago=1)], 0),
        ([asked(MARIA, gap=True, ago=1), asked(JOSE)], None),
        ([asked(MARIA, gap=True), asked(JOSE)], None),
        ([asked(MARIA, gap=True), asked(JOSE, gap=True, ago=5)], None),
        ([asked(MARIA, gap=True, ago=5), asked(JOSE, refill=True)], None),
    ],
)  # fmt: skip
def test_done_is_of_the_newest_question_that_only_one_person_can_mean(questions: list[Asked], of: int | None) -> None:
    assert done_is_of(questions) == (None if of is None else questions[of])

"""CMS125, breast cancer screening: women of 42 to 74 at year end, a mammogram since 1 October two years before."""

from collections.abc import Sequence
from datetime import date

from server.gaps.measures import Evidence, Status, age_at_end, latest

CODE = "CMS125"
KINDS = ("mammogram", "mastectomy_bilateral")


def evaluate(birth_date: date, sex: str, evidence: Sequence[Evidence], year: int) -> Status:
    """Pure. Both breasts removed by the year's end takes a woman out."""
    until = date(year, 12, 31)
    done = latest(evidence, "mammogram", date.min, until)
    removed = latest(evidence, "mastectomy_bilateral", date.min, until)
    return Status(
        in_population=sex == "female" and 42 <= age_at_end(birth_date, year) <= 74 and removed is None,
        met=done is not None and done >= date(year - 2, 10, 1),
        last_done_on=done,
    )

"""CMS130, colorectal cancer screening: 46 to 75 at the year's end, one of five tests, each valid for its own time."""

from collections.abc import Sequence
from datetime import date

from server.gaps.measures import Evidence, Status, age_at_end, latest

CODE = "CMS130"

# How many calendar years before the measurement year a test still counts.
VALID_YEARS_BEFORE = {"fobt": 0, "stool_dna": 2, "sigmoidoscopy": 4, "ct_colonography": 4, "colonoscopy": 9}
OUT = ("colectomy_total", "colorectal_cancer")
KINDS = (*VALID_YEARS_BEFORE, *OUT)


def evaluate(birth_date: date, sex: str, evidence: Sequence[Evidence], year: int) -> Status:
    """Pure. Sex does not matter here. A colon removed, or cancer of it, by the year's end takes a person out."""
    until = date(year, 12, 31)
    valid = {kind: date(year - back, 1, 1) for kind, back in VALID_YEARS_BEFORE.items()}
    counting = [day for kind, since in valid.items() if (day := latest(evidence, kind, since, until))]
    older = [day for kind in valid if (day := latest(evidence, kind, date.min, until))]
    out = any(latest(evidence, kind, date.min, until) for kind in OUT)
    return Status(
        in_population=46 <= age_at_end(birth_date, year) <= 75 and not out,
        met=bool(counting),
        last_done_on=max(counting or older, default=None),
    )

"""Influenza vaccination: every adult, every season; asked for from 1 September to 31 March.

CDC's Advisory Committee on Immunization Practices recommends it yearly from six months of age, best in September and
October, and for as long as viruses circulate. As in the field's measures of adult immunization, a season's vaccination
is one from 1 July to 30 June, of people of 19 and over; children are asked by their own clinics.
"""

from collections.abc import Sequence
from datetime import date

from server.gaps.measures import Evidence, Status, latest

CODE = "influenza"
KINDS = ("influenza_vaccination", "influenza_vaccine_anaphylaxis")
YOUNGEST = 19


def season(today: date) -> tuple[date, date]:
    """The days on which it is asked for: of this season, or of the last one until the next begins."""
    year = today.year if today.month >= 9 else today.year - 1
    return date(year, 9, 1), date(year + 1, 3, 31)


def evaluate(birth_date: date, sex: str, evidence: Sequence[Evidence], year: int) -> Status:
    """Pure; `year` is the one the season begins in. Sex does not matter. Whom one nearly killed is not asked."""
    since, until = date(year, 7, 1), date(year + 1, 6, 30)
    done = latest(evidence, "influenza_vaccination", date.min, until)
    harmed = latest(evidence, "influenza_vaccine_anaphylaxis", date.min, until)
    return Status(
        in_population=_age(birth_date, since) >= YOUNGEST and harmed is None,
        met=done is not None and done >= since,
        last_done_on=done,
    )


def _age(birth_date: date, on: date) -> int:
    return on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))

"""How the patient's own supply of long-term medicines goes this year, in kind words: days covered and days to spare."""

from datetime import date

import msgspec

from server.gaps import adherence
from server.gaps.adherence import DAY, MEASURED, Pdc
from server.people import medicines
from server.web.portal.visit import Visit
from server.web.portal.words import Words


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of medicine, everything in the patient's language."""

    title: str
    covered: str
    to_spare: str
    lasts: str


async def supplies(visit: Visit) -> list[Supply]:
    """Of the kinds that are counted, those with two fills this year; somebody in hospice is not counted at."""
    if visit.patient.monitoring_status != "active":
        return []
    year_end = date(visit.today.year, 12, 31)
    fills = await medicines.fills(visit.db, visit.patient.id, date(visit.today.year, 1, 1), year_end)
    counted = [one for one in MEASURED if adherence.counts_for(one, fills.keys())]
    found = [(one, adherence.pdc(fills[one], year_end, visit.today)) for one in counted]
    return [say(one, pdc, visit.words, visit.today) for one, pdc in found if isinstance(pdc, Pdc)]


def say(kind: str, pdc: Pdc, words: Words, today: date) -> Supply:
    """Nobody is blamed: who can no longer reach 80 % this year is told that every day helps, and whom to call."""
    last = pdc.runs_out_on - DAY
    return Supply(
        title=words(f"supply.{kind}"), covered=words("supply.covered", covered=pdc.covered, days=pdc.days),
        to_spare=words(f"supply.{_left(pdc.can_miss)}", count=pdc.can_miss),
        lasts=words("supply.lasts" if last >= today else "supply.over", date=words.full_date(last)),
    )  # fmt: skip


def _left(can_miss: int) -> str:
    if can_miss < 0:
        return "behind"
    return {0: "no_day", 1: "one_day"}.get(can_miss, "some_days")

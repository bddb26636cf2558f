"""`careloop medicine`: what patients take and what was dispensed, one by one or from a table."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import IO, get_args

import rich_click as click

from server.cli import console
from server.cli.connect import Desk, at_desk, organization_option
from server.cli.people import Day
from server.errors import Invalid
from server.flows import prescribe
from server.gaps.adherence import AdherenceClass, Fill
from server.people.medicines import NewMedicine, Stock

SHOWN = 10  # lines named in one sentence


class Clock(click.ParamType[time]):
    """A time as 08:00."""

    name = "hh:mm"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> time:
        try:
            return value if isinstance(value, time) else time.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time. Write it like 08:00.", param, ctx)


@click.group()
def medicine() -> None:
    """Medicines: what patients take, and what was dispensed."""


@medicine.command("add")
@click.argument("mrn")
@click.argument("name")
@click.option("--at", "at_times", multiple=True, type=Clock(), help="On the patient's clock; repeat for several.")
@click.option("--every-hours", type=click.IntRange(1, 168), help="Instead of times: an interval from now on.")
@click.option("--class", "group", default="other", show_default=True, type=click.Choice(get_args(AdherenceClass)))
@click.option("--until", "ends_on", type=Day(), help="The last day; open if left out.")
@organization_option
def add(
    mrn: str, name: str, at_times: tuple[time, ...], every_hours: int | None, group: AdherenceClass,
    ends_on: date | None, organization_name: str | None,
) -> None:  # fmt: skip
    """Enter what the patient with record number MRN takes. Without times: as needed.

    Example: careloop medicine add LF-1001 "Lisinopril 10 mg" --at 08:00 --class renin_angiotensin
    """
    if at_times and every_hours:
        raise Invalid("Give times (--at) or an interval (--every-hours), not both.")
    now = datetime.now(UTC)
    new = NewMedicine(
        name=name, starts_on=now.date(), ends_on=ends_on, adherence_class=group, at_times=at_times,
        every_hours=every_hours, first_dose_at=now if every_hours else None, as_needed=not (at_times or every_hours),
    )  # fmt: skip

    async def work(desk: Desk) -> None:
        await prescribe.prescribe(desk.database, desk.who, mrn, new, now)

    at_desk(organization_name, work)
    console.say(f"{name} is on the list of {mrn}.")


@medicine.command("stop")
@click.argument("mrn")
@click.argument("name")
@organization_option
def stop(mrn: str, name: str, organization_name: str | None) -> None:
    """The patient no longer takes it; what was dispensed stays in the record."""

    async def work(desk: Desk) -> None:
        await prescribe.stop(desk.database, desk.who, mrn, name, datetime.now(UTC))

    at_desk(organization_name, work)
    console.say(f"{name} is stopped for {mrn}.")


@medicine.command("dispensed")
@click.argument("mrn")
@click.argument("name")
@click.option("--on", "filled_on", required=True, type=Day())
@click.option("--days", "days_supply", required=True, type=click.IntRange(1, 365), help="For how many days it lasts.")
@organization_option
def dispensed(mrn: str, name: str, filled_on: date, days_supply: int, organization_name: str | None) -> None:
    """Enter one fill at a pharmacy. The same fill entered twice counts once."""

    async def work(desk: Desk) -> bool:
        fill = Fill(filled_on, days_supply)
        return await prescribe.dispense(desk.database, desk.who, mrn, name, fill, datetime.now(UTC))

    new = at_desk(organization_name, work)
    console.say("Entered." if new else "This fill is known already. Nothing was changed.")


@medicine.command("stock")
@click.argument("mrn")
@click.argument("name")
@click.option("--doses", required=True, type=click.IntRange(0, prescribe.MOST_DOSES), help="How many are left.")
@click.option("--on", "counted_on", required=True, type=Day(), help="The day they were counted.")
@organization_option
def stock(mrn: str, name: str, doses: int, counted_on: date, organization_name: str | None) -> None:
    """Enter how many doses are left; from then on the refill reminder counts from there."""
    now = datetime.now(UTC)
    if counted_on > now.date():
        raise Invalid("A count lies in the past. Give the day the doses were counted.")

    async def work(desk: Desk) -> bool:
        return await prescribe.count(desk.database, desk.who, mrn, name, Stock(doses, counted_on), now)

    new = at_desk(organization_name, work)
    console.say("Entered." if new else "This count, or a later one, is known already. Nothing was changed.")


@medicine.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@organization_option
def import_(file: IO[str], organization_name: str | None) -> None:
    """Take in a table (CSV) of medicines and fills; every line or none.

    Columns: mrn, medicine, class, times (08:00 20:00) or every_hours (from now on), ends_on (2026-11-30), filled_on,
    days_supply, doses_left, counted_on; all but the first two may be missing. What is known already is left as it is,
    so the same file may come again; what staff stopped stays stopped.
    """
    text = file.read()

    async def work(desk: Desk) -> prescribe.Imported:
        return await prescribe.import_table(desk.database, desk.who, text, datetime.now(UTC))

    found = at_desk(organization_name, work)
    console.say(
        f"{found.lines} lines: {found.medicines} new medicines, {found.fills} new fills, {found.counts} new counts."
    )
    if found.stopped:
        console.say(
            f"Stopped by staff, and still stopped: {_lines(found.stopped)}. To start one again: careloop medicine add"
        )


def _lines(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:SHOWN]))
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return f"{'line' if len(numbers) == 1 else 'lines'} {shown}{more}"

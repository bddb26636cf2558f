"""`careloop device lend` and `return`: which patient has a device, from–to."""

import uuid
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import rich_click as click

from devices.enrol import Loan
from server.cli.connect import Desk, at_desk, organization_option
from server.errors import Invalid, NotFound
from server.flows import lend as lending
from server.people import patients

WHEN = "As 2026-11-22, or 2026-11-22T08:00; the clinic's time unless it names an offset."


@click.command("lend")
@click.argument("device_id")
@click.argument("patient")
@click.option("--from", "since", metavar="TIME", help=f"When the patient got it; now if left out. {WHEN}")
@click.option("--to", "until", metavar="TIME", help="When it goes back; open if left out.")
@click.option("--slot", type=click.IntRange(1, 16), help="Only this user button of a shared device.")
@click.option("--since-hours", type=float, default=0.0, hidden=True)
@organization_option
def lend(
    device_id: str,
    patient: str,
    since: str | None,
    until: str | None,
    slot: int | None,
    since_hours: float,
    organization_name: str | None,
) -> None:
    """PATIENT (id or record number) has DEVICE_ID: what it measures in that time is theirs.

    Example: careloop device lend cuff-12 CL-0017 --from 2026-11-20 --slot 2
    """

    async def work(desk: Desk) -> None:
        now = datetime.now(UTC)
        zone = ZoneInfo(desk.organization.zone)
        start = moment(since, zone) if since else now - timedelta(hours=since_hours)
        loan = Loan(
            patient=await patient_id(desk, patient),
            since=start,
            until=moment(until, zone) if until else None,
            user_slot=slot,
        )
        await lending.lend(desk.database, desk.who, device_id, loan, now)

    at_desk(organization_name, work)
    click.echo(f"Device {device_id} is lent.")


@click.command("return")
@click.argument("device_id")
@click.option("--at", "at", metavar="TIME", help=f"When it came back; now if left out. {WHEN}")
@click.option("--slot", type=click.IntRange(1, 16), help="Only this user button of a shared device.")
@organization_option
def return_(device_id: str, at: str | None, slot: int | None, organization_name: str | None) -> None:
    """DEVICE_ID came back; what it measured before stays the patient's."""

    async def work(desk: Desk) -> None:
        now = datetime.now(UTC)
        when = moment(at, ZoneInfo(desk.organization.zone)) if at else now
        await lending.take_back(desk.database, desk.who, device_id, when, now, slot)

    at_desk(organization_name, work)
    click.echo(f"Device {device_id} is back.")


def moment(typed: str, zone: ZoneInfo) -> datetime:
    """A date or a time as typed; without an offset it is the clinic's wall clock."""
    try:
        at = datetime.fromisoformat(typed)
    except ValueError:
        raise Invalid(f"{typed!r} is no time. Write 2026-11-22 or 2026-11-22T08:00.") from None
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


async def patient_id(desk: Desk, typed: str) -> uuid.UUID:
    """A patient by id or record number; `NotFound` when it is nobody's here."""
    async with desk.database.transaction(desk.who) as db:
        try:
            found = await patients.get(db, uuid.UUID(typed))
        except ValueError:
            by_number = [one for one in await patients.find(db, typed, 2) if one.mrn == typed]
            found = await patients.get(db, by_number[0].id) if by_number else None
    if found is None:
        raise NotFound("There is no such patient. `careloop patient list` shows ids and record numbers.")
    return found.id

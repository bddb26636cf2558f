"""`careloop patient` and `careloop staff`: admit patients, take on staff, change and list them."""

import uuid
from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

import rich_click as click

from server.cli import console
from server.cli.connect import Desk, at_desk, organization_option
from server.db.pool import Database, Who
from server.errors import Invalid, NotFound
from server.flows import hire, staff_changes
from server.flows.admit import Admission
from server.flows.admit import admit as admit_patient
from server.flows.staff_changes import Changed
from server.monitoring.defaults import EVERYBODY, PROGRAMMES
from server.people import accounts, patients
from server.people import staff as staff_noun

CHOICES = [code for code in PROGRAMMES if code != EVERYBODY]


class Day(click.ParamType[date]):
    """A date as 1950-12-31."""

    name = "yyyy-mm-dd"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a date. Write it like 1950-12-31.", param, ctx)


@click.group()
def patient() -> None:
    """Patients: admit and list them."""


@patient.command("add")
@click.option("--given-name", required=True)
@click.option("--family-name", required=True)
@click.option("--birth-date", required=True, type=Day())
@click.option("--sex", required=True, type=click.Choice(get_args(patients.Sex)))
@click.option("--programme", "programmes", multiple=True, type=click.Choice(CHOICES), help="Repeat for several.")
@click.option("--mrn", help="The clinic's record number; made if left out.")
@click.option("--phone", help="For texts, for example +1 212 555 0123.")
@click.option("--zone", help="Where the patient lives, like America/Denver; the clinic's if left out.")
@click.option("--language", default="en", show_default=True, type=click.Choice(get_args(patients.Language)))
@click.option("--clinic", help="Its name; may be left out if there is only one.")
@click.option("--team", help="Its name; may be left out if there is only one.")
@click.option("--spo2-target", type=float, help="Lower end of the oxygen target in %; COPD needs it.")
@click.option("--dry-weight", type=float, help="Weight without extra fluid, in kg.")
@click.option(
    "--consent", "consents", multiple=True, type=click.Choice(["monitoring", "outreach"]),
    help="What the patient agreed to get texts about; repeat. Without it no reminders are sent.",
)  # fmt: skip
@click.option("--login", help="Open the patient's portal under this login name.")
@click.option("--password", help="For the portal; made and shown once if left out.")
@organization_option
@console.json_option
def add_patient(
    login: str | None, password: str | None, spo2_target: float | None, dry_weight: float | None,
    organization_name: str | None, as_json: bool, **given: object,
) -> None:  # fmt: skip
    """Admit a patient, with programmes, consent and, if wanted, a portal account.

    Example: careloop patient add --given-name Ada --family-name Moss --birth-date 1951-04-02
    --sex female --programme hypertension --consent monitoring --phone "+1 212 555 0123"
    """
    if password and not login:
        raise Invalid("--password needs --login.")
    access = hire.NewLogin(login=login, password=password or hire.new_password()) if login else None
    admission = Admission(spo2_target_pct=spo2_target, dry_weight_kg=dry_weight, login=access, **given)  # type: ignore[arg-type]

    async def work(desk: Desk) -> patients.Patient:
        return await admit_patient(desk.database, desk.who, admission, desk.settings.field_key, datetime.now(UTC))

    admitted = at_desk(organization_name, work)
    shown = {"id": admitted.id, "mrn": admitted.mrn, **_access(access, shown=password is None)}
    _told("Patient", shown, as_json=as_json)


@patient.command("list")
@click.argument("search", default="")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 10_000))
@organization_option
@console.json_option
def list_patients(search: str, limit: int, organization_name: str | None, as_json: bool) -> None:
    """Patients by name; SEARCH is the beginning of names, or a record number."""

    async def work(desk: Desk) -> list[patients.Listed]:
        async with desk.database.transaction(desk.who) as db:
            return await patients.find(db, search, limit)

    found = at_desk(organization_name, work)
    if as_json:
        console.objects(found)
        return
    rows = [(p.mrn, f"{p.family_name}, {p.given_name}", p.birth_date, ", ".join(p.programmes), p.id) for p in found]
    console.table(("Record", "Name", "Born", "Programmes", "Id"), rows, empty="Nobody found.")


@click.group()
def staff() -> None:
    """Staff: take on, list, put on shift, change their telephone, and say who left."""


@staff.command("add")
@click.option("--name", required=True)
@click.option("--role", required=True, type=click.Choice(get_args(staff_noun.StaffRole)))
@click.option("--login", required=True)
@click.option("--password", help="Made and shown once if left out.")
@click.option("--phone", help="Where pages go, for example +1 212 555 0123.")
@click.option("--team", help="Its name; may be left out if there is only one.")
@organization_option
@console.json_option
def add_staff(
    name: str, role: staff_noun.StaffRole, login: str, password: str | None, phone: str | None, team: str | None,
    organization_name: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Take on somebody who signs in.

    Example: careloop staff add --name "Noor Bell" --role nurse --login noor --phone "+1 212 555 0111"
    """
    access = hire.NewLogin(login=login, password=password or hire.new_password())
    new = hire.Hire(name=name, role=role, login=access, phone=phone, team=team)

    async def work(desk: Desk) -> staff_noun.Staff:
        return await hire.hire(desk.database, desk.who, new, datetime.now(UTC))

    person = at_desk(organization_name, work)
    _told("Staff", {"id": person.id, **_access(access, shown=password is None)}, as_json=as_json)


@staff.command("list")
@organization_option
@console.json_option
def list_staff(organization_name: str | None, as_json: bool) -> None:
    """Everybody who works here, and their login names."""

    async def work(desk: Desk) -> list[dict[str, object]]:
        async with desk.database.transaction(desk.who) as db:
            names = {one.staff_id: one.login for one in await accounts.logins(db)}
            return [
                {
                    "id": p.id,
                    "name": p.name,
                    "role": p.role,
                    "login": names.get(p.id),
                    "phone": p.phone,
                    "disabled_at": p.disabled_at,
                }
                for p in await staff_noun.list_all(db)
            ]

    found = at_desk(organization_name, work)
    if as_json:
        console.objects(found)
        return
    rows = [
        (p["name"], p["role"], p["login"], p["phone"], "left" if p["disabled_at"] else "active", p["id"]) for p in found
    ]
    console.table(("Name", "Role", "Login", "Phone", "State", "Id"), rows, empty="Nobody works here yet.")


@staff.command("shift")
@click.argument("login")
@click.option("--hours", default=12.0, show_default=True, type=click.FloatRange(0.25, 24 * 366))
@click.option("--in-hours", default=0.0, show_default=True, help="It begins this many hours from now.")
@organization_option
def shift(login: str, hours: float, in_hours: float, organization_name: str | None) -> None:
    """Put LOGIN on shift: pages of their team go to them."""

    async def work(desk: Desk) -> tuple[datetime, datetime]:
        now = datetime.now(UTC)
        begins = now + timedelta(hours=in_hours)
        ends = begins + timedelta(hours=hours)
        await hire.put_on_shift(desk.database, desk.who, await _staff_id(desk, login), begins, ends, now)
        return begins, ends

    begins, ends = at_desk(organization_name, work)
    click.echo(f"{login} is on shift from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC.")


@staff.command("leave")
@click.argument("who")
@organization_option
def leave(who: str, organization_name: str | None) -> None:
    """WHO (login, name or id) has left: signed out everywhere at once, and paged no more.

    What they had taken returns and pages others. Says which teams still count on them. Undo: careloop staff return.
    """
    left = _change(organization_name, who, staff_changes.leave)
    click.echo(f"{left.person.name} has left: signed out everywhere, and paged no more.")
    _to_mend(left)


@staff.command("return")
@click.argument("who")
@organization_option
def come_back(who: str, organization_name: str | None) -> None:
    """WHO (login, name or id) works here again, and signs in with the password they had."""
    back = _change(organization_name, who, staff_changes.come_back)
    click.echo(f"{back.person.name} is back and signs in with the password they had.")
    if back.person.phone is None:
        click.echo("Without a telephone they cannot be paged: careloop staff phone")
    _to_mend(back)


@staff.command("phone")
@click.argument("who")
@click.argument("number", required=False)
@click.option("--none", "without", is_flag=True, help="They have no telephone any more.")
@organization_option
def change_phone(who: str, number: str | None, without: bool, organization_name: str | None) -> None:
    """Pages to WHO (login, name or id) go to NUMBER from now on, or with --none nowhere.

    Example: careloop staff phone noor "+1 212 555 0111"
    """
    if (number is None) != without:
        raise Invalid("Give the new number, or --none when they have no telephone any more.")

    async def change(database: Database, by: Who, staff_id: uuid.UUID, now: datetime) -> Changed:
        return await staff_changes.change_phone(database, by, staff_id, number, now)

    changed = _change(organization_name, who, change)
    name, phone = changed.person.name, changed.person.phone
    click.echo(f"Pages to {name} go to {phone}." if phone else f"{name} has no telephone now and cannot be paged.")
    _to_mend(changed)


def _change(
    organization_name: str | None, who: str,
    change: Callable[[Database, Who, uuid.UUID, datetime], Coroutine[Any, Any, Changed]],
) -> Changed:  # fmt: skip
    async def work(desk: Desk) -> Changed:
        person = await staff_changes.find(desk.database, desk.who, who)
        return await change(desk.database, desk.who, person.id, datetime.now(UTC))

    return at_desk(organization_name, work)


def _to_mend(changed: Changed) -> None:
    if not changed.to_mend:
        return
    click.echo("To mend on the roster, where they are still named:")
    for says in changed.to_mend:
        click.echo(f"  {says}")


async def _staff_id(desk: Desk, login: str) -> uuid.UUID:
    async with desk.database.transaction(desk.who) as db:
        found = [one.staff_id for one in await accounts.logins(db) if one.login == login.lower() and not one.disabled]
    if not found or found[0] is None:
        raise NotFound(f"Nobody of the staff signs in as {login!r}. `careloop staff list` shows the names.")
    return found[0]


def _access(login: hire.NewLogin | None, *, shown: bool) -> dict[str, str]:
    if login is None:
        return {}
    return {"login": login.login.lower(), **({"password": login.password} if shown else {})}


def _told(what: str, shown: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        console.objects([shown])
        return
    click.echo(f"{what} {shown['id']} is in.")
    for name in ("mrn", "login", "password"):
        if name in shown:
            only = "   (shown only now)" if name == "password" else ""
            click.echo(f"  {name:<9} {shown[name]}{only}")

"""`careloop init`: from an empty database to a clinic in state trial, with its settings in a file."""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import rich_click as click

from server import settings as settings_of
from server.cli import console
from server.cli.connect import DEFAULT_ENV_FILE, operator
from server.db import migrate, pool
from server.errors import CareloopError, Conflict, Invalid
from server.flows import hire
from server.flows.found import Founding, found
from server.ops import env_file
from server.people import organizations, senders, zones
from server.people.organizations import Organization
from server.security.passwords import SHORTEST
from server.settings import Settings

Check = Callable[[str], str]
REQUIRED = {"name": "--name", "zone": "--zone", "database_url": "--database", "mqtt_url": "--broker"}


class Answers(msgspec.Struct, kw_only=True):
    """What was given as flags, then completed by asking."""

    name: str | None
    zone: str | None
    database_url: str | None
    mqtt_url: str | None
    mqtt_admin_url: str | None
    public_url: str | None
    twilio_sid: str | None
    twilio_token: str | None
    twilio_sender: str | None
    admin_name: str | None
    admin_login: str | None
    admin_password: str | None


@click.command()
@click.option("--name", help="The organization's name.")
@click.option("--zone", help="Its time zone, like America/New_York.")
@click.option("--database", "database_url", help="postgresql://owner:password@host/name, an empty database.")
@click.option("--broker", "mqtt_url", help="mqtt://user:password@host:1883 (mqtts with TLS): the bridge's login.")
@click.option("--broker-admin", "mqtt_admin_url", help="A login that may manage devices at the broker; optional.")
@click.option("--public-url", help="Where browsers and the provider of texts reach the pages.")
@click.option("--twilio-sid", help="Account SID; without it texts are only logged.")
@click.option("--twilio-token", envvar="TWILIO_AUTH_TOKEN", help="Auth token; better given as TWILIO_AUTH_TOKEN.")
@click.option("--twilio-sender", help="What texts come from: a number, or a messaging service (MG…).")
@click.option("--admin-name", help="The first administrator.")
@click.option("--admin-login", help="Their login name.")
@click.option("--admin-password", envvar="CARELOOP_ADMIN_PASSWORD", help="Made and shown once if left out.")
@click.option(
    "--write", "env_path", type=click.Path(path_type=Path, dir_okay=False), default=DEFAULT_ENV_FILE,
    show_default=True, help="The settings file to write; must not exist yet.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Ask nothing: what is not given takes its default, or is refused.")
@click.option("--replace-logins", is_flag=True, help="Take over the logins of another installation on this server.")
@console.json_option
def init(env_path: Path, yes: bool, replace_logins: bool, as_json: bool, **given: str | None) -> None:
    """Set up your clinic: database, first administrator, settings. It begins in state trial.

    Example: careloop init --name "Maple Clinic" --zone America/Denver --database postgresql://...
    """
    _refuse_existing(env_path)
    answers = complete(Answers(**given), ask=not yes)
    lines = env_lines(answers)
    settings = settings_of.load(lines)
    password = answers.admin_password or hire.new_password()
    wanted = founding(answers, password)
    _write(env_path, lines)  # before the database knows these keys: they must not be lost
    try:
        made = asyncio.run(_set_up(settings, wanted, replace_logins=replace_logins))
    except BaseException:
        env_path.unlink(missing_ok=True)
        raise
    _told(made, answers, None if answers.admin_password else password, env_path, as_json=as_json)


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise Conflict(f"{path} exists already and is not overwritten. Move it, or give another --write.")
    if not path.absolute().parent.is_dir():
        raise Invalid(f"There is no folder {path.absolute().parent} to write {path.name} into.")


def complete(answers: Answers, *, ask: bool) -> Answers:
    """Every answer, checked one by one; asking repeats a question until its answer can be right."""
    if not ask and (missing := [flag for field, flag in REQUIRED.items() if not getattr(answers, field)]):
        raise Invalid(f"With --yes these must be given: {', '.join(missing)}.")
    one = Asker(ask)
    answers.name = one.settle("Name of the organization", answers.name, None, _filled)
    answers.zone = one.settle("Time zone", answers.zone, "America/New_York", zones.known)
    answers.database_url = one.settle("Database (owner's login)", answers.database_url, None, _url("DATABASE_URL"))
    answers.mqtt_url = one.settle("Broker (bridge's login)", answers.mqtt_url, None, _url("MQTT_URL"))
    admin_url = _optional(_url("MQTT_ADMIN_URL"))
    answers.mqtt_admin_url = one.settle("Broker's admin login, or nothing", answers.mqtt_admin_url, "", admin_url)
    address = "http://127.0.0.1:8000"
    answers.public_url = one.settle("Public address", answers.public_url, address, _url("CARELOOP_PUBLIC_URL"))
    _texts(answers, one)
    answers.admin_name = one.settle("First administrator's name", answers.admin_name, "Administrator", _filled)
    answers.admin_login = one.settle("Their login name", answers.admin_login, "admin", _login)
    secret = one.settle("Their password (empty: make one)", answers.admin_password, "", _password, hidden=True)
    answers.admin_password = secret or None
    return answers


def _texts(answers: Answers, one: "Asker") -> None:
    answers.twilio_sid = one.settle("Twilio account SID, or nothing", answers.twilio_sid, "", str.strip) or None
    if answers.twilio_sid:
        answers.twilio_token = one.settle("Twilio auth token", answers.twilio_token, None, _filled, hidden=True)
        answers.twilio_sender = one.settle("Number texts come from", answers.twilio_sender, None, senders.written)


class Asker:
    """Takes what was given, else asks, else the default."""

    def __init__(self, ask: bool) -> None:
        self._ask = ask

    def settle(
        self, question: str, given: str | None, default: str | None, check: Check, *, hidden: bool = False
    ) -> str:
        if given is not None:
            return check(given)
        if not self._ask:
            if default is None:
                raise Invalid(f"{question}: not given.")
            return check(default)
        hidden = hidden and sys.stdin.isatty()  # typed twice then: nobody sees a slip
        while True:
            answer = click.prompt(
                question, default=default, hide_input=hidden, confirmation_prompt=hidden, show_default=bool(default)
            )
            try:
                return check(answer)
            except CareloopError as error:
                click.echo(f"  {error.says}")


def _filled(typed: str) -> str:
    if not typed.strip():
        raise Invalid("Something is needed here.")
    if any(ord(c) < 32 for c in typed):
        raise Invalid("This may not contain line breaks or control characters.")
    return typed.strip()


def _login(typed: str) -> str:
    if any(c.isspace() for c in _filled(typed)):
        raise Invalid("A login name has no spaces.")
    return typed.strip().lower()


def _password(typed: str) -> str:
    if typed and len(typed) < SHORTEST:
        raise Invalid(f"The password is too short: at least {SHORTEST} characters.")
    return typed


def _url(name: str) -> Check:
    """As the settings themselves check it, so that what is written can be read."""
    stand_ins = {
        "DATABASE_URL": "postgresql://a:b@c/d", "MQTT_URL": "mqtt://a", "CARELOOP_SECRET_KEY": "x" * 32,
        "CARELOOP_FIELD_KEY": "x" * 32,
    }  # fmt: skip

    def check(typed: str) -> str:
        settings_of.load({**stand_ins, name: _filled(typed)})
        return typed.strip()

    return check


def _optional(check: Check) -> Check:
    return lambda typed: check(typed) if typed.strip() else ""


def env_lines(answers: Answers) -> dict[str, str]:
    """The settings; secrets are made here and exist nowhere else."""
    lines = {
        "DATABASE_URL": answers.database_url,
        "MQTT_URL": answers.mqtt_url,
        "MQTT_ADMIN_URL": answers.mqtt_admin_url,
        "CARELOOP_PUBLIC_URL": answers.public_url,
        "CARELOOP_SECRET_KEY": secrets.token_hex(32),
        "CARELOOP_FIELD_KEY": secrets.token_hex(32),
        "TWILIO_ACCOUNT_SID": answers.twilio_sid,
        "TWILIO_AUTH_TOKEN": answers.twilio_token if answers.twilio_sid else None,
        "TWILIO_SENDER": answers.twilio_sender,
    }
    return {name: value for name, value in lines.items() if value}


def founding(answers: Answers, password: str) -> Founding:
    login = hire.NewLogin(login=answers.admin_login or "admin", password=password)
    return Founding(
        name=answers.name or "",
        zone=answers.zone or "",
        sender_number=answers.twilio_sender,
        admin=hire.Hire(name=answers.admin_name or "Administrator", role="admin", login=login),
    )


async def _set_up(settings: Settings, wanted: Founding, *, replace_logins: bool) -> Organization:
    now = datetime.now(UTC)
    await _refuse_used(settings)
    await migrate.migrate(settings.database_url, settings.secret_key, now, replace_logins=replace_logins)
    database = await pool.connect(settings.url_for("web"), name="command", size=1)
    try:
        return await found(database, operator(), wanted, now)
    finally:
        await database.close()


async def _refuse_used(settings: Settings) -> None:
    """Asked before anything is changed: new keys would lock out whoever uses this database now."""
    real, demo = await organizations.already_in(settings.database_url)
    if demo:
        raise Conflict("This database holds the demo's invented patients. Give a fresh database for a real clinic.")
    if real:
        raise Conflict("This database is set up already. Another organization joins it with: careloop organization add")


def _write(path: Path, lines: dict[str, str]) -> None:
    """Made readable by its owner only before anything is in it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("# Settings of Careloop. Keep the two keys: without them nobody can sign in to the database.\n")
        file.write(env_file.render(lines))


def _told(made: Organization, answers: Answers, password: str | None, path: Path, *, as_json: bool) -> None:
    if as_json:
        shown = {"organization": made.id, "name": made.name, "state": made.state, "admin_login": answers.admin_login}
        console.objects([{**shown, "env_file": str(path), **({"admin_password": password} if password else {})}])
        return
    click.echo(f"{made.name} is set up, in state trial: texts go only to numbers you list.")
    click.echo(f"  Settings  {path} (readable by you only)")
    click.echo(f"  Sign in   {answers.public_url} as {answers.admin_login}")
    if password:
        click.echo(f"  Password  {password}   (shown only now)")
    click.echo("Next: careloop up        (reads careloop.env in this folder, or --env-file)")
    click.echo("Then: careloop staff add --help, careloop patient add --help, careloop device add --help")

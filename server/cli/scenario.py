"""`careloop simulate --scenario`: says what will happen and where to look, plays it once, and counts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import rich_click as click

from devices import enrol, rehearsal, scenarios
from devices.rehearsal import Played
from devices.scenarios import Scenario
from devices.simulator import Broker
from server.cli import console
from server.cli.connect import Desk, desk
from server.errors import Invalid, Refused
from server.settings import Settings, mqtt_parts


async def play(settings: Settings, name: str | None, file: Path, scenario: str, seed: int, *, as_json: bool) -> int:
    """Exit code 1 when a reading got no receipt."""
    from server.cli.processes import stop_on_signals
    from server.ops import homes as simulated

    host, port, tls, *_ = mqtt_parts(settings.mqtt_url)
    homes = simulated.homes_in(file)
    async with desk(settings, name) as at:
        if not at.organization.demo and at.organization.state != "trial":
            raise Refused(
                f"{at.organization.name} is {at.organization.state}: scenarios are for the demo and for trials."
            )
        now = datetime.now(UTC)
        try:
            planned = scenarios.plan(scenario, homes, seed, now)
        except scenarios.NoSuchHome as missing:
            raise Invalid(f"{file} names no home that measures {missing.kind}, which this scenario needs.") from None
        _announce(scenario, planned, seed, await _pages(at, planned.homes(), now), as_json=as_json)
        broker, stop = Broker(host=host, port=port, tls=tls), stop_on_signals()
        by_id = {home.id: home for home in homes}
        done = await rehearsal.play(planned, by_id, broker, lambda one: _tell(one, as_json=as_json), stop)
    _sum(done, as_json=as_json)
    return 1 if done.fates.get("silent") else 0


async def _pages(at: Desk, homes: Sequence[str], now: datetime) -> dict[str, str]:
    """The patient's page for each home that is lent."""
    async with at.database.transaction(at.who) as db:
        listed = await enrol.list_all(db, now)
    url = at.settings.public_url.rstrip("/")
    return {one.id: f"{url}/patients/{one.patient_id}" for one in listed if one.id in homes and one.patient_id}


def _announce(name: str, planned: Scenario, seed: int, pages: dict[str, str], *, as_json: bool) -> None:
    total = sum(len(delivery.readings) for delivery in planned.deliveries)
    if as_json:
        begun = {"scenario": name, "seed": seed, "readings": total, "says": planned.says, "look": planned.look}
        console.objects([{**begun, "pages": pages}])
        return
    click.echo(f"{name}, seed {seed}, {total} readings\n\n{planned.says}\n\nLook for:")
    for one in planned.look:
        click.echo(f"  - {one}")
    for home, page in list(pages.items())[:3]:
        click.echo(f"  {home}  {page}")
    click.echo()


def _tell(one: Played, *, as_json: bool) -> None:
    if as_json:
        console.objects([one])
    else:
        click.echo(f"{one.home}  {_counts(one)}")


def _sum(done: Played, *, as_json: bool) -> None:
    if as_json:
        console.objects([{"sent": done.sent, "fates": done.fates}])
    else:
        click.echo(f"\nSent {done.sent}: {_counts(done)}.")


def _counts(one: Played) -> str:
    return ", ".join(f"{count} {fate}" for fate, count in sorted(one.fates.items())) or "nothing"

"""`careloop backtest`: what a changed rule would have done here, and what the shipped ones do to a published cohort."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import rich_click as click

from server.cli import console, proposal
from server.cli.connect import Desk, at_desk, organization_option
from server.cli.progress import counted
from server.errors import NotFound
from server.monitoring import backtest as engine
from server.monitoring import programmes, rule_book
from server.monitoring.backtest import Comparison, Proposed
from server.monitoring.episodes import Episode
from server.monitoring.rule_book import Rule
from server.ops.cohort.making import OTHER_SEEDS, SEED
from server.security import audit

LISTED = 10


@click.command()
@click.option("--rule", "code", metavar="CODE", help="The rule to change, like bp_high.")
@click.option(
    "--set", "levels", multiple=True, metavar="LEVEL",
    help="A level that would hold, like 'systolic_mmhg>=170:high', for one programme …'@pregnancy'; "
    "'systolic_mmhg>=off:high' takes one away. Levels not named stay. Repeat.",
)  # fmt: skip
@click.option(
    "--with", "changes", multiple=True, metavar="NAME=VALUE",
    help="Of a rule over a series: a parameter that would hold, like 'windows=7'. Repeat.",
)  # fmt: skip
@click.option(
    "--days", default=90, show_default=True, type=click.IntRange(1, 3650), help="How far back readings are judged."
)
@click.option("--cohort", is_flag=True, help="Instead: replay the published cohort; needs no database.")
@click.option("--seed", type=click.IntRange(0), help=f"Of the cohort.  [default: {SEED}]")
@click.option("--others", is_flag=True, help="Of the cohort: six other seeds beside it.")
@organization_option
@console.json_option
def backtest(
    code: str | None, levels: tuple[str, ...], changes: tuple[str, ...], days: int, cohort: bool, seed: int | None,
    others: bool, organization_name: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Judge readings again: by a rule as it is and as you would change it. No rule, finding or alert is written.

    careloop backtest --rule bp_high --set 'systolic_mmhg>=170:high' --days 180

    careloop backtest --cohort   (174 invented patients, 207 days; exit code 1 if a promise is not kept)
    """
    if cohort == bool(code):
        raise click.UsageError("Say either --rule CODE with what would change, or --cohort.")
    if cohort:
        if levels or changes:
            raise click.UsageError("--set and --with change a rule of your own; the cohort is judged by shipped rules.")
        from server.cli import cohort as published

        sys.exit(published.replay(SEED if seed is None else seed, OTHER_SEEDS if others else (), as_json=as_json))
    if seed is not None or others:
        raise click.UsageError("--seed and --others are about --cohort.")
    if not levels and not changes:
        raise click.UsageError("Say what would change: --set 'systolic_mmhg>=170:high' or --with windows=7.")
    asked = [proposal.level(one) for one in levels]

    async def work(desk: Desk) -> tuple[Rule, Comparison]:
        return await _compare(desk, str(code), asked, changes, days)

    rule, found = at_desk(organization_name, work)
    if as_json:
        console.objects([found])
    else:
        _show(rule, found, days)


async def _compare(
    desk: Desk, code: str, asked: Sequence[proposal.Asked], changes: Sequence[str], days: int
) -> tuple[Rule, Comparison]:
    now = datetime.now(UTC)
    async with desk.database.transaction(desk.who) as db:
        rules = await rule_book.rules(db)
        rule = next((one for one in rules if one.code == code), None)
        current = engine.as_it_is(rule) if rule else None
        if rule is None or current is None:
            codes = ", ".join(sorted(one.code for one in rules))
            raise NotFound(f"There is no rule {code!r} in force. Known: {codes}.")
        of_code = {one.code: one.id for one in await programmes.list_all(db, desk.organization.id)}
        proposed = Proposed(
            levels=proposal.changed(current, asked, of_code),
            parameters=proposal.with_parameters(current.parameters, changes),
        )
        await audit.note(db, desk.who, desk.organization.id, "rule.backtest", f"rule:{rule.id}", now)
    # Apart from what was written: the audit's sealer waits for whoever wrote and has not ended.
    async with desk.database.transaction(desk.who) as db:
        with counted("patients") as progress:
            since = now - timedelta(days=days)
            return rule, await engine.compare(db, desk.organization.id, rule.id, proposed, since, now, progress)


def _show(rule: Rule, found: Comparison, days: int) -> None:
    click.echo(f"{rule.name} ({rule.code}): {found.patients} patients, {found.readings} readings of {days} days\n")
    rows = [(one.monday, one.before, one.after, _bar(one.before), _bar(one.after)) for one in found.weeks]
    console.table(["week of", "now", "proposed", "", ""], rows, empty="")
    click.echo(f"\nAlerts per week: {found.before_per_week:g} now, {found.after_per_week:g} as proposed.")
    _list("would be missed", found.missed)
    _list("would be less severe", found.milder)
    _list("would be new", found.new)
    click.echo("Nothing was changed. Draft the change on the rules page; a second person approves it.")


def _bar(alerts: int) -> str:
    return "▇" * min(alerts, 30) + ("…" if alerts > 30 else "")


def _list(what: str, alerts: Sequence[Episode]) -> None:
    patients = len({one.patient_id for one in alerts})
    high = sum(1 for one in alerts if one.severity == "high")
    click.echo(f"{len(alerts)} alerts of {patients} patients {what}{f', {high} of them high' if high else ''}.")
    for one in alerts[:LISTED]:
        click.echo(f"  {one.opened_at:%Y-%m-%d %H:%M} UTC  {one.severity:<6}  patient {one.patient_id}")
    if len(alerts) > LISTED:
        click.echo(f"  … and {len(alerts) - LISTED} more; --json lists them all.")

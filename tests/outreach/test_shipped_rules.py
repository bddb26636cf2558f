"""The rules of reminders we ship: of every kind, for new organizations and, switched off, for those that exist."""

from datetime import UTC, datetime
from typing import Any

from server.db import migrate
from server.db.pool import Database, Who
from server.monitoring import programmes
from server.monitoring.defaults import REMINDERS
from server.outreach import content
from tests.world import World

KINDS = {"measurement", "screening", "vaccination", "medicine", "refill", "appointment", "questionnaire", "education"}
NEW_IN_0024 = KINDS - {"measurement", "screening"}
RULES = """
    SELECT code, kind, programme_id, measure, after_days, local_hour, priority, lasts_hours, hours_before, subject, enabled
      FROM reminder_rule WHERE kind = ANY($1) ORDER BY code
"""


def test_there_is_a_rule_of_every_kind_and_what_goes_by_the_hour_goes_at_one_hour() -> None:
    assert {one.kind for one in REMINDERS} == KINDS
    assert len({one.local_hour for one in REMINDERS}) == 1  # what is due together is one text


def test_a_rule_about_a_series_or_questions_is_about_what_we_ship_for_that_programme() -> None:
    shipped = {(one.code, one.programme) for one in (*content.series(), *content.questionnaires())}
    about = {(one.subject, one.programme) for one in REMINDERS if one.subject}
    assert about == shipped


async def test_an_organization_that_exists_gets_the_same_rules_switched_off(
    web_db: Database, owner: Any, world: World
) -> None:
    who = Who(principal="service:web", organization=world.organization)
    async with web_db.transaction(who) as db:
        await programmes.seed(db, world.organization, "test", datetime.now(UTC))
    founded = [dict(row) for row in await owner.fetch(RULES, list(NEW_IN_0024))]
    assert {row["kind"] for row in founded} == NEW_IN_0024
    await owner.execute("DELETE FROM reminder_rule")
    [upgrade] = [path for path in migrate.files() if path.name.startswith("0024")]
    await owner.execute("INSERT INTO reminder_rule" + upgrade.read_text().split("INSERT INTO reminder_rule")[1])
    upgraded = [dict(row) for row in await owner.fetch(RULES, list(NEW_IN_0024))]
    assert upgraded == [{**row, "enabled": False} for row in founded]

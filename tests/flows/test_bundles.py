"""What is due together: one message for what can wait for the portal, one of its own for what has an hour."""

from datetime import timedelta
from typing import Any

from server.db.pool import Database
from tests.flows.test_remind import DAY, gap, reminders, tick
from tests.outreach.planned import LONG_AGO, books, filled, rule, takes
from tests.outreach.reaching import agrees
from tests.texting import NEW_YORK, NOON, Phones, phones, send_all
from tests.world import World

__all__ = ["phones"]
HOUR = timedelta(hours=1)


async def two_gaps(owner: Any, world: World) -> None:
    for measure in ("CMS125", "CMS130"):
        await rule(owner, world, "screening", measure=measure, hour=12, after=30)
        await gap(owner, world, measure)


async def supply_ends(owner: Any, world: World) -> Any:
    await rule(owner, world, "refill", hour=12, after=7, lasts=72)
    medicine = await takes(owner, world, every=24, first=LONG_AGO)
    await filled(owner, world, medicine, NOON.date() - 28 * DAY, 30)
    return medicine


async def bodies(owner: Any) -> list[str]:
    return [row["body"] for row in await owner.fetch("SELECT body FROM message ORDER BY body")]


async def test_a_dose_and_an_appointment_have_texts_of_their_own_and_outreach_is_never_mixed_with_care(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await two_gaps(owner, world)
    await rule(owner, world, "measurement", hour=12)
    await rule(owner, world, "medicine", lasts=2)
    await takes(owner, world, at=[NOON.astimezone(NEW_YORK).time()])
    await rule(owner, world, "appointment", before=24, lasts=20)
    await books(owner, world, NOON + DAY)
    await tick(worker_db, NOON)
    await send_all(worker_db, phones.gateway(), NOON)
    told = [text.body for text in phones.texts()]
    tomorrow = (NOON + DAY).astimezone(NEW_YORK)
    for words in (
        f"{tomorrow:%m/%d} 12:00",
        "Reply 1 when taken",
        "take them today",
        "a few things are waiting for you",
    ):
        assert [words in body for body in told].count(True) == 1, words
    assert len(told) == 4


async def test_who_gets_no_links_is_told_each_thing_in_its_own_words(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await two_gaps(owner, world)
    await owner.execute(
        "INSERT INTO contact_preference (patient_id, organization_id, with_links, author, changed_at)"
        " VALUES ($1, $2, false, 'test', $3)",
        world.patient, world.organization, LONG_AGO,
    )  # fmt: skip
    await tick(worker_db, NOON)
    await send_all(worker_db, phones.gateway(), NOON)
    assert ["a routine check" in text.body for text in phones.texts()] == [True, True]


async def test_of_what_is_due_together_the_cap_lets_the_most_important_go(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await rule(owner, world, "measurement", hour=12)
    await owner.execute("UPDATE reminder_rule SET priority = 9")
    await rule(owner, world, "medicine", lasts=2)
    await takes(owner, world, at=[NOON.astimezone(NEW_YORK).time()])
    await owner.execute("UPDATE organization SET reminders_a_day = 1")
    await tick(worker_db, NOON)
    assert sorted(await reminders(owner), key=str) == [("planned", "day_full"), ("queued", None)]
    await send_all(worker_db, phones.gateway(), NOON)
    assert ["Reply 1 when taken" in text.body for text in phones.texts()] == [True]


async def test_what_is_moot_is_no_reason_any_more_for_what_it_was_bundled_with(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await rule(owner, world, "measurement", hour=12, lasts=2)
    medicine = await supply_ends(owner, world)
    await tick(worker_db, NOON)
    assert await owner.fetchval("SELECT count(DISTINCT message_id) FROM reminder") == 1
    await filled(owner, world, medicine, NOON.date(), 90)
    await send_all(worker_db, phones.gateway(), NOON + 3 * HOUR)
    assert phones.texts() == []
    assert await owner.fetchval("SELECT reason FROM message") == "reason_gone"


async def test_what_remains_of_a_bundle_is_said_after_the_earliest_is_moot(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await rule(owner, world, "measurement", hour=12, lasts=2)
    await supply_ends(owner, world)
    await tick(worker_db, NOON)
    await send_all(worker_db, phones.gateway(), NOON + 3 * HOUR)
    assert len(phones.texts()) == 1


async def test_a_call_says_each_thing(worker_db: Database, phones: Phones, world: World, owner: Any) -> None:
    await rule(owner, world, "measurement", hour=12, lasts=2)
    await supply_ends(owner, world)
    await owner.execute(
        "INSERT INTO contact_preference (patient_id, organization_id, channels, author, changed_at)"
        " VALUES ($1, $2, '{voice}', 'test', $3)",
        world.patient, world.organization, LONG_AGO,
    )  # fmt: skip
    await agrees(owner, world, "voice")
    await tick(worker_db, NOON)
    [said] = await bodies(owner)
    for words in ("a few things", "take them today", "pick up your next supply"):
        assert words in said
    await send_all(worker_db, phones.gateway(), NOON + 3 * HOUR)
    assert await owner.fetchval("SELECT reason FROM message") == "too_late"

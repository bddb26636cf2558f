"""A page that waits for the patient's answer: only where approved, never in danger, and never for long."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
import pytest

from server.auditing import crossings
from server.db.ids import uuid7
from server.db.pool import Database
from server.errors import BadSetting
from server.flows import page
from server.monitoring import waits
from server.monitoring.limits import Limit
from server.settings import Settings, load
from tests.flows.asking import MINUTE, WORKER, Scene, said
from tests.flows.clinic import tick
from tests.flows.test_reading import count
from tests.texting import Phones, phones
from tests.world import World

__all__ = ["phones"]

SECOND = timedelta(seconds=1)


@pytest.fixture
async def scene(owner: Any, world: World, bridge_db: Database, worker_db: Database) -> Scene:
    return Scene(world=world, owner=owner, bridge_db=bridge_db, worker_db=worker_db, now=datetime.now(UTC))


async def test_an_approved_programme_lets_the_page_wait_and_no_answer_pages_at_the_deadline(scene: Scene) -> None:
    await scene.may_wait(5)
    await scene.measures(185)
    assert (await scene.pages(), await scene.waits(), await scene.texts()) == ([], True, ["ask_rest"])
    assert await said(scene) == ["asked", "waits"]
    await scene.text_is("delivered")
    assert await scene.looks(5 * MINUTE - SECOND) == 0
    assert await tick(scene.worker_db, scene.now) == 0
    assert await scene.looks(SECOND) == 1
    assert (await scene.pages(), await scene.waits(), await scene.states()) == (
        ["page_high_alert"],
        False,
        ["no_answer"],
    )
    assert await count(scene.owner, "audit", "action = 'alert.page_released'") == 1


async def test_with_the_confirm_loop_dead_escalation_pages_at_the_deadline(scene: Scene) -> None:
    await scene.may_wait(5)
    await scene.measures(185)
    for _ in range(4):
        scene.now += MINUTE
        assert await tick(scene.worker_db, scene.now) == 0
    scene.now += MINUTE + SECOND
    assert await tick(scene.worker_db, scene.now) == 1
    assert await scene.pages() == ["page_high_alert"]
    await scene.looks(SECOND)
    assert await scene.pages() == ["page_high_alert"]


async def test_the_chain_of_a_released_page_begins_when_it_was_released(scene: Scene) -> None:
    await scene.may_wait(10)
    await scene.measures(185)
    await tick(scene.worker_db, scene.now + SECOND)
    await scene.text_is("delivered")
    scene.now += 3 * MINUTE
    await scene.measures(183)
    await tick(scene.worker_db, scene.now + SECOND)
    row = await scene.owner.fetchrow("SELECT severity, started_at FROM escalation")
    assert (row["severity"], row["started_at"]) == ("high", scene.now)


@pytest.mark.parametrize(
    ("systolic", "diastolic", "pages"), [(199, 129, 0), (200, 100, 1), (185, 130, 1), (185, 129, 0), (250, 140, 1)]
)
async def test_from_200_over_130_no_page_waits(scene: Scene, systolic: int, diastolic: int, pages: int) -> None:
    await scene.may_wait()
    await scene.measures(systolic, diastolic)
    assert len(await scene.pages()) == pages


async def test_nothing_waits_without_approval(scene: Scene) -> None:
    await scene.may_wait(approved=False)
    await scene.measures(185)
    assert await scene.pages() == ["page_high_alert"]


@pytest.mark.parametrize(("minutes", "pages"), [(0, 1), (3, 0), (None, 1)])
async def test_of_several_programmes_the_shortest_wait_counts(scene: Scene, minutes: int | None, pages: int) -> None:
    await scene.may_wait(10)
    other = await scene.enrol("heart_failure")
    if minutes is not None:
        await scene.may_wait(minutes, programme=other)
    await scene.measures(185)
    assert len(await scene.pages()) == pages
    if pages == 0:
        assert await scene.owner.fetchval("SELECT deadline - asked_at FROM confirmation") == 3 * MINUTE


async def test_general_monitoring_decides_only_for_who_is_in_nothing_else(scene: Scene) -> None:
    await scene.may_wait(5)
    await scene.enrol("general")
    await scene.measures(185)
    assert await scene.pages() == []


@pytest.mark.parametrize(("left", "pages"), [(None, 1), (41, 1), (43, 0)])
async def test_nothing_waits_in_pregnancy_nor_six_weeks_after(scene: Scene, left: int | None, pages: int) -> None:
    await scene.may_wait()
    pregnancy = await scene.enrol("pregnancy", left=scene.now - timedelta(days=left) if left else None)
    await scene.may_wait(programme=pregnancy)
    await scene.measures(185)
    assert len(await scene.pages()) == pages


@pytest.mark.parametrize("kind", ["another high alert", "danger", "two at once", "spo2", "glucose", "trial"])
async def test_nothing_waits_when_more_speaks_for_danger(scene: Scene, kind: str) -> None:
    await scene.may_wait()
    if kind == "another high alert":
        await scene.sends(scene.entry(kind="glucose", glucose=45))
    elif kind == "danger":
        await scene.writes("chest pain")
    elif kind == "trial":
        await scene.owner.execute("UPDATE organization SET state = 'trial'")
    if kind in {"spo2", "glucose"}:
        await scene.sends(scene.entry(kind=kind, **{kind: 45 if kind == "glucose" else 85}))
    else:
        more = [scene.pressure(185, ago=2 * MINUTE)] if kind == "two at once" else []
        await scene.sends(*more, scene.pressure(186))
    assert not await scene.waits()
    assert "page_high_alert" in await scene.pages()


@pytest.mark.parametrize("status", ["queued", "sent", "failed", "suppressed", "unknown", "withheld"])
async def test_a_text_that_does_not_arrive_in_two_minutes_lets_the_page_go(scene: Scene, status: str) -> None:
    await scene.may_wait()
    await scene.measures(185)
    await scene.text_is(status)
    await scene.looks(2 * MINUTE - SECOND)
    assert len(await scene.pages()) == (status not in {"queued", "sent"})
    await scene.looks(SECOND)
    await scene.looks(SECOND)
    assert (await scene.pages(), await scene.states()) == (["page_high_alert"], ["asked"])
    detail = await scene.owner.fetchval("SELECT detail->>'why' FROM audit WHERE action = 'alert.page_released'")
    assert detail == "not_delivered"


async def test_a_normal_second_reading_lowers_the_alert_before_anybody_was_woken(scene: Scene) -> None:
    await scene.may_wait()
    await scene.measures(185)
    await scene.text_is("delivered")
    scene.now += 3 * MINUTE
    await scene.measures(150)
    await scene.looks(SECOND)
    assert (await scene.pages(), await scene.alert(), await scene.states()) == (
        [],
        ("medium", "open"),
        ["normal_retake"],
    )
    note = await scene.owner.fetchrow("SELECT principal, detail->>'why' AS why FROM audit WHERE action = 'alert.lower'")
    assert tuple(note) == ("service:worker", "normal_retake")
    await tick(scene.worker_db, scene.now + SECOND)
    assert await scene.owner.fetchval("SELECT severity FROM escalation") == "medium"
    scene.now += MINUTE
    await scene.measures(190)  # and if it is high again after all, nothing waits
    assert (await scene.pages(), (await scene.alert())[0]) == (["page_high_alert"], "high")


@pytest.mark.parametrize(
    ("systolic", "diastolic", "why"), [(75, 40, "not_normal"), (178, 118, "near_limit"), (175, 80, "near_limit")]
)
async def test_a_second_reading_that_is_not_high_and_not_normal_lets_the_page_go(
    scene: Scene, systolic: int, diastolic: int, why: str
) -> None:
    await scene.may_wait()
    await scene.measures(190, 110)
    await scene.text_is("delivered")
    scene.now += 3 * MINUTE
    await scene.measures(systolic, diastolic)
    await scene.looks(SECOND)
    assert (await scene.pages(), await scene.alert()) == (["page_high_alert"], ("high", "open"))
    detail = await scene.owner.fetchval("SELECT detail->>'why' FROM audit WHERE action = 'alert.page_released'")
    assert detail == why
    scene.now += MINUTE
    await scene.measures(120)  # what was paged is not taken back by a better one
    await scene.looks(SECOND)
    assert (await scene.alert(), await scene.states()) == (("high", "open"), ["normal_retake"])


async def test_a_fall_from_far_too_high_to_far_too_low_is_paged_though_a_normal_reading_came_too(scene: Scene) -> None:
    await scene.may_wait()
    await scene.measures(190, 110)
    scene.now += 3 * MINUTE
    await scene.measures(75, 40)
    await scene.measures(120)
    await scene.looks(SECOND)
    assert (await scene.pages(), await scene.alert()) == (["page_high_alert"], ("high", "open"))


@pytest.mark.parametrize(
    ("systolic", "diastolic", "clear"),
    [(174, 114, True), (175, 114, False), (174, 115, False), (178, 118, False), (120, 80, True), (85, 40, True)],
)
def test_clear_of_a_limit_is_further_below_than_a_cuff_errs(systolic: int, diastolic: int, clear: bool) -> None:
    of: dict[str, Any] = {"rule_id": uuid7(), "rule_version_id": uuid7(), "vital": "blood_pressure"}
    levels = [("systolic_mmhg", "at_or_above", "high", 180), ("diastolic_mmhg", "at_or_above", "high", 120)]
    levels += [("systolic_mmhg", "at_or_above", "medium", 140), ("systolic_mmhg", "below", "medium", 90)]
    limits = [
        Limit(**of, metric=metric, side=side, severity=severity, value=Decimal(value))  # type: ignore[arg-type]
        for metric, side, severity, value in levels
    ]
    assert waits.clear(waits.Pressure(Decimal(systolic), Decimal(diastolic)), limits) is clear


@pytest.mark.parametrize("how", ["same vital", "another vital", "in doubt", "symptoms", "danger", "unclear"])
async def test_whatever_speaks_for_danger_lets_the_page_go_at_once(scene: Scene, how: str) -> None:
    await scene.may_wait()
    await scene.measures(185)
    scene.now += MINUTE
    match how:
        case "same vital":
            await scene.measures(181)
        case "another vital":
            await scene.sends(scene.entry(kind="spo2", spo2=85))
        case "in doubt":
            await scene.measures(310)
        case _:
            await scene.writes({"symptoms": "2", "danger": "my face is numb", "unclear": "what is this"}[how])
    about_pressure = await scene.owner.fetch(
        "SELECT m.wording FROM message m JOIN alert a ON a.id = m.alert_id WHERE a.rule_id = $1 AND m.purpose = 'page'",
        scene.world.rules["bp_high"],
    )
    expected = "page_symptoms" if how in {"symptoms", "danger"} else "page_high_alert"
    assert [row["wording"] for row in about_pressure] == [expected]
    assert not await scene.waits()
    await scene.looks(10 * MINUTE)
    await scene.looks(10 * MINUTE)
    assert (await scene.pages()).count(expected) == (2 if how == "another vital" else 1)


async def test_no_symptoms_alone_does_not_let_the_page_wait_longer_nor_go(scene: Scene) -> None:
    await scene.may_wait(5)
    await scene.measures(185)
    await scene.text_is("delivered")
    scene.now += MINUTE
    await scene.writes("no")
    assert (await scene.waits(), await scene.pages()) == (True, [])
    await scene.looks(4 * MINUTE)
    assert await scene.pages() == ["page_high_alert"]


async def test_an_alert_that_somebody_takes_meanwhile_pages_nobody(scene: Scene) -> None:
    await scene.may_wait()
    await scene.measures(185)
    await scene.owner.execute("UPDATE alert SET status = 'acknowledged', acknowledged_by = $1", scene.world.nurse)
    await scene.looks(SECOND)
    assert (await scene.pages(), await scene.states(), await scene.waits()) == ([], ["withdrawn"], False)
    assert await scene.owner.fetchval("SELECT status FROM message WHERE purpose = 'safety'") == "suppressed"


async def test_the_database_refuses_a_page_that_waits_longer_than_ten_minutes(scene: Scene) -> None:
    await scene.measures(185)
    with pytest.raises(asyncpg.CheckViolationError):
        await scene.owner.execute("UPDATE alert SET page_not_before = opened_at + interval '10 minutes 1 second'")


async def test_the_auditor_knows_a_page_that_waits_and_one_that_waits_too_long(scene: Scene) -> None:
    await scene.owner.execute(
        "INSERT INTO audit_mark VALUES ($1, $2, $2)", scene.world.organization, scene.now - timedelta(days=1)
    )
    await scene.may_wait(5)
    await scene.measures(185)

    async def missing(after: timedelta) -> int:
        async with scene.worker_db.transaction(WORKER) as db:
            return len(await crossings.unpaged(db, scene.now + after))

    assert [await missing(n * MINUTE) for n in (0, 2, 4)] == [0, 0, 0]
    assert await missing(5 * MINUTE + SECOND) == 1


async def test_the_clinic_may_set_the_pressure_from_which_nothing_waits_lower(scene: Scene, settings: Settings) -> None:
    env = {"DATABASE_URL": settings.database_url, "MQTT_URL": settings.mqtt_url, "CARELOOP_SECRET_KEY": "k" * 32}
    env["CARELOOP_FIELD_KEY"] = "f" * 32
    assert load(env).never_wait == (200, 130)
    assert load(env | {"CARELOOP_NEVER_WAIT": "190/125"}).never_wait == (190, 125)
    for wrong in ("190", "x/y", "19/12", "190/125/3", "-190/125"):
        with pytest.raises(BadSetting, match="CARELOOP_NEVER_WAIT"):
            load(env | {"CARELOOP_NEVER_WAIT": wrong})
    await scene.may_wait()
    async with scene.worker_db.transaction(WORKER) as db:
        reach = (await waits.reach(db, [scene.world.patient], scene.now))[scene.world.patient]
    below, at = waits.Pressure(Decimal(189), Decimal(124)), waits.Pressure(Decimal(190), Decimal(80))
    assert [waits.minutes(reach, one, (190, 125)) for one in (below, at, None)] == [5, 0, 0]


@pytest.mark.parametrize(("never", "pages"), [((185, 120), 1), ((200, 130), 0)])
async def test_a_texted_pressure_from_the_clinics_own_setting_on_pages_at_once(
    scene: Scene, phones: Phones, never: tuple[int, int], pages: int
) -> None:
    msgspec.structs.force_setattr(phones.settings, "never_wait", never)
    await scene.may_wait()
    assert await phones.write(scene.world.patient_phone, "BP 195/110") == 200
    assert (len(await scene.pages()), await scene.waits()) == (pages, pages == 0)


def test_who_pages_cannot_forget_from_which_pressure_nothing_waits() -> None:
    with pytest.raises(TypeError, match="never_wait"):
        page.Told(public_url="http://127.0.0.1:8000", field_key="f" * 32)  # type: ignore[call-arg]

"""What is known by heart saves two round trips, and nothing is stored by what was true a moment ago."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from devices import registry
from devices.intake import DAILY_CAP, Publish
from server.db.ids import uuid7
from server.db.pool import Database
from server.flows import plain
from server.flows.by_heart import ByHeart, Recalled
from tests.flows.test_reading import BRIDGE, NOW, bp, count, publish
from tests.proofs import street
from tests.world import World, lend_device

BEHIND = "cuff-behind"  # the world's device is its hub; it is the second patient's

# Each changes something that decides whose a reading is or by what it is judged; the names in braces are of the scene.
CHANGES = {
    "its device is disabled": "UPDATE device SET disabled_at = now() WHERE id = '{device}'",
    "its device speaks another format": "UPDATE device_model SET format = 'senml' WHERE id = '{model}'",
    "its clock was found wrong": "INSERT INTO device_clock (device_id, organization_id, observed_at, skew_seconds) VALUES ('{device}', '{organization}', now(), 7200)",
    "a device behind it is taken away": "UPDATE device SET hub_id = NULL WHERE id = '{behind}'",
    "a device behind it is disabled": "UPDATE device SET disabled_at = now() WHERE id = '{behind}'",
    "another device is put behind it": "UPDATE device SET hub_id = '{device}' WHERE id = '{far}'",
    "it was returned": "UPDATE loan SET lent = tstzrange(lower(lent), now()) WHERE device_id = '{device}'",
    "it was never lent": "DELETE FROM loan WHERE device_id = '{device}'",
    "it is another patient's": "UPDATE loan SET patient_id = '{second}' WHERE device_id = '{device}'",
    "it was lent later": "UPDATE loan SET lent = tstzrange(now() - interval '1 minute', NULL) WHERE device_id = '{device}'",
    "only one of its buttons is lent": "UPDATE loan SET user_slot = 2 WHERE device_id = '{device}'",
    "another of its buttons is lent too": "INSERT INTO loan VALUES (gen_random_uuid(), '{organization}', '{device}', '{second}', 2, tstzrange(now() - interval '9 days', NULL))",
    "what is behind it is somebody else's": "UPDATE loan SET patient_id = '{patient}' WHERE device_id = '{behind}'",
    "its patient moved": "UPDATE patient SET zone = 'Pacific/Kiritimati' WHERE id = '{patient}'",
    "what was usual was learned": "INSERT INTO patient_baseline VALUES ('{patient}', 'systolic_mmhg', '{organization}', 90, 5, now())",
    "a limit of their own": "INSERT INTO patient_limit (id, organization_id, patient_id, rule_id, metric, side, severity, value, valid_from, author, reason) VALUES (gen_random_uuid(), '{organization}', '{patient}', '{rule}', 'systolic_mmhg', 'at_or_above', 'high', 120, now(), 'test', 'test')",
    "a limit of whoever has what is behind it": "INSERT INTO patient_limit (id, organization_id, patient_id, rule_id, metric, side, severity, value, valid_from, author, reason) VALUES (gen_random_uuid(), '{organization}', '{second}', '{rule}', 'systolic_mmhg', 'at_or_above', 'high', 120, now(), 'test', 'test')",
    "the programme was left": "UPDATE enrolment SET valid_to = now() WHERE patient_id = '{patient}'",
    "a second programme": "WITH p AS (INSERT INTO programme VALUES (gen_random_uuid(), '{organization}', 'second', 'Second') RETURNING id) INSERT INTO enrolment SELECT gen_random_uuid(), '{organization}', '{patient}', id, now(), NULL FROM p",
    "a rule leaves the programme": "DELETE FROM programme_rule WHERE rule_id = '{rule}'",
    "a rule is judged as a series": "UPDATE rule SET kind = 'trend' WHERE id = '{rule}'",
    "a rule has no version": "UPDATE rule_version SET valid_to = now() WHERE rule_id = '{rule}'",
    "a rule has a new version": "UPDATE rule_version SET valid_to = now() WHERE id = '{version}'; INSERT INTO rule_version (id, organization_id, rule_id, version, explains, source, author, valid_from) VALUES ('{next}', '{organization}', '{rule}', 2, 'A test rule', 'tests', 'tests', now()); INSERT INTO rule_limit VALUES ('{next}', '{organization}', 'systolic_mmhg', 'at_or_above', 'high', 180), ('{next}', '{organization}', 'diastolic_mmhg', 'at_or_above', 'high', 120)",
    "a level is another": "UPDATE rule_limit SET value = 120 WHERE rule_version_id = '{version}' AND metric = 'systolic_mmhg'",
    "a level is on the other side": "UPDATE rule_limit SET side = 'above' WHERE rule_version_id = '{version}' AND metric = 'systolic_mmhg'",
    "a level is another's severity": "UPDATE rule_limit SET severity = 'low' WHERE rule_version_id = '{version}' AND metric = 'systolic_mmhg'",
    "a level of the programme's own": "INSERT INTO programme_limit VALUES ('{version}', '{programme}', '{organization}', 'pulse_bpm', 'at_or_above', 'high', 60)",
}  # fmt: skip


class Scene:
    """A hub at home with a second patient's cuff behind it, and one bridge that remembers them."""

    def __init__(self, world: World, owner: Any, bridge_db: Database) -> None:
        self.world, self.owner, self.bridge_db, self.by_heart = world, owner, bridge_db, ByHeart()

    async def set_up(self) -> "Scene":
        self.second = await street.move_in(self.owner, self.world)
        await street.register(self.owner, self.world, BEHIND, lent_to=self.second, hub=self.world.device)
        self.far = (await street.neighbour(self.owner, self.world)).device
        return self

    async def take(self, *batch: Publish, now: datetime = NOW, cap: int = DAILY_CAP) -> plain.Taken:
        return await plain.take_in(self.bridge_db, BRIDGE, list(batch), now, cap, self.by_heart)

    async def says(self, seq: int, **more: Any) -> plain.Taken:
        return await self.take(publish(self.world, bp(seq, 128, **more)))

    async def change(self, statement: str) -> None:
        world = self.world
        names = {
            "device": world.device, "organization": world.organization, "patient": world.patient,
            "second": self.second, "behind": BEHIND, "far": self.far, "rule": world.rules["bp_high"],
            "version": world.versions["bp_high"], "programme": world.programme, "next": uuid7(),
            "model": await self.owner.fetchval("SELECT model_id FROM device WHERE id = $1", world.device),
        }  # fmt: skip
        await self.owner.execute(statement.format(**names))

    async def recalled(self, by_heart: ByHeart) -> Recalled:
        async with self.bridge_db.statements() as db:
            return await by_heart.recall(db, [publish(self.world, bp(1, 128))], NOW, DAILY_CAP)


@pytest.fixture
async def scene(world: World, owner: Any, bridge_db: Database) -> Scene:
    return await Scene(world, owner, bridge_db).set_up()


@pytest.mark.parametrize("change", CHANGES)
async def test_after_any_change_nothing_is_stored_by_what_was_remembered(change: str, scene: Scene) -> None:
    assert (await scene.says(1)).wanting == [False]
    await scene.change(CHANGES[change])
    assert (await scene.says(2)).wanting == [True]
    assert await count(scene.owner, "arrival") == 1
    again, anew = await scene.recalled(scene.by_heart), await scene.recalled(ByHeart())
    assert (again.known, again.by_metric, again.names) == (anew.known, anew.by_metric, anew.names)


async def test_what_is_known_is_not_asked_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    await scene.says(1)

    async def asked(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(registry, "registered", asked)
    assert (await scene.says(2)).wanting == [False]
    assert (await scene.says(3, source=BEHIND)).wanting == [False]
    assert await scene.owner.fetchval("SELECT patient_id FROM arrival WHERE seq = 3") == scene.second


async def test_a_hub_does_not_speak_for_what_it_no_longer_has_though_that_one_is_remembered_as_its_own(
    scene: Scene,
) -> None:
    """The cuff speaks for itself too: it was remembered before it was taken away, the hub after."""
    its_own = publish(scene.world, bp(1, 128), sender=BEHIND)
    assert (await scene.take(its_own)).wanting == [False]
    await scene.change(CHANGES["a device behind it is taken away"])
    await scene.recalled(scene.by_heart)
    crossing, named = publish(scene.world, bp(2, 192), sender=BEHIND), publish(scene.world, bp(1, 128, source=BEHIND))
    assert (await scene.take(crossing, named)).wanting == [True, True]
    assert await count(scene.owner, "arrival") == 1


@pytest.mark.parametrize("first", [True, False])
async def test_what_is_usual_is_not_taken_from_what_another_device_was_remembered_with(
    first: bool, scene: Scene, owner: Any, world: World
) -> None:
    """Their second cuff was remembered when something else was usual, and brings what the quick way does not take."""
    other, _ = await lend_device(owner, world.organization, world.patient, NOW - timedelta(days=90))
    await scene.change(CHANGES["what was usual was learned"])
    assert (await scene.take(publish(world, bp(1, 128), sender=other))).wanting == [False]
    await owner.execute("UPDATE patient_baseline SET value = 60")
    await scene.recalled(scene.by_heart)
    plain_one, crossing = publish(world, bp(1, 128)), publish(world, bp(2, 192), sender=other)
    assert (await scene.take(*([crossing, plain_one] if first else [plain_one, crossing]))).wanting == [True, True]
    assert await count(owner, "arrival") == 1


async def test_what_changes_while_a_batch_is_taken_apart_is_seen(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of who was asked a moment ago."""
    first = plain.entering.first

    async def later(*args: Any) -> Any:
        await scene.change(CHANGES["it is another patient's"])
        return await first(*args)

    monkeypatch.setattr(plain.entering, "first", later)
    assert (await scene.says(1)).wanting == [True]
    assert await count(scene.owner, "arrival") == 0


async def test_the_check_sees_a_memory_that_proves_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recalled, "proof", lambda *_: None)
    await scene.says(1)
    await scene.change(CHANGES["it is another patient's"])
    assert (await scene.says(2)).wanting == [False]
    assert await count(scene.owner, "arrival", f"patient_id = '{scene.second}'") == 0, (
        "and it went to who had it before"
    )


async def test_a_limit_that_ends_by_itself_is_asked_again(scene: Scene) -> None:
    await scene.change(CHANGES["a limit of their own"])
    await scene.owner.execute("UPDATE patient_limit SET value = 140, valid_to = $1", NOW + timedelta(hours=1))
    assert (await scene.says(1)).wanting == [False]
    late = NOW + timedelta(hours=2)
    assert (await scene.take(publish(scene.world, bp(2, 128, at=late)), now=late)).wanting == [True]
    assert (await scene.take(publish(scene.world, bp(2, 150, at=late)), now=late)).wanting == [False]


async def test_one_patients_change_keeps_nobody_else_from_the_quick_way_for_long(scene: Scene) -> None:
    both = [publish(scene.world, bp(1, 128)), publish(scene.world, bp(1, 128), sender=scene.far)]
    assert (await scene.take(*both)).wanting == [False, False]
    await scene.change(CHANGES["its patient moved"])
    both = [publish(scene.world, bp(2, 128)), publish(scene.world, bp(2, 128), sender=scene.far)]
    assert (await scene.take(*both)).wanting == [True, True]
    assert (await scene.take(*both)).wanting == [False, False]


async def test_the_daily_cap_counts_what_is_remembered(scene: Scene) -> None:
    wanting = [(await scene.take(publish(scene.world, bp(seq, 128)), cap=6)).wanting for seq in range(1, 9)]
    assert wanting == [[False]] * 6 + [[True]] * 2


async def test_what_came_by_another_door_counts_once_half_the_cap_is_reached(scene: Scene) -> None:
    for seq in (1, 2, 3, 4):
        await scene.take(publish(scene.world, bp(seq, 128)), cap=6)
    await scene.owner.execute("UPDATE device_state SET day_count = 7 WHERE device_id = $1", scene.world.device)
    assert (await scene.take(publish(scene.world, bp(5, 128)), cap=6)).wanting == [True]


async def test_a_day_later_counts_begin_anew(scene: Scene) -> None:
    for seq in range(1, 4):
        await scene.take(publish(scene.world, bp(seq, 128)), cap=6)
    day = NOW + timedelta(days=1)
    wanting = [
        (await scene.take(publish(scene.world, bp(seq, 128, at=day)), now=day, cap=6)).wanting for seq in (5, 6, 7, 8)
    ]
    assert wanting == [[False]] * 4

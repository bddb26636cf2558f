"""What came in is stored once, judged in the same transaction, and its sender is told the truth."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devices.intake import Publish
from server.db.pool import Database, Who
from server.flows import reading
from server.flows.page import Told
from tests.world import FIELD_KEY, NEVER_WAIT, World, lend_device

BRIDGE = Who(principal="service:bridge")
TOLD = Told(public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT)
NOW = datetime.now(UTC)


def bp(seq: int | None, systolic: float, diastolic: float = 80, *, at: datetime = NOW, **more: Any) -> dict[str, Any]:
    entry = {
        "kind": "blood_pressure", "measured_at": at.isoformat(), "systolic": systolic, "diastolic": diastolic, **more,
    }  # fmt: skip
    return entry if seq is None else {"seq": seq, **entry}


def publish(world: World, *entries: Any, sender: str | None = None) -> Publish:
    sender = sender or world.device
    payload = entries[0] if isinstance(entries[0], bytes) else json.dumps(list(entries)).encode()
    return Publish(sender=sender, payload=payload, topic=f"careloop/v1/{sender}/readings")


async def send(bridge_db: Database, *batch: Publish, now: datetime = NOW) -> reading.Outcome:
    async with bridge_db.transaction(BRIDGE) as db:
        return await reading.handle(db, list(batch), now, TOLD)


async def count(owner: Any, table: str, where: str = "true") -> int:
    return int(await owner.fetchval(f"SELECT count(*) FROM {table} WHERE {where}"))


async def test_a_crisis_is_stored_judged_and_paged_in_one_transaction(
    world: World, owner: Any, bridge_db: Database
) -> None:
    outcome = await send(bridge_db, publish(world, bp(1, 192, 124)))
    row = await owner.fetchrow("SELECT * FROM reading")
    assert (row["patient_id"], row["systolic_mmhg"], row["diastolic_mmhg"]) == (world.patient, 192, 124)
    alert = await owner.fetchrow("SELECT * FROM alert")
    assert (alert["severity"], alert["status"], alert["rule_id"]) == ("high", "open", world.rules["bp_high"])
    assert await owner.fetchval("SELECT alert_id FROM finding") == alert["id"]
    assert await owner.fetchval("SELECT reading_id FROM finding_evidence") == row["id"]
    page = await owner.fetchrow("SELECT * FROM message WHERE purpose = 'page'")
    assert (page["purpose"], page["to_number"], page["alert_id"]) == ("page", world.nurse_phone, alert["id"])
    receipt = outcome.receipts[world.device][0]
    assert (receipt.stored, receipt.through, receipt.refused) == ([1], 1, [])


async def test_the_same_message_five_times_is_one_reading_one_alert_one_page(
    world: World, owner: Any, bridge_db: Database
) -> None:
    once = publish(world, bp(1, 192, 124))
    outcomes = [await send(bridge_db, once) for _ in range(3)] + [await send(bridge_db, once, once)]
    for table in ("reading", "finding", "alert", "confirmation", "arrival"):
        assert await count(owner, table) == 1, table
    assert await count(owner, "message", "purpose = 'page'") == await count(owner, "message", "purpose = 'safety'") == 1
    assert all(outcome.receipts[world.device][0].stored == [1] for outcome in outcomes)
    state = await owner.fetchrow("SELECT * FROM device_state")
    assert (state["received_count"], state["stored_count"], state["duplicate_count"]) == (5, 1, 4)


async def test_garbage_is_kept_with_its_reason_and_the_next_reading_is_stored(
    world: World, owner: Any, bridge_db: Database
) -> None:
    garbage = (b"\x00\xff garbage", b"[1, 2", b"", b"[]", b'{"kind": "blood_pressure"}', b'{"kind": "mood", "seq": 9}')
    for payload in garbage:
        await send(bridge_db, publish(world, payload))
    await send(bridge_db, publish(world, bp(1, 120)))
    rows = await owner.fetch("SELECT payload, reason FROM quarantine ORDER BY received_at, id")
    assert [row["payload"] for row in rows] == list(garbage)
    assert [row["reason"] for row in rows] == [
        "not_json", "not_json", "not_json", "empty", "value_missing", "unknown_kind",
    ]  # fmt: skip
    assert await count(owner, "reading") == 1


async def test_an_unknown_device_is_quarantined_and_told_so(world: World, owner: Any, bridge_db: Database) -> None:
    outcome = await send(bridge_db, publish(world, bp(1, 192, 124), sender="nobody"))
    assert outcome.receipts["nobody"][0].refused[0].reason == "unknown_device"
    assert await owner.fetchval("SELECT reason FROM quarantine") == "unknown_device"
    assert await count(owner, "reading") == 0


async def test_an_implausible_crisis_is_held_and_still_not_silent(
    world: World, owner: Any, bridge_db: Database
) -> None:
    outcome = await send(bridge_db, publish(world, bp(1, 310, 124)))
    assert outcome.receipts[world.device][0].held == [1]
    assert await count(owner, "reading") == 0
    assert await owner.fetchval("SELECT reason FROM held") == "implausible"
    alert = await owner.fetchrow("SELECT severity, unconfirmed FROM alert")
    assert (alert["severity"], alert["unconfirmed"]) == ("high", True)
    assert await count(owner, "message", "purpose = 'page'") == 1
    assert await owner.fetchval("SELECT kind FROM alarm") == "implausible"


async def test_the_patient_comes_from_the_loan_at_the_time_of_measurement(
    world: World, other_world: World, owner: Any, bridge_db: Database
) -> None:
    before = NOW - timedelta(days=100)
    outcome = await send(
        bridge_db, publish(world, bp(1, 150, patient_id=str(other_world.patient)), bp(2, 151, at=before))
    )
    assert [row["patient_id"] for row in await owner.fetch("SELECT patient_id FROM reading")] == [world.patient]
    assert await owner.fetchval("SELECT reason FROM held") == "unassigned"
    assert outcome.receipts[world.device][0].stored == [1]


async def test_a_number_used_twice_keeps_both_readings_and_says_so(
    world: World, owner: Any, bridge_db: Database
) -> None:
    await send(bridge_db, publish(world, bp(1, 120)))
    outcome = await send(bridge_db, publish(world, bp(1, 195, 125)), publish(world, bp(1, 195, 125)))
    assert outcome.receipts[world.device][0].stored == [1]
    assert await count(owner, "reading") == 2
    assert await count(owner, "reading", "'sequence_reused' = ANY (flags)") == 1
    assert await count(owner, "alert", "severity = 'high'") == 1
    assert await owner.fetchval("SELECT kind FROM alarm") == "sequence_reused"


async def test_through_never_passes_a_hole(world: World, bridge_db: Database) -> None:
    seen = []
    for seq in (1, 2, 4, 5, 3, 7, 6):
        outcome = await send(bridge_db, publish(world, bp(seq, 120)))
        seen.append(outcome.receipts[world.device][0].through)
    assert seen == [1, 2, 2, 2, 5, 5, 7]


async def test_an_entry_without_a_number_is_named_by_the_hash_of_its_bytes(world: World, bridge_db: Database) -> None:
    import hashlib

    payload = json.dumps(bp(None, 120)).encode()
    for _ in range(2):
        outcome = await send(bridge_db, publish(world, payload))
        receipt = outcome.receipts[world.device][0]
        assert (receipt.hash, receipt.fate) == (hashlib.sha256(payload).hexdigest(), "stored")


@pytest.mark.parametrize(
    ("minutes", "contradicted", "pages", "age"),
    [(5, False, 1, "live"), (90, False, 1, "late"), (90, True, 0, "late"), (60 * 30, False, 0, "historic")],
)
async def test_late_is_not_live(
    world: World, owner: Any, bridge_db: Database, minutes: int, contradicted: bool, pages: int, age: str
) -> None:
    if contradicted:
        await send(bridge_db, publish(world, bp(2, 125, at=NOW - timedelta(minutes=10))))
    await send(bridge_db, publish(world, bp(1, 192, 124, at=NOW - timedelta(minutes=minutes))))
    assert await owner.fetchval("SELECT age FROM alert") == age
    assert await count(owner, "message", "purpose = 'page'") == pages
    assert await count(owner, "message", "purpose = 'safety'") == (age == "live")


async def test_with_nobody_on_shift_the_page_still_goes_and_the_roster_alarms(
    world: World, owner: Any, bridge_db: Database
) -> None:
    await owner.execute("UPDATE shift SET ends_at = now() - interval '1 hour'")
    await send(bridge_db, publish(world, bp(1, 192, 124)))
    assert await owner.fetchval("SELECT to_number FROM message WHERE purpose = 'page'") == world.nurse_phone
    assert await owner.fetchval("SELECT kind FROM alarm") == "roster"


async def test_a_meters_hi_and_lo_are_emergencies_without_a_number(
    world: World, owner: Any, bridge_db: Database
) -> None:
    await send(bridge_db, publish(world, {"seq": 1, "kind": "glucose", "glucose": "HI"}))
    await send(bridge_db, publish(world, {"seq": 2, "kind": "glucose", "glucose": "LO"}))
    rows = await owner.fetch("SELECT severity, value FROM finding ORDER BY measured_at")
    assert [(row["severity"], row["value"]) for row in rows] == [("high", None), ("high", None)]
    assert await count(owner, "reading", "out_of_range IS NOT NULL AND glucose_mgdl IS NULL") == 2
    assert await count(owner, "alert") == 2


async def test_a_patients_own_limit_replaces_the_default(world: World, owner: Any, bridge_db: Database) -> None:
    await owner.execute(
        """INSERT INTO patient_limit (id, organization_id, patient_id, rule_id, metric, side, severity, value, author, reason,
               valid_from) VALUES (gen_random_uuid(), $1, $2, $3, 'systolic_mmhg', 'at_or_above', 'high', 150, 't', 't', now())""",
        world.organization, world.patient, world.rules["bp_high"],
    )  # fmt: skip
    await send(bridge_db, publish(world, bp(1, 155)))
    assert await owner.fetchval("SELECT limit_value FROM finding") == 150


async def test_a_worse_finding_opens_again_what_was_acknowledged(world: World, owner: Any, bridge_db: Database) -> None:
    await send(bridge_db, publish(world, {"seq": 1, "kind": "glucose", "glucose": 65}))
    await owner.execute("UPDATE alert SET status = 'acknowledged'")
    await send(bridge_db, publish(world, {"seq": 2, "kind": "glucose", "glucose": 3.0, "unit": "mmol/L"}))
    await send(bridge_db, publish(world, {"seq": 3, "kind": "glucose", "glucose": 50}))
    alert = await owner.fetchrow("SELECT severity, status, finding_count FROM alert")
    assert tuple(alert) == ("high", "open", 3)
    assert await count(owner, "message", "purpose = 'page'") == 1
    assert str(await owner.fetchval("SELECT min(glucose_mgdl) FROM reading WHERE glucose_mgdl > 50")) == "54.1"


async def test_any_order_and_repetition_gives_the_same_readings_and_findings(
    world: World, owner: Any, bridge_db: Database
) -> None:
    seed = 20261121
    chance = random.Random(seed)
    entries = [bp(n, chance.choice((120, 150, 185, 85)), 75, at=NOW - timedelta(minutes=n)) for n in range(1, 21)]
    seen = set()
    for _ in range(4):
        device, _secret = await lend_device(owner, world.organization, world.patient, NOW - timedelta(days=90))
        shuffled = entries * 2
        chance.shuffle(shuffled)
        for at in range(0, len(shuffled), 7):
            await send(bridge_db, publish(world, *shuffled[at : at + 7], sender=device))
        rows = await owner.fetch(
            """SELECT r.measured_at, r.systolic_mmhg, f.severity, f.metric FROM reading r
                 LEFT JOIN finding f ON f.anchor = r.id::text WHERE r.device_id = $1 ORDER BY 1, 4""",
            device,
        )
        seen.add(tuple(tuple(row) for row in rows))
    print(f"seed {seed}: {len(seen) - 1} of 3 orders differ from the first")
    assert len(seen) == 1
    assert len(next(iter(seen))) == 20


@pytest.mark.parametrize(
    ("entry", "severity"),
    [
        ({"kind": "glucose", "glucose": 2.8, "unit": "mg/dL"}, "high"),
        ({"kind": "glucose", "glucose": 5.5, "unit": "mg/dL"}, None),
        ({"kind": "blood_pressure", "systolic": 24.5, "diastolic": 16.2}, "high"),
        ({"kind": "blood_pressure", "systolic": 16.0, "diastolic": 10.6}, None),
        ({"kind": "blood_pressure", "systolic": 310, "diastolic": 124}, "high"),
    ],
)
async def test_a_reading_in_doubt_is_judged_as_all_it_could_mean(
    world: World, owner: Any, bridge_db: Database, entry: dict[str, Any], severity: str | None
) -> None:
    await send(bridge_db, publish(world, {"seq": 1, "measured_at": NOW.isoformat(), **entry}))
    assert await count(owner, "held") == 1
    alert = await owner.fetchrow("SELECT severity, unconfirmed FROM alert")
    assert (alert and tuple(alert)) == (severity and (severity, True))
    assert await count(owner, "message", "purpose = 'page'") == (severity == "high")


async def test_a_crisis_of_nobody_in_particular_is_an_alert_of_everybody_it_could_be(
    world: World, owner: Any, bridge_db: Database
) -> None:
    await owner.execute("UPDATE loan SET lent = tstzrange(lower(lent), $1)", NOW - timedelta(hours=3))
    await send(bridge_db, publish(world, bp(1, 192, 124)))
    assert await owner.fetchval("SELECT reason FROM held") == "unassigned"
    alert = await owner.fetchrow("SELECT patient_id, severity, unconfirmed FROM alert")
    assert tuple(alert) == (world.patient, "high", True)
    assert await count(owner, "message", "purpose = 'page'") == 1


async def test_a_shared_cuff_without_a_slot_alerts_for_each_who_uses_it(
    world: World, owner: Any, bridge_db: Database
) -> None:
    other = await owner.fetchval(
        """INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone, admitted_at)
           SELECT gen_random_uuid(), organization_id, clinic_id, team_id, 'second', 'Jo', 'Two', birth_date, sex, zone, admitted_at
             FROM patient RETURNING id"""
    )
    await owner.execute(
        "INSERT INTO enrolment SELECT gen_random_uuid(), organization_id, $1, programme_id, valid_from FROM enrolment",
        other,
    )
    await owner.execute("UPDATE loan SET user_slot = 1")
    await owner.execute(
        "INSERT INTO loan (id, organization_id, device_id, patient_id, user_slot, lent)"
        " SELECT gen_random_uuid(), organization_id, device_id, $1, 2, lent FROM loan",
        other,
    )
    await send(bridge_db, publish(world, bp(1, 192, 124)), publish(world, bp(2, 121, 79, user_slot=2)))
    assert {row["patient_id"] for row in await owner.fetch("SELECT patient_id FROM alert WHERE unconfirmed")} == {
        world.patient, other,
    }  # fmt: skip
    assert await owner.fetchval("SELECT patient_id FROM reading") == other


async def test_a_crisis_of_a_cuff_taken_back_long_ago_is_its_last_patients_until_somebody_knows_better(
    world: World, owner: Any, bridge_db: Database
) -> None:
    await owner.execute("UPDATE loan SET lent = tstzrange(lower(lent), $1)", NOW - timedelta(days=20))
    outcome = await send(bridge_db, publish(world, bp(1, 192, 124)))
    assert outcome.receipts[world.device][0].held == [1]
    alert = await owner.fetchrow("SELECT patient_id, severity, unconfirmed FROM alert")
    assert tuple(alert) == (world.patient, "high", True)
    assert await count(owner, "message", "purpose = 'page'") == 1

"""Accounts, alerts and readings for the tests of the pages; made with plain SQL by the owner."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from server.db.ids import uuid7
from server.security.passwords import HASHER
from tests.world import World

PASSWORD = "a long enough password"
HASH = HASHER.hash(PASSWORD)


async def staff_login(owner: Any, world: World, role: str = "nurse", name: str | None = None) -> tuple[str, uuid.UUID]:
    """(login, staff id); the world's own nurse when the role is nurse and no name is given."""
    login = f"{role}-{uuid7().hex[-8:]}"
    staff = world.nurse
    if role != "nurse" or name:
        staff = uuid7()
        await owner.execute(
            "INSERT INTO staff (id, organization_id, name, role, created_at) VALUES ($1, $2, $3, $4, $5)",
            staff, world.organization, name or f"{role.capitalize()} Test", role, datetime.now(UTC),
        )  # fmt: skip
    await _account(owner, world, login, staff=staff)
    return login, staff


async def patient_login(owner: Any, world: World) -> str:
    login = f"patient-{uuid7().hex[-8:]}"
    await _account(owner, world, login, patient=world.patient)
    return login


async def _account(
    owner: Any, world: World, login: str, staff: uuid.UUID | None = None, patient: uuid.UUID | None = None
) -> None:
    await owner.execute(
        "INSERT INTO account (id, organization_id, login, password_hash, staff_id, patient_id, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        uuid7(), world.organization, login, HASH, staff, patient, datetime.now(UTC),
    )  # fmt: skip


async def reading(
    owner: Any, world: World, systolic: int, diastolic: int, at: datetime | None = None
) -> tuple[uuid.UUID, datetime]:
    """(id, when measured) of a stored blood pressure."""
    made, measured = uuid7(), at or datetime.now(UTC) - timedelta(minutes=1)
    await owner.execute(
        """INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, zone, local_date, clock_basis, received_at,
               device_id, source, systolic_mmhg, diastolic_mmhg, pulse_bpm, flags, judged_with)
           VALUES ($1, $2, $3, 'blood_pressure', $4, 'America/New_York', $5, 'device', $4, $6, 'device', $7, $8, 71, '{}', 't')""",
        made, world.organization, world.patient, measured, measured.date(), world.device, Decimal(systolic),
        Decimal(diastolic),
    )  # fmt: skip
    return made, measured


async def alert(
    owner: Any, world: World, systolic: int = 192, diastolic: int = 124, severity: str = "high", rule: str = "bp_high",
    opened: datetime | None = None,
) -> uuid.UUID:  # fmt: skip
    """An open alert with one reading, its finding and the event that a real one tells."""
    reading_id, measured = await reading(owner, world, systolic, diastolic, opened)
    made, finding, at = uuid7(), uuid7(), opened or datetime.now(UTC)
    async with owner.transaction():
        await owner.execute(
            """INSERT INTO alert (id, organization_id, patient_id, rule_id, severity, age, opened_at, last_finding_at, finding_count)
               VALUES ($1, $2, $3, $4, $5, 'live', $6, $6, 1)""",
            made, world.organization, world.patient, world.rules[rule], severity, at,
        )  # fmt: skip
        await owner.execute(
            """INSERT INTO finding (id, organization_id, patient_id, rule_id, rule_version_id, anchor, alert_id, severity, metric,
                   side, value, limit_value, age, measured_at, found_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'systolic_mmhg', 'at_or_above', $9, 180, 'live', $10, $11)""",
            finding, world.organization, world.patient, world.rules[rule], world.versions[rule], str(reading_id), made,
            severity, Decimal(systolic), measured, at,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO finding_evidence VALUES ($1, $2, $3, $4, $5)",
            world.patient, finding, reading_id, measured, world.organization,
        )  # fmt: skip
        event = f'{{"topic":"worklist","organization":"{world.organization}","patient":"{world.patient}"}}'
        await owner.execute("SELECT pg_notify('careloop_event', $1)", event)
    return made


async def alarm(owner: Any, world: World, severity: str = "medium") -> uuid.UUID:
    made = uuid7()
    await owner.execute(
        """INSERT INTO alarm (id, organization_id, kind, subject, severity, says, opened_at, last_seen_at)
           VALUES ($1, $2, 'sequence_gap', $3, $4, 'Readings 7 to 9 never came. Ask for the cuff.', $5, $5)""",
        made, world.organization, f"{world.device}-{made.hex[-6:]}", severity, datetime.now(UTC),
    )  # fmt: skip
    return made


async def gap(owner: Any, world: World) -> uuid.UUID:
    made, now = uuid7(), datetime.now(UTC)
    await owner.execute(
        """INSERT INTO gap (id, organization_id, patient_id, measure, period_start, period_end, opened_at)
           VALUES ($1, $2, $3, 'CMS125', $4, $5, $6)""",
        made, world.organization, world.patient, now.date().replace(month=1, day=1), now.date().replace(month=12, day=31),
        now,
    )  # fmt: skip
    return made


async def held(owner: Any, world: World) -> uuid.UUID:
    """A reading in doubt that waits for a person."""
    made = uuid7()
    await owner.execute(
        """INSERT INTO held (id, organization_id, device_id, patient_id, kind, measured_at, received_at, reason, reading)
           VALUES ($1, $2, $3, $4, 'pulse', $5, $5, 'implausible', '{"kind": "pulse", "values": {"pulse_bpm": "192"}}')""",
        made, world.organization, world.device, world.patient, datetime.now(UTC),
    )  # fmt: skip
    return made


async def poison(owner: Any, world: World) -> uuid.UUID:
    """Bytes that nobody could read."""
    made = uuid7()
    await owner.execute(
        """INSERT INTO quarantine (id, organization_id, device_id, topic, payload, reason, received_at)
           VALUES ($1, $2, $3, 'careloop/v1/x/readings', 'systolic 192', 'not_json', $4)""",
        made, world.organization, world.device, datetime.now(UTC),
    )  # fmt: skip
    return made


async def rule_draft(owner: Any, world: World) -> uuid.UUID:
    """A proposed change of the rule for high blood pressure that waits for a second person."""
    made = uuid7()
    proposed = '{"type": "rule", "explains": "Birch words", "source": "tests", "levels": [], "programmes": []}'
    await owner.execute(
        """INSERT INTO rule_draft (id, organization_id, rule_id, base_version_id, proposed, reason, author, drafted_by,
               drafted_at, compared_at)
           VALUES ($1, $2, $3, $4, $5, 'tests', 'tests', $6, $7, $7)""",
        made, world.organization, world.rules["bp_high"], world.versions["bp_high"], proposed, world.nurse,
        datetime.now(UTC),
    )  # fmt: skip
    return made


async def question(owner: Any, world: World) -> uuid.UUID:
    """The patient is asked about a crisis reading of just now."""
    made, about = uuid7(), await owner.fetchval("SELECT id FROM alert WHERE patient_id = $1 LIMIT 1", world.patient)
    now = datetime.now(UTC)
    await owner.execute(
        """INSERT INTO confirmation (id, organization_id, patient_id, alert_id, vital, asks, reading_id, measured_at,
               metric, side, value, asked_at, deadline, untold)
           VALUES ($1, $2, $3, $4, 'blood_pressure', 'blood_pressure', $1, $5::timestamptz, 'systolic_mmhg',
                   'at_or_above', 192, $5, $5 + interval '10 minutes', 'no_consent')""",
        made, world.organization, world.patient, about or await alert(owner, world), now,
    )  # fmt: skip
    return made


async def experiment(owner: Any, world: World) -> uuid.UUID:
    """One that runs."""
    made, today = uuid7(), datetime.now(UTC).date()
    await owner.execute(
        """INSERT INTO experiment (id, organization_id, measure, hold_out_percent, starts_on, ends_on, author, made_at)
           VALUES ($1, $2, 'CMS125', 20, $3, $4, 't', now())""",
        made, world.organization, today, today + timedelta(days=90),
    )  # fmt: skip
    return made


async def task(owner: Any, world: World) -> uuid.UUID:
    """Something a person must do for the patient."""
    made = uuid7()
    await owner.execute(
        """INSERT INTO task (id, organization_id, patient_id, kind, subject, says, opened_at, due_on)
           VALUES ($1, $2, $3, 'bad_number', 'x', 'Birch words', now(), current_date)""",
        made, world.organization, world.patient,
    )  # fmt: skip
    return made


async def wording_draft(owner: Any, world: World) -> uuid.UUID:
    """A clinic's own words that wait for a second person."""
    made = uuid7()
    await owner.execute(
        """INSERT INTO wording_version (id, organization_id, name, language, version, body, shipped_version, drafted_by,
               author, drafted_at)
           VALUES ($1, $2, 'emergency', 'en', 1001, 'Birch words. Call 911 now.', 1, $3, 'tests', now())""",
        made, world.organization, world.nurse,
    )  # fmt: skip
    return made


async def text_of_a_stranger(owner: Any, world: World, says: str = "192/118, who are you?") -> uuid.UUID:
    """From a number that no patient has."""
    made = uuid7()
    await owner.execute(
        """INSERT INTO reply (id, organization_id, provider_sid, from_hash, from_number, to_number, body, meaning,
               received_at, handled_at)
           VALUES ($1, $2, $5, 'stranger', '+12125550177', $3, $4, 'other', now(), now())""",
        made, world.organization, world.sender, says, f"SM{made}",
    )  # fmt: skip
    return made

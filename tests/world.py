"""A small organization made with plain SQL, so that tests of one part do not lean on another."""

import hashlib
import secrets
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from server.db.ids import uuid7
from server.people.phones import phone_hash

FIELD_KEY = "test-field-key-0123456789abcdef-0123456789"
NEVER_WAIT = (200, 130)


class World(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of what was made. `rules` and `versions` are keyed by rule code."""

    organization: uuid.UUID
    clinic: uuid.UUID
    team: uuid.UUID
    nurse: uuid.UUID
    nurse_phone: str
    patient: uuid.UUID
    patient_phone: str
    device: str
    device_secret: str
    programme: uuid.UUID
    rules: dict[str, uuid.UUID]
    versions: dict[str, uuid.UUID]
    sender: str


# rule code → (vital, [(metric, side, severity, value)])
RULES: dict[str, tuple[str, list[tuple[str, str, str, int]]]] = {
    "bp_high": ("blood_pressure", [("systolic_mmhg", "at_or_above", "high", 180), ("diastolic_mmhg", "at_or_above", "high", 120)]),
    "bp_low": ("blood_pressure", [("systolic_mmhg", "below", "medium", 90)]),
    "glucose_low": ("glucose", [("glucose_mgdl", "below", "high", 54), ("glucose_mgdl", "below", "medium", 70)]),
    "glucose_high": ("glucose", [("glucose_mgdl", "at_or_above", "high", 400), ("glucose_mgdl", "above", "medium", 250)]),
    "spo2_low": ("spo2", [("spo2_pct", "at_or_below", "high", 92), ("spo2_pct", "at_or_below", "medium", 94)]),
}  # fmt: skip


async def make_world(owner: Any, name: str) -> World:
    """Insert one organization, live, with one of everything; every name and number is invented."""
    now = datetime.now(UTC)
    digit = sum(name.encode()) % 90
    organization, clinic, team, nurse, patient = (uuid7() for _ in range(5))
    nurse_phone, patient_phone, sender = (f"+1212555{prefix}{digit:02d}" for prefix in ("01", "02", "03"))
    await owner.execute(
        "INSERT INTO organization (id, name, zone, state, sender_number, created_at) VALUES ($1, $2, 'America/New_York', 'live', $3, $4)",
        organization, f"{name} Health", sender, now,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO clinic (id, organization_id, name, zone, phone) VALUES ($1, $2, $3, 'America/New_York', '+12125550100')",
        clinic, organization, f"{name} Clinic",
    )  # fmt: skip
    # Their telephones are not tried each week: whether one is due just now depends on when the tests run.
    await owner.execute(
        "INSERT INTO team (id, organization_id, name, test_pages) VALUES ($1, $2, 'Day team', false)",
        team,
        organization,
    )
    await owner.execute(
        "INSERT INTO staff (id, organization_id, name, role, phone, created_at) VALUES ($1, $2, $3, 'nurse', $4, $5)",
        nurse, organization, f"Nurse {name}", nurse_phone, now,
    )  # fmt: skip
    await owner.execute("INSERT INTO team_member VALUES ($1, $2, $3)", team, nurse, organization)
    await owner.execute(
        "INSERT INTO shift VALUES ($1, $2, $3, $4, $5, $6)",
        uuid7(), organization, team, nurse, now - timedelta(days=30), now + timedelta(days=30),
    )  # fmt: skip
    await owner.execute(
        """INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone,
               phone, phone_hash, admitted_at)
           VALUES ($1, $2, $3, $4, $5, 'Pat', $6, $7, 'female', 'America/New_York', $8, $9, $10)""",
        patient, organization, clinic, team, f"{name}-1", name, date(1960, 5, 4), patient_phone,
        phone_hash(FIELD_KEY, patient_phone), now - timedelta(days=400),
    )  # fmt: skip
    for topic in ("monitoring", "outreach"):
        await owner.execute(
            "INSERT INTO consent (id, organization_id, patient_id, channel, topic, author, source, valid_from)"
            " VALUES ($1, $2, $3, 'sms', $4, 'test', 'test', $5)",
            uuid7(), organization, patient, topic, now - timedelta(days=400),
        )  # fmt: skip
    programme, rules, versions = await _rules(owner, organization, now)
    await owner.execute(
        "INSERT INTO enrolment VALUES ($1, $2, $3, $4, $5, NULL)",
        uuid7(), organization, patient, programme, now - timedelta(days=400),
    )  # fmt: skip
    device, secret = await lend_device(owner, organization, patient, now - timedelta(days=90))
    return World(
        organization=organization, clinic=clinic, team=team, nurse=nurse, nurse_phone=nurse_phone, patient=patient,
        patient_phone=patient_phone, device=device, device_secret=secret, programme=programme, rules=rules,
        versions=versions, sender=sender,
    )  # fmt: skip


async def lend_device(
    owner: Any,
    organization: uuid.UUID,
    patient: uuid.UUID,
    since: datetime,
    kinds: tuple[str, ...] = ("blood_pressure",),
) -> tuple[str, str]:
    """(device id, its password): a registered device on loan to the patient, open-ended."""
    device, secret, model = f"dev-{uuid7().hex[-10:]}", secrets.token_urlsafe(32), uuid7()
    await owner.execute(
        "INSERT INTO device_model (id, organization_id, name, maker, kinds) VALUES ($1, $2, $3, 'Test', $4)",
        model, organization, f"Model {device}", list(kinds),
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO device (id, organization_id, model_id, secret_hash, registered_at) VALUES ($1, $2, $3, $4, $5)",
        device, organization, model, hashlib.sha256(secret.encode()).digest(), since,
    )  # fmt: skip
    await owner.execute("INSERT INTO device_state (device_id, organization_id) VALUES ($1, $2)", device, organization)
    await owner.execute(
        "INSERT INTO loan (id, organization_id, device_id, patient_id, lent) VALUES ($1, $2, $3, $4, tstzrange($5, NULL))",
        uuid7(), organization, device, patient, since,
    )  # fmt: skip
    return device, secret


async def _rules(
    owner: Any, organization: uuid.UUID, now: datetime
) -> tuple[uuid.UUID, dict[str, uuid.UUID], dict[str, uuid.UUID]]:
    programme = uuid7()
    await owner.execute(
        "INSERT INTO programme VALUES ($1, $2, 'hypertension', 'Hypertension')", programme, organization
    )
    rules = {code: uuid7() for code in RULES}
    versions = {code: uuid7() for code in RULES}
    for code, (vital, levels) in RULES.items():
        await owner.execute("INSERT INTO rule VALUES ($1, $2, $3, $3, $4)", rules[code], organization, code, vital)
        await owner.execute(
            "INSERT INTO rule_version (id, organization_id, rule_id, version, explains, source, author, valid_from)"
            " VALUES ($1, $2, $3, 1, 'A test rule', 'tests', 'tests', $4)",
            versions[code], organization, rules[code], now - timedelta(days=400),
        )  # fmt: skip
        await owner.executemany(
            "INSERT INTO rule_limit VALUES ($1, $2, $3, $4, $5, $6)",
            [(versions[code], organization, *level) for level in levels],
        )
        await owner.execute("INSERT INTO programme_rule VALUES ($1, $2, $3)", programme, rules[code], organization)
    return programme, rules, versions

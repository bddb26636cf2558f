"""A patient at home: readings, gaps and texts put straight into the database, and a browser's cookie."""

import hashlib
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from server.db.ids import uuid7
from server.security.sessions import COOKIE
from tests.world import World

ZONE = "America/New_York"


class Home:
    """Writes as the owner what the bridge, the sender and the clinic would have written."""

    def __init__(self, owner: Any, world: World) -> None:
        self.owner = owner
        self.world = world

    async def measured(
        self, kind: str, ago: timedelta = timedelta(minutes=5), *, patient: uuid.UUID | None = None, **values: Any
    ) -> uuid.UUID:
        """A stored reading of so long ago."""
        at = datetime.now(UTC) - ago
        columns = (
            "systolic_mmhg",
            "diastolic_mmhg",
            "pulse_bpm",
            "glucose_mgdl",
            "weight_kg",
            "spo2_pct",
            "temperature_c",
        )
        made = uuid7()
        await self.owner.execute(
            """INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, zone, local_date, clock_basis,
                   received_at, device_id, source, flags, context, out_of_range, judged_with,
                   systolic_mmhg, diastolic_mmhg, pulse_bpm, glucose_mgdl, weight_kg, spo2_pct, temperature_c)
               VALUES ($1, $2, $3, $4, $5, $6, $7, 'offset', $5, $8, $9, $10, $11, $12, 'test',
                   $13, $14, $15, $16, $17, $18, $19)""",
            made, self.world.organization, patient or self.world.patient, kind, at, ZONE,
            at.astimezone(ZoneInfo(ZONE)).date(), self.world.device, values.get("source", "device"),
            values.get("flags", []), values.get("context"), values.get("out_of_range"),
            *(values.get(name) for name in columns),
        )  # fmt: skip
        return made

    async def gap(self, measure: str, status: str = "open", *, patient: uuid.UUID | None = None) -> uuid.UUID:
        made, now = uuid7(), datetime.now(UTC)
        await self.owner.execute(
            """INSERT INTO gap (id, organization_id, patient_id, measure, period_start, period_end, status, opened_at,
                   reported_at, last_done_on)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '2023-03-05')""",
            made, self.world.organization, patient or self.world.patient, measure,
            now.date().replace(month=1, day=1), now.date().replace(month=12, day=31), status, now,
            now if status == "awaiting_evidence" else None,
        )  # fmt: skip
        return made

    async def text(
        self, body: str, status: str = "delivered", *, patient: uuid.UUID | None = None, purpose: str = "reminder",
        staff: uuid.UUID | None = None, reason: str | None = None,
    ) -> None:  # fmt: skip
        now = datetime.now(UTC)
        await self.owner.execute(
            """INSERT INTO message (id, organization_id, purpose, unique_for, patient_id, staff_id, to_number, to_hash,
                   wording, wording_version, language, body, status, not_before, created_at, claimed_at, reason)
               VALUES ($1, $2, $3, $4, $5, $6, '+12125550244', 'x', 'test', 1, 'en', $7, $8, $9, $9, $9, $10)""",
            uuid7(), self.world.organization, purpose, f"test:{uuid7()}", patient or self.world.patient, staff, body,
            status, now, reason,
        )  # fmt: skip

    async def neighbour(self) -> uuid.UUID:
        """Another patient of the same organization, clinic and team."""
        made = uuid7()
        await self.owner.execute(
            """INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date,
                   sex, zone, phone, admitted_at)
               VALUES ($1, $2, $3, $4, 'N-2', 'Neighbour', 'Nextdoor', '1950-01-02', 'female', $5, '+12125550999', $6)""",
            made, self.world.organization, self.world.clinic, self.world.team, ZONE, datetime.now(UTC),
        )  # fmt: skip
        return made

    async def cookie(self, *, patient: uuid.UUID | None = None, staff: uuid.UUID | None = None) -> dict[str, str]:
        """Signed in: an account with an open session, and the cookie that opens it."""
        token, account, now = secrets.token_urlsafe(32), uuid7(), datetime.now(UTC)
        await self.owner.execute(
            """INSERT INTO account (id, organization_id, login, password_hash, staff_id, patient_id, created_at)
               VALUES ($1, $2, $3, 'none', $4, $5, $6)""",
            account, self.world.organization, f"login-{account}", staff,
            None if staff else patient or self.world.patient, now,
        )  # fmt: skip
        await self.owner.execute(
            "INSERT INTO session (token_hash, organization_id, account_id, created_at, last_seen_at, expires_at)"
            " VALUES ($1, $2, $3, $4, $4, $5)",
            hashlib.sha256(token.encode()).digest(), self.world.organization, account, now, now + timedelta(hours=1),
        )  # fmt: skip
        return {COOKIE: token}

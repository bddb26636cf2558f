"""One telephone of the world, perhaps shared, that writes to us on a clock of the test's own; and what came of it."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import msgspec

from notifications.inbox import Inbound
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import reply, texted_reading
from server.people.phones import phone_hash
from tests.world import FIELD_KEY, NEVER_WAIT, World

WORKER = Who(principal="service:worker")
TOLD = reply.Told(public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT)
MINUTE = timedelta(minutes=1)


class Home(msgspec.Struct, kw_only=True):
    """`now` is moved by the test; texts are acted on as the webhook does, or as the worker does after a crash."""

    world: World
    owner: Any
    web_db: Database
    worker_db: Database
    now: datetime

    @property
    def hash(self) -> bytes:
        return phone_hash(FIELD_KEY, self.world.patient_phone)

    async def writes(
        self, words: str, *, sid: str | None = None, after: timedelta = MINUTE, number: str | None = None
    ) -> bool:
        self.now += after
        who = Who(principal="service:twilio", organization=self.world.organization)
        text = Inbound(
            sid=sid or f"SM{uuid7()}",
            from_number=number or self.world.patient_phone,
            to_number=self.world.sender,
            body=words,
        )
        return await reply.handle(self.web_db, who, self.world.organization, text, self.now, TOLD)

    async def looks(self, after: timedelta) -> int:
        self.now += after
        return await texted_reading.watch(self.worker_db, WORKER, self.now)

    async def spouse(self, given_name: str = "Jose") -> uuid.UUID:
        """Somebody else of the same programme with the same telephone."""
        made = uuid7()
        await self.owner.execute("UPDATE patient SET given_name = 'Maria' WHERE id = $1", self.world.patient)
        await self.owner.execute(
            """INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone,
                   language, phone, phone_hash, monitoring_status, admitted_at)
               SELECT $1, organization_id, clinic_id, team_id, 'Aspen-2', $3, family_name, birth_date, 'male', zone, language,
                      phone, phone_hash, monitoring_status, admitted_at - interval '1 day' FROM patient WHERE id = $2""",
            made, self.world.patient, given_name,
        )  # fmt: skip
        await self.owner.execute(
            "INSERT INTO enrolment VALUES ($1, $2, $3, $4, $5, NULL)",
            uuid7(), self.world.organization, made, self.world.programme, self.now - timedelta(days=90),
        )  # fmt: skip
        await self.owner.execute(
            """INSERT INTO consent (id, organization_id, patient_id, channel, topic, author, source, valid_from)
               SELECT gen_random_uuid(), organization_id, $1, channel, topic, author, source, valid_from FROM consent
                WHERE patient_id = $2""",
            made, self.world.patient,
        )  # fmt: skip
        return made

    async def usually(self, metric: str, value: float) -> None:
        await self.owner.execute(
            "INSERT INTO patient_baseline (patient_id, organization_id, metric, value, readings, as_of)"
            " VALUES ($1, $2, $3, $4::float8::numeric, 9, $5)",
            self.world.patient, self.world.organization, metric, value, self.now,
        )  # fmt: skip

    async def reminded(
        self, kind: str, *, ago: timedelta = MINUTE, patient: uuid.UUID | None = None, gap: uuid.UUID | None = None
    ) -> uuid.UUID:
        """A reminder of this kind was sent to this telephone; its id."""
        rule, reminder, message = (uuid7() for _ in range(3))
        at, whose, organization = self.now - ago, patient or self.world.patient, self.world.organization
        measure = "CMS125" if kind in {"screening", "vaccination"} else None
        programme = None if measure else self.world.programme
        await self.owner.execute(
            """INSERT INTO reminder_rule (id, organization_id, code, programme_id, measure, kind, local_hour, after_days)
               VALUES ($1, $2, gen_random_uuid()::text, $3, $4, $5, 10, 3)""",
            rule, organization, programme, measure, kind,
        )  # fmt: skip
        await self.owner.execute(
            """INSERT INTO message (id, organization_id, purpose, unique_for, patient_id, to_number, to_hash, wording,
                   wording_version, language, body, status, not_before, created_at, claimed_at)
               VALUES ($1, $2, 'reminder', gen_random_uuid()::text, $3, $4, $5, $6, 1, 'en', 'x', 'sent', $7, $7, $7)""",
            message, organization, whose, self.world.patient_phone, self.hash, f"reminder_{kind}", at,
        )  # fmt: skip
        await self.owner.execute(
            """INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, gap_id, planned_at, status,
                   message_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $6, 'queued', $8)""",
            reminder, organization, whose, rule, at.replace(tzinfo=None), at, gap, message,
        )  # fmt: skip
        if gap is not None:
            await self.owner.execute(
                "INSERT INTO touch VALUES ($1, $2, $3, $4, $5, $6)", uuid7(), organization, whose, gap, message, at
            )
        return reminder

    async def readings(self) -> list[tuple[str, str, Any]]:
        """(whose, kind, the first number) of each that was texted."""
        rows = await self.owner.fetch(
            """SELECT p.mrn, r.kind, coalesce(r.systolic_mmhg, r.glucose_mgdl, r.weight_kg, r.spo2_pct, r.temperature_c)::float8
                 FROM reading r JOIN patient p ON p.id = r.patient_id WHERE r.source = 'texted' ORDER BY r.measured_at, r.id"""
        )
        return [tuple(row) for row in rows]

    async def said(self) -> list[str]:
        """The wordings that go back to this telephone."""
        rows = await self.owner.fetch(
            "SELECT wording FROM message WHERE to_hash = $1 AND purpose <> 'reminder' ORDER BY created_at, id",
            self.hash,
        )
        return [row["wording"] for row in rows]

    async def pages(self) -> list[str]:
        rows = await self.owner.fetch("SELECT wording FROM message WHERE purpose = 'page' ORDER BY created_at, id")
        return [row["wording"] for row in rows]

    async def alerts(self) -> list[tuple[str, str, bool]]:
        rows = await self.owner.fetch(
            "SELECT p.mrn, a.severity, a.unconfirmed FROM alert a JOIN patient p ON p.id = a.patient_id ORDER BY 1, 2"
        )
        return [tuple(row) for row in rows]

    async def tasks(self) -> list[str]:
        return [
            r["kind"] for r in await self.owner.fetch("SELECT kind FROM task WHERE closed_at IS NULL ORDER BY kind")
        ]

    async def alarms(self) -> list[str]:
        return [row["kind"] for row in await self.owner.fetch("SELECT kind FROM alarm ORDER BY kind")]

    async def deeds(self) -> list[str]:
        rows = await self.owner.fetch(
            "SELECT d.deed FROM reply_deed d JOIN reply r ON r.id = d.reply_id ORDER BY r.received_at, d.position"
        )
        return [row["deed"] for row in rows]

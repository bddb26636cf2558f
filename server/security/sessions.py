"""A session is a random token in a cookie; the database knows only its SHA-256, its person and its end."""

import hashlib
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from server.db.ids import PatientId, StaffId
from server.db.pool import Db, Who

COOKIE: Final = "careloop_session"
STAFF_HOURS: Final = timedelta(hours=12)
PATIENT_DAYS: Final = timedelta(days=30)

Role = Literal["nurse", "clinician", "coordinator", "quality", "admin", "patient"]
State = Literal["trial", "shadow", "live"]

NOBODY_YET: Final = Who(principal="service:web")

ACCOUNT = "SELECT account_id, organization_id, password_hash, locked_until, is_staff FROM door_account($1)"
FAILED = "SELECT door_sign_in_failed($1, $2)"
OPEN = "SELECT door_session_open($1, $2, $3, $4)"
FIND = """
    SELECT organization_id AS organization, organization_name, organization_state AS state,
           organization_zone AS zone, organization_demo AS demo, account_id, name, role, staff_id, patient_id
      FROM door_session($1, $2)
"""
END = "SELECT door_session_end($1, $2)"
END_ALL = """
    UPDATE session SET ended_at = $2
     WHERE account_id IN (SELECT id FROM account WHERE staff_id = $1) AND ended_at IS NULL
"""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in: a staff member or a patient, of one organization."""

    organization: uuid.UUID
    organization_name: str
    state: State
    zone: str
    demo: bool
    account_id: uuid.UUID
    name: str
    role: Role
    staff_id: StaffId | None = None
    patient_id: PatientId | None = None

    @property
    def principal(self) -> str:
        return f"staff:{self.staff_id}" if self.staff_id else f"patient:{self.patient_id}"

    @property
    def who(self) -> Who:
        """As the database knows them: a patient's own request is narrowed to that patient."""
        return Who(principal=self.principal, organization=self.organization, patient=self.patient_id)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What sign-in needs to know of a login name."""

    account_id: uuid.UUID
    organization_id: uuid.UUID
    password_hash: str
    locked_until: datetime | None
    is_staff: bool


async def account_of(db: Db, login: str) -> Account | None:
    """The account of a login name (compared in lower case), unless it or its person is disabled."""
    row = await db.fetchrow(ACCOUNT, login.strip().lower())
    return Account(**row) if row else None


async def count_failure(db: Db, account_id: uuid.UUID, now: datetime) -> None:
    """Five wrong passwords in a row lock the account for fifteen minutes; the database counts."""
    await db.execute(FAILED, account_id, now)


async def begin(db: Db, account: Account, now: datetime) -> tuple[str, Person | None]:
    """Open a session; returns the token for the cookie, and its person unless just disabled."""
    token = secrets.token_urlsafe(32)
    until = now + lifetime(is_staff=account.is_staff)
    await db.execute(OPEN, _hash(token), account.account_id, now, until)
    return token, await find(db, token, now)


def lifetime(*, is_staff: bool) -> timedelta:
    """Fixed from sign-in: twelve hours on the clinic's shared machines, thirty days on a patient's phone."""
    return STAFF_HOURS if is_staff else PATIENT_DAYS


async def find(db: Db, token: str, now: datetime) -> Person | None:
    """The person behind a cookie; None when the session ended, expired, or the person was disabled."""
    row = await db.fetchrow(FIND, _hash(token), now)
    return Person(**row) if row else None


async def end(db: Db, token: str, now: datetime) -> None:
    """Sign out: the token opens nothing from now on."""
    await db.execute(END, _hash(token), now)


async def end_all(db: Db, staff_id: uuid.UUID, now: datetime) -> None:
    """This person is signed out on every machine, and stays so when their login opens again."""
    await db.execute(END_ALL, staff_id, now)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

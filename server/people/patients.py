"""A patient: who they are, in which zone they live, and how staff find them by name or record number."""

import unicodedata
import uuid
from datetime import date, datetime
from typing import Literal

import msgspec

from server.db.pool import Db

Sex = Literal["female", "male", "other", "unknown"]
Language = Literal["en", "es"]
MonitoringStatus = Literal["active", "paused", "hospice", "deceased", "left"]

APOSTROPHES = "'\u2019\u02bc"


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """`zone` is an IANA name; `phone` is E.164; `phone_hash` is `phones.phone_hash` of it."""

    id: uuid.UUID
    organization_id: uuid.UUID
    clinic_id: uuid.UUID
    team_id: uuid.UUID
    mrn: str
    given_name: str
    family_name: str
    birth_date: date
    sex: Sex
    zone: str
    language: Language
    phone: str | None
    phone_hash: bytes | None
    monitoring_status: MonitoringStatus
    admitted_at: datetime

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"

    def age(self, today: date) -> int:
        """Whole years on a given day; somebody born on 29 February has their birthday on 1 March."""
        had = (today.month, today.day) >= (self.birth_date.month, self.birth_date.day)
        return today.year - self.birth_date.year - (0 if had else 1)


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a list: enough to recognise the person, nothing clinical but the programmes' names."""

    id: uuid.UUID
    mrn: str
    given_name: str
    family_name: str
    birth_date: date
    monitoring_status: MonitoringStatus
    programmes: list[str]

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"


INSERT = """
    INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date,
        sex, zone, language, phone, phone_hash, monitoring_status, admitted_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
    ON CONFLICT (organization_id, mrn) DO NOTHING
    RETURNING id
"""


async def insert(db: Db, patient: Patient) -> bool:
    """False when the organization already has a patient with this record number."""
    values = [getattr(patient, field) for field in patient.__struct_fields__]
    if await db.fetchval(INSERT, *values) is None:
        return False
    await _index(db, patient)
    return True


INDEX = """
    INSERT INTO patient_name_token (patient_id, token, organization_id)
    SELECT $1, token, $3 FROM unnest($2::text[]) AS token
    ON CONFLICT DO NOTHING
"""


async def _index(db: Db, patient: Patient) -> None:
    await db.execute(INDEX, patient.id, tokens(patient.name), patient.organization_id)


def tokens(text: str) -> list[str]:
    """ "Núñez-O'Hara, Ana" → ["ana", "nunez", "ohara"]: lower case, no accents, letters and digits only."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    words = "".join(c if c.isalnum() else "" if c in APOSTROPHES else " " for c in plain.casefold()).split()
    return sorted(set(words))


GET = """
    SELECT id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone,
           language, phone, phone_hash, monitoring_status, admitted_at
      FROM patient WHERE id = $1
"""


async def get(db: Db, patient_id: uuid.UUID) -> Patient | None:
    """None also when the patient is another organization's."""
    row = await db.fetchrow(GET, patient_id)
    return Patient(**dict(row)) if row else None


FIND = """
    SELECT p.id, p.mrn, p.given_name, p.family_name, p.birth_date, p.monitoring_status,
           array(SELECT g.name FROM enrolment e JOIN programme g ON g.id = e.programme_id
                  WHERE e.patient_id = p.id AND e.valid_to IS NULL AND g.code <> 'general'
                  ORDER BY g.name) AS programmes
      FROM patient p
     WHERE $2 = '' OR p.mrn = $2 OR p.id IN (
           SELECT t.patient_id
             FROM unnest($1::text[]) AS asked
             JOIN patient_name_token t ON t.token >= asked AND t.token < asked || chr(1114111)
            GROUP BY t.patient_id
           HAVING count(DISTINCT asked) = cardinality($1))
     ORDER BY p.family_name, p.given_name, p.id
     LIMIT $3 OFFSET $4
"""


async def find(db: Db, q: str = "", limit: int = 50, offset: int = 0) -> list[Listed]:
    """Patients whose name has a word beginning with each word of `q`, or whose record number is `q`.

    Everybody when `q` is empty; by family name.
    """
    rows = await db.fetch(FIND, tokens(q), q.strip(), limit, offset)
    return [Listed(**dict(row)) for row in rows]

"""An organization made by our own flows, and who acts in it."""

import uuid
from datetime import UTC, date, datetime

import msgspec

from server.db.pool import Database, Who
from server.flows import hire
from server.flows.admit import Admission, admit
from server.flows.found import Founding, found
from server.people.organizations import Organization
from server.people.patients import Patient

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIELD_KEY = "test-field-key-0123456789abcdef-0123456789"
PASSWORD = "correct-horse-battery"


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """The web's database and the person at the desk."""

    web: Database
    who: Who
    organization: uuid.UUID

    async def admit(self, **given: object) -> Patient:
        """Ada Moss, hypertension, unless said otherwise."""
        usual = {
            "given_name": "Ada", "family_name": "Moss", "birth_date": date(1951, 4, 2), "sex": "female",
            "programmes": ("hypertension",), **given,
        }  # fmt: skip
        return await admit(self.web, self.who, Admission(**usual), FIELD_KEY, NOW)  # type: ignore[arg-type]


async def open_desk(web: Database, name: str) -> Desk:
    made = await begin(web, name)
    return Desk(web=web, who=Who(principal="cli:tests", organization=made.id), organization=made.id)


async def begin(web: Database, name: str, **given: object) -> Organization:
    login = hire.NewLogin(login=f"admin-{name}", password=PASSWORD)
    admin = hire.Hire(name="Admin", role="admin", login=login)
    wanted = {"name": name, "zone": "America/Denver", "admin": admin, **given}
    return await found(web, "cli:tests", Founding(**wanted), NOW)  # type: ignore[arg-type]

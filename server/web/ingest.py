"""Readings by HTTP: the same payload as over MQTT, the device's own credentials, an answer only after commit."""

import base64
import binascii
import hashlib
import hmac
import uuid
from datetime import UTC, datetime
from typing import Any, NoReturn

import asyncpg
import msgspec
import structlog
from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.status_codes import HTTP_200_OK

from devices import topics
from devices.intake import Publish
from devices.receipts import Receipt
from server.db.pool import Database, Who
from server.errors import NotSignedIn, TooLarge
from server.flows import reading
from server.flows.page import told_of
from server.security import audit
from server.settings import Settings

NOT_KNOWN = "Send the device's id and password with HTTP Basic authentication."
BIGGEST = 1_000_000  # bytes; an array of 1000 readings is a quarter of it

DOOR = "SELECT organization_id, secret_hash FROM door_device($1)"


@post("/ingest/v1/readings", status_code=HTTP_200_OK, tags=["ingest"], operation_id="ingestReadings")
async def ingest_readings(request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Store one reading or an array of them; answers with the receipt (an array when there are several).

    The body is the MQTT contract's. 401 without the device's credentials; 413 over a megabyte. Whatever the
    entries hold is answered 200 once it is kept: the receipt says which are stored, held or refused.
    """
    database, settings = state.database, state.settings
    device, password = _credentials(request.headers.get("authorization", ""))
    payload = await request.body()
    if len(payload) > BIGGEST:
        raise TooLarge("This message is larger than a megabyte. Send fewer readings at once.")
    organization = await _known(database, device, password)
    publish = Publish(
        sender=device, payload=payload, topic=topics.topic(device, "readings"),
        content_type=request.headers.get("content-type"),
    )  # fmt: skip
    answer = await keep(database, organization, publish, settings)
    body = answer[0] if len(answer) == 1 else answer
    return Response(msgspec.json.encode(body), media_type="application/json", status_code=HTTP_200_OK)


async def keep(database: Database, organization: uuid.UUID, publish: Publish, settings: Settings) -> list[Receipt]:
    """The receipts of one message, once it is kept: a transaction, and another when its data broke the first."""
    who = Who(principal=f"device:{publish.sender}", organization=organization)
    told = told_of(settings)
    now = datetime.now(UTC)
    try:
        async with database.transaction(who) as db:
            outcome = await reading.handle(db, [publish], now, told, settings.daily_cap)
    except (asyncpg.DataError, asyncpg.UniqueViolationError):
        async with database.transaction(who) as db:
            outcome = await reading.refuse(db, publish, "database_refused", uuid.uuid4(), now)
    return outcome.receipts[publish.sender]


async def _known(database: Database, device: str, password: str) -> uuid.UUID:
    """The organization of a device whose password is right; the same refusal for every other case."""
    async with database.transaction(Who(principal="door:device")) as db:
        row = await db.fetchrow(DOOR, device)
    given = hashlib.sha256(password.encode()).digest()
    expected = row["secret_hash"] if row and row["secret_hash"] else bytes(32)
    organization: uuid.UUID | None = row["organization_id"] if row else None
    if not hmac.compare_digest(given, expected) or organization is None:
        structlog.get_logger().warning("sender_refused", sender=device, reason="wrong_secret")
        await refuse(database, device, organization, f"device:{device}", NOT_KNOWN)
    assert organization is not None
    return organization


async def refuse(database: Database, sender: str, organization: uuid.UUID | None, subject: str, says: str) -> NoReturn:
    """Say so in the audit chain of a sender somebody registered; nothing else is kept."""
    if organization is not None:
        who = Who(principal=f"device:{sender}", organization=organization)
        async with database.transaction(who) as db:
            await audit.note(
                db, who, organization, "ingest", subject, datetime.now(UTC), allowed=False,
                detail={"reason": "wrong_secret"},
            )  # fmt: skip
    raise NotSignedIn(says)


def _credentials(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise NotSignedIn(NOT_KNOWN)
    try:
        device, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise NotSignedIn(NOT_KNOWN) from None
    if topics.parse(topics.topic(device, "readings")) is None:
        raise NotSignedIn(NOT_KNOWN)
    return device, password


handlers = [ingest_readings]

"""Messages of vendors' clouds: believed only with that vendor's secret, kept like any device's, answered after commit.

A vendor is served when `CARELOOP_VENDOR_<NAME>_SECRET` is set. Its account is a registered device, the sender
`vendor-<name>`: a hub whose `hub_id` links the vendor's cuffs and scales (`tenovi-<their id>`) to it, so it speaks
for them and for nothing else. One installation has one account of each vendor, of one organization.
"""

import base64
import binascii
import hashlib
import hmac
import uuid
from typing import Any, Final, Literal

import msgspec
import structlog
from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from devices import formats, topics
from devices.intake import Publish
from server.db.pool import Database, Who
from server.errors import NotFound, TooLarge
from server.settings import Settings
from server.web.ingest import BIGGEST, keep, refuse

Asked = Request[Any, Any, State]
Proof = Literal["token", "basic", "signature", "query"]

# How each vendor's cloud can show that it knows the secret; docs/formats.md says where to type it in.
PROOFS: Final[dict[str, tuple[Proof, ...]]] = {
    "tenovi": ("token",),
    "bodytrace": ("basic",),
    "smart_meter": ("token", "signature"),
    "withings": ("signature", "query"),
}

NOT_PROVED = "This request does not carry this vendor's secret. Check it in the vendor's settings."
DOOR = "SELECT organization_id FROM door_device($1)"


@post("/ingest/{vendor:str}", status_code=HTTP_200_OK, tags=["ingest"], operation_id="ingestVendor")
async def ingest_vendor(request: Asked, state: State, vendor: FromPath[str]) -> Response[bytes]:
    """Store what a vendor's cloud posts; 404 for one that is not set up, 401 without its secret."""
    settings: Settings = state.settings
    secret = settings.vendor_secrets.get(vendor)
    if vendor not in formats.VENDORS or secret is None:
        raise NotFound("This vendor is not set up here.")
    payload = await request.body()
    sender = f"vendor-{vendor}"
    organization = await _whose(state.database, sender)
    if not proved(request, payload, secret, PROOFS[vendor]):
        structlog.get_logger().warning("vendor_refused", vendor=vendor, reason="wrong_secret")
        await refuse(state.database, sender, organization, f"vendor:{vendor}", NOT_PROVED)
    if organization is None:
        structlog.get_logger().warning("vendor_without_account", vendor=vendor)
        raise NotFound("This vendor is not set up here.")
    if len(payload) > BIGGEST:
        raise TooLarge("This message is larger than a megabyte. Send fewer readings at once.")
    publish = Publish(
        sender=sender, payload=payload, topic=topics.topic(sender, "readings"),
        content_type=f"application/vnd.careloop.{vendor}+json",
    )  # fmt: skip
    receipts = await keep(state.database, organization, publish, settings)
    return Response(msgspec.json.encode(receipts), media_type="application/json", status_code=HTTP_200_OK)


def proved(request: Asked, payload: bytes, secret: str, ways: tuple[Proof, ...]) -> bool:
    """True when the request shows the secret, or a signature made with it, in a way this vendor uses."""
    shown = {"token": _token, "basic": _basic, "query": _query}
    given = [shown[way](request, secret) for way in ways if way != "signature"]
    if "signature" in ways:
        expected = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
        if same(request.headers.get("x-signature", "").removeprefix("sha256=").lower(), expected):
            return True
    return any([same(one, secret) for one in given])  # noqa: C419 (every comparison is made, whatever came before)


def same(given: str, expected: str) -> bool:
    """In a time that tells neither the secret nor its length."""
    return bool(given) and hmac.compare_digest(
        hashlib.sha256(given.encode()).digest(), hashlib.sha256(expected.encode()).digest()
    )


def _token(request: Asked, _: str) -> str:
    """`X-Api-Key: …`, `Authorization: Bearer …`, or the bare secret as Authorization."""
    authorization = request.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    return request.headers.get("x-api-key") or (token if scheme.lower() == "bearer" else authorization)


def _basic(request: Asked, secret: str) -> str:
    """The password; the whole `user:password` when the secret is one."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        pair = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return pair if ":" in secret else pair.partition(":")[2]


def _query(request: Asked, _: str) -> str:
    return str(request.query_params.get("token", ""))


async def _whose(database: Database, sender: str) -> uuid.UUID | None:
    """The organization whose account of this vendor it is."""
    async with database.transaction(Who(principal="door:device")) as db:
        organization: uuid.UUID | None = await db.fetchval(DOOR, sender)
    return organization


handlers = [ingest_vendor]

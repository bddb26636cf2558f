"""The four vendors' clouds as they post to us: an account each, its devices, and the ways it can show its secret."""

import base64
import hashlib
import hmac
from typing import Any

import msgspec

from devices import formats
from devices.decoded import DecodedReading
from devices.formats import VENDORS
from tests.devices.samples import payloads
from tests.proofs import street
from tests.world import World

SECRETS = {vendor: f"clinic:{vendor}-secret" if vendor == "bodytrace" else f"{vendor}-secret" for vendor in VENDORS}
Headers = dict[str, str]


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a vendor's cloud."""

    path: str
    content: bytes
    headers: Headers = {}


def right(vendor: str, content: bytes, secret: str | None = None, signed: bytes | None = None) -> Post:
    """As that vendor does it; `signed` is what the signature was made of, if not the content."""
    secret = secret or SECRETS[vendor]
    path, headers = f"/ingest/{vendor}", Headers()
    if vendor == "tenovi":
        headers["authorization"] = f"Bearer {secret}"
    elif vendor == "bodytrace":
        headers["authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    else:
        made = hmac.new(secret.encode(), content if signed is None else signed, hashlib.sha256).hexdigest()
        headers["x-signature"] = f"sha256={made}"
    return Post(path=path, content=content, headers=headers)


def wrong(vendor: str) -> dict[str, Post]:
    """What is not believed, by what is the matter with it. None of them dates a signature: expired is the secret."""
    content = a_reading(vendor)
    posts = {
        "missing": Post(path=f"/ingest/{vendor}", content=content),
        "wrong": right(vendor, content, secret="guess:guess"),
        "expired": right(vendor, content, secret=f"last-years:{SECRETS[vendor]}"),
    }
    if "x-signature" in right(vendor, content).headers:
        posts["another message's"] = right(vendor, content, signed=content + b" ")
    return posts


def a_reading(vendor: str) -> bytes:
    """The first sample of that vendor's that is nothing but readings and the device's own state."""
    return next(p for p in payloads(vendor) if any(isinstance(e.decoded, DecodedReading) for e in decoded(vendor, p)))


def decoded(vendor: str, payload: bytes) -> list[Any]:
    return formats.decode(payload, vendor)


def sources(format_name: str) -> set[str]:
    """The devices that a format's samples speak of."""
    entries = [entry.decoded for payload in payloads(format_name) for entry in decoded(format_name, payload)]
    return {d.source for d in entries if isinstance(d, DecodedReading) and d.source}


async def open_account(owner: Any, world: World, vendor: str) -> str:
    """The account's id: a hub that speaks for the devices of the vendor's samples, all lent to the world's patient."""
    account = f"vendor-{vendor}"
    await street.register(owner, world, account)
    for source in sorted(sources(vendor)):
        await street.register(owner, world, source, lent_to=world.patient, hub=account)
    return account

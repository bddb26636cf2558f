"""What every answer carries, and which requests may change anything: only those from our own pages.

The session cookie is SameSite=Lax; on top of it, a browser says where a request comes from (Sec-Fetch-Site, else
Origin). A request that says neither is not a browser's, so it carries nobody's cookie against their will.
"""

from typing import Any, Final
from urllib.parse import urlsplit

from litestar.handlers import BaseRouteHandler
from litestar.types import Message, Scope

from server.errors import Refused
from server.security.guards import Connection
from server.settings import Settings

SAFE: Final = {"GET", "HEAD", "OPTIONS"}
WITHOUT_COOKIES: Final = ("/hooks/", "/ingest/", "/unsubscribe/")  # these prove themselves, or need no proof

POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
ALWAYS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


async def add_headers(message: Message, scope: Scope) -> None:
    """Before anything is sent: errors and unknown addresses included. Only static files may be kept."""
    if message["type"] != "http.response.start":
        return
    sent: list[tuple[bytes, bytes]] = list(message.get("headers", []))
    others = [pair for pair in sent if pair[0].lower() != b"cache-control"]
    message["headers"] = [*others, *ALWAYS, (b"cache-control", _keep(scope, message["status"]))]


def _keep(scope: Scope, status: int) -> bytes:
    if not scope["path"].startswith("/static/") or status >= 400:
        return b"no-store"
    named_by_content = scope["query_string"].startswith(b"v=")
    return b"public, max-age=31536000, immutable" if named_by_content else b"no-cache"


async def same_origin(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard of every route: a change must not come from another site's page."""
    if connection.scope.get("method") in SAFE or connection.url.path.startswith(WITHOUT_COOKIES):
        return
    settings: Settings = connection.app.state.settings
    if not _ours(connection.headers, settings.public_url):
        raise Refused("This came from another site's page. Open Careloop itself and try again there.")


def _ours(headers: Any, public_url: str) -> bool:
    origin = headers.get("origin")
    if origin == public_url:
        return True
    if site := headers.get("sec-fetch-site"):
        return bool(site in {"same-origin", "none"})
    if origin is None:
        return True
    return bool(urlsplit(origin).netloc == headers.get("host"))

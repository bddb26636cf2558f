"""What a person or a machine is told when something did not work; never the text of an exception."""

import traceback
from typing import Any, Final
from urllib.parse import quote

import asyncpg
import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Redirect

from server.db.ids import uuid7
from server.db.pool import AWAY
from server.errors import CareloopError, NotSignedIn, Unavailable
from server.web.pages import page

Asked = Request[Any, Any, Any]
Answer = Response[Any]

MACHINES: Final = ("/api/", "/ingest/", "/hooks/", "/health/", "/schema", "/events")

SAYS: Final[dict[int, tuple[str, str]]] = {
    400: ("That did not work", "The request could not be read. Check it and send it again."),
    404: ("Not found", "There is nothing here, or it belongs to somebody else. Check the address."),
    405: ("That does not work here", "Go back and use the page's own buttons."),
    413: ("Too large", "What was sent is too large."),
    503: ("Not available just now", "Careloop cannot reach its database. It keeps trying: reload in a moment."),
}  # fmt: skip

# What a role that does not exist yet, or a database that was not made yet, answers: not migrated.
NOT_READY: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidCatalogNameError,
)


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    incident: str | None = None
    errors: list[dict[str, Any]] | None = None


def expected(request: Asked, error: CareloopError) -> Answer:
    """What a person did wrong, or what they may try again later: its words are safe to show."""
    if isinstance(error, NotSignedIn) and not for_machine(request):
        return _to_sign_in(request)
    detail = SAYS[503][1] if isinstance(error, Unavailable) else error.says
    return answer(request, Problem(title=error.title, status=error.status, detail=detail))


def refused_by_framework(request: Asked, error: HTTPException) -> Answer:
    """Unknown addresses, wrong methods, unreadable bodies: said in our words."""
    if error.status_code >= 500:
        return unexpected(request, error)
    title, detail = SAYS.get(error.status_code, SAYS[400])
    errors = _places(error) if isinstance(error, ValidationException) and for_machine(request) else None
    return answer(request, Problem(title=title, status=error.status_code, detail=detail, errors=errors))


def away(request: Asked, error: Exception) -> Answer:
    """PostgreSQL does not answer: a calm page, and the next request tries again."""
    structlog.get_logger().warning("database away", error=type(error).__name__)
    title, detail = SAYS[503]
    return answer(request, Problem(title=title, status=503, detail=detail))


def unexpected(request: Asked, error: Exception) -> Answer:
    """A bug: logged with an incident id, which is all that is shown."""
    incident = uuid7().hex
    structlog.get_logger().error(
        "incident",
        incident=incident,
        route=str(request.scope.get("path_template", "")),
        error=type(error).__name__,
        sqlstate=getattr(error, "sqlstate", None),
        constraint=getattr(error, "constraint_name", None),
        at=[f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-6:]],
    )
    detail = f"Something went wrong on our side. Try again; if it stays, tell your administrator incident {incident}."
    problem = Problem(title="Something went wrong", status=500, detail=detail, incident=incident)
    return answer(request, problem)


def answer(request: Asked, problem: Problem) -> Answer:
    """As a page for people, as problem+json for machines."""
    if for_machine(request):
        return Response(msgspec.json.encode(problem), status_code=problem.status, media_type="application/problem+json")
    return page("errors/problem.html", None, status=problem.status, problem=problem)


def for_machine(request: Asked) -> bool:
    """Addresses for programs, and clients that ask for JSON and not for a page."""
    accept = request.headers.get("accept", "")
    return request.url.path.startswith(MACHINES) or ("json" in accept and "html" not in accept)


def _to_sign_in(request: Asked) -> Answer:
    """Back to where they were after signing in; after a form was sent, to the page it stood on."""
    page_path = request.url.path if request.method in {"GET", "HEAD"} else "/"
    where = f"/sign-in?next={quote(page_path, safe='/')}"
    if "hx-request" in request.headers:
        return Response(None, status_code=401, headers={"HX-Redirect": "/sign-in"})
    return Redirect(where, status_code=303)


def _places(error: ValidationException) -> list[dict[str, Any]]:
    extra = error.extra if isinstance(error.extra, list) else []
    return [{"place": e.get("key"), "says": e.get("message")} for e in extra if isinstance(e, dict)]


HANDLERS: Final[dict[Any, Any]] = {
    CareloopError: expected,
    HTTPException: refused_by_framework,
    **dict.fromkeys((*AWAY, *NOT_READY), away),
    Exception: unexpected,
}

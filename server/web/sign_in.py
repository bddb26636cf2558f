"""The door of the pages: a login and a password for a cookie, and the way out."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect, Template

from server.errors import NotSignedIn
from server.flows import sign_in as flow
from server.security import sessions
from server.security.guards import person_of
from server.security.sessions import COOKIE, Person
from server.settings import Settings
from server.web.pages import page

Words = Annotated[str, msgspec.Meta(max_length=400)]


class Credentials(msgspec.Struct, frozen=True, kw_only=True, rename={"then": "next"}):
    """The form's fields."""

    login: Words = ""
    password: Words = ""
    then: Words = ""


@get("/sign-in", include_in_schema=False)
async def sign_in_page(request: Request[Any, Any, State], next: FromQuery[str] = "") -> Template | Redirect:
    """Somebody already signed in goes on."""
    person = await person_of(request)
    if person is not None:
        return Redirect(home(person), status_code=303)
    return page("sign_in.html", None, problem=None, login="", then=local(next))


@post("/sign-in", include_in_schema=False, status_code=303)
async def sign_in(request: Request[Any, Any, State], data: URLEncodedBody[Credentials]) -> Template | Redirect:
    """Staff go to the worklist, patients to their portal, or where they were going."""
    try:
        token, person = await flow.sign_in(request.app.state.database, data.login, data.password, datetime.now(UTC))
    except NotSignedIn as no:
        return page("sign_in.html", None, status=401, problem=no.says, login=data.login, then=local(data.then))
    answer = Redirect(local(data.then) or home(person), status_code=303)
    _set_cookie(answer, token, request.app.state.settings, person)
    return answer


@post("/sign-out", include_in_schema=False, status_code=303)
async def sign_out(request: Request[Any, Any, State]) -> Redirect:
    """Also fine for somebody whose session ended already."""
    person = await person_of(request)
    if person is not None:
        token = request.cookies[COOKIE]
        await flow.sign_out(request.app.state.database, person, token, datetime.now(UTC))
    answer = Redirect("/sign-in", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


@get("/", include_in_schema=False)
async def start(person: NamedDependency[Person]) -> Redirect:
    """Everybody's own first page."""
    return Redirect(home(person), status_code=303)


def home(person: Person) -> str:
    return "/portal" if person.role == "patient" else "/worklist"


def local(where: str) -> str:
    """The address when it is a path of ours; an address of another site is dropped."""
    safe = where.startswith("/") and not where.startswith("//") and "\\" not in where and where.isprintable()
    return where if safe and where != "/" else ""


def _set_cookie(answer: Response[Any], token: str, settings: Settings, person: Person) -> None:
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(sessions.lifetime(is_staff=person.staff_id is not None).total_seconds()),
        httponly=True,
        samesite="lax",
        secure=settings.public_url.startswith("https:"),
    )


handlers = [sign_in_page, sign_in, sign_out, start]

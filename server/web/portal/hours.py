"""A patient chooses in the portal when reminders may come; outreach then still keeps the law's hours."""

from typing import Annotated

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from server.errors import Invalid
from server.flows import prefer_hours
from server.security.guards import patient_only
from server.security.sessions import Person
from server.web.portal.visit import Asked, visiting

Typed = Annotated[str, msgspec.Meta(max_length=10)]


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """As a browser's fields send them: "07:30"."""

    opens: Typed
    closes: Typed


@post("/portal/hours", guards=[patient_only], status_code=303, include_in_schema=False)
async def choose_hours(request: Asked, person: NamedDependency[Person], data: URLEncodedBody[Hours]) -> Redirect:
    """The settings again, which say what happened; hours that end before they begin change nothing."""
    async with visiting(request, person) as visit:
        try:
            hours = prefer_hours.clock(data.opens), prefer_hours.clock(data.closes)
            changed = await prefer_hours.prefer(visit.db, person, visit.patient.id, hours, visit.now)
        except Invalid:
            return Redirect("/portal/settings?said=hours_wrong#hours", status_code=303)
    return Redirect(f"/portal/settings?said={'hours' if changed else 'unchanged'}#hours", status_code=303)

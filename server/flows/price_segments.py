"""Somebody says what the carrier bills for a text segment: then the outreach page can say what a closed gap cost."""

from datetime import datetime
from decimal import Decimal, InvalidOperation

from server.db.pool import Database
from server.errors import Invalid
from server.gaps import funnel
from server.security import audit
from server.security.sessions import Person

MOST = Decimal(1)  # a US segment is a cent or two; a whole dollar is a slip of the pen
WRONG = "Give the price of one segment in US dollars, for example 0.0079; leave it empty to show no money."


async def set_price(database: Database, person: Person, typed: str, now: datetime) -> None:
    """Empty means unknown again: then no money is shown."""
    dollars = _dollars(typed.strip().removeprefix("$"))
    async with database.transaction(person.who) as db:
        if await funnel.set_price(db, person.organization, dollars):
            subject, detail = f"organization:{person.organization}", {"dollars": str(dollars)}
            await audit.note(db, person.who, person.organization, "outreach.price", subject, now, detail=detail)


def _dollars(typed: str) -> Decimal | None:
    if not typed:
        return None
    try:
        dollars = round(Decimal(typed), 5)
    except InvalidOperation:
        raise Invalid(WRONG) from None
    if not dollars.is_finite() or not 0 < dollars < MOST:
        raise Invalid(WRONG)
    return dollars

"""Staff's answer to one thing that waits: one transaction, and of a refusal only its note is left."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from server.db.pool import Database, Db, Who
from server.errors import NotFound
from server.security import audit
from server.security.sessions import Person


@asynccontextmanager
async def answering(
    database: Database, person: Person, action: str, item: uuid.UUID, now: datetime
) -> AsyncIterator[Db]:
    """`NotFound` inside undoes everything and is noted as refused, in a transaction of its own."""
    async with changing(database, person.who, person.organization, action, item, now) as db:
        yield db


@asynccontextmanager
async def changing(
    database: Database, who: Who, organization: uuid.UUID, action: str, item: uuid.UUID, now: datetime
) -> AsyncIterator[Db]:
    """The same for whoever asks, an administrator at the command line too."""
    try:
        async with database.transaction(who) as db:
            yield db
    except NotFound:
        async with database.transaction(who) as db:
            await audit.note(db, who, organization, action, subject_of(action, item), now, allowed=False)
        raise


def subject_of(action: str, item: uuid.UUID) -> str:
    """As the audit names it: `alert.resolve` of an id is about `alert:<id>`."""
    return f"{action.partition('.')[0]}:{item}"

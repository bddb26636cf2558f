"""Signing in: a login and a password become a session, or the same words whatever was wrong."""

from datetime import datetime

from server.db.pool import Database, Db, Who
from server.errors import NotSignedIn
from server.security import audit, passwords, sessions
from server.security.sessions import NOBODY_YET, Account, Person

# One sentence for every cause: it must not tell whether a login exists or is locked.
NO = (
    "This login and password do not open Careloop. Check both and try again. After five wrong passwords an "
    "account rests for 15 minutes; your clinic's administrator can give you a new password."
)


async def sign_in(database: Database, login: str, password: str, now: datetime) -> tuple[str, Person]:
    """The cookie's token and its person; raises `NotSignedIn`. No transaction is held while hashing."""
    async with database.transaction(NOBODY_YET) as db:
        account = await sessions.account_of(db, login)
    stored = account.password_hash if account else passwords.NOBODY
    right = await passwords.verify_password(stored, password)
    if account is None:
        raise NotSignedIn(NO)
    async with database.transaction(_as_service(account)) as db:
        # Asked again: many guesses sent at once must not all pass before the first is counted.
        opened = await _decide(db, await sessions.account_of(db, login), now, right=right)
    if opened is None:
        raise NotSignedIn(NO)
    return opened


async def _decide(db: Db, account: Account | None, now: datetime, *, right: bool) -> tuple[str, Person] | None:
    if account is None:
        return None
    locked = account.locked_until is not None and account.locked_until > now
    if right and not locked:
        return await _open(db, account, now)
    if not locked:
        await sessions.count_failure(db, account.account_id, now)
    reason = {"reason": "locked" if locked else "password"}
    await _note(db, account, "session.refused", now, allowed=False, detail=reason)
    return None


async def _open(db: Db, account: Account, now: datetime) -> tuple[str, Person] | None:
    token, person = await sessions.begin(db, account, now)
    await _note(db, account, "session.open", now, allowed=person is not None)
    return (token, person) if person else None


async def _note(
    db: Db, account: Account, action: str, now: datetime, *, allowed: bool, detail: dict[str, str] | None = None
) -> None:
    who, subject = _as_service(account), f"account:{account.account_id}"
    await audit.note(db, who, account.organization_id, action, subject, now, allowed=allowed, detail=detail)


def _as_service(account: Account) -> Who:
    return Who(principal="service:web", organization=account.organization_id)


async def sign_out(database: Database, person: Person, token: str, now: datetime) -> None:
    """The token opens nothing from now on, on any machine it was copied to."""
    async with database.transaction(person.who) as db:
        await sessions.end(db, token, now)
        subject = f"account:{person.account_id}"
        await audit.note(db, person.who, person.organization, "session.end", subject, now)

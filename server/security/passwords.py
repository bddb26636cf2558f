"""A password is kept only as an argon2id hash, made slow on purpose and off the event loop."""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's minimum for argon2id; the library's defaults take 0.7 s, this about 30 ms.
HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# Verified for a login nobody has, so that the answer takes as long as for a real one.
NOBODY: Final = (  # nobody has this password
    "$argon2id$v=19$m=19456,t=2,p=1$tO2ziwm4Hek/XuBy0t76bw$ubfH2/RzS02BOPYBkjVwXmpYsNNOtckeIOFxqDLHWTQ"
)

SHORTEST: Final = 12


async def hash_password(password: str) -> str:
    """The encoded hash, with its salt and parameters."""
    return await asyncio.to_thread(HASHER.hash, password)


async def verify_password(password_hash: str, password: str) -> bool:
    """True when the password made this hash; an unreadable hash is nobody's."""
    return await asyncio.to_thread(_verify, password_hash, password)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False

"""What a patient chooses for themselves: the language we speak to them in."""

import uuid
from typing import Literal

from server.db.pool import Db

SPEAK = "UPDATE patient SET language = $2 WHERE id = $1 AND language <> $2 RETURNING id"


async def speak(db: Db, patient: uuid.UUID, language: Literal["en", "es"]) -> bool:
    """False when it was their language already."""
    return await db.fetchval(SPEAK, patient, language) is not None

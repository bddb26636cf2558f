"""A database whose process dies now and then: right before a commit, or right after it."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from server.db.pool import Database, Db


class Killed(Exception):
    """The process dies here."""


class Fragile(Database):
    """A worker's database; at each commit it dies with the chance `dies`."""

    def __init__(self, database: Database, chance: random.Random, dies: float) -> None:
        self._database, self._chance, self._dies = database, chance, dies
        self.kills = 0

    @asynccontextmanager
    async def transaction(self, who: Any) -> AsyncIterator[Db]:
        fate = self._chance.random()
        self.kills += fate < self._dies
        async with self._database.transaction(who) as db:
            yield db
            if fate < self._dies / 2:
                raise Killed
        if fate < self._dies:
            raise Killed

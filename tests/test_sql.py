"""Every SQL constant in the code is prepared against the migrated schema, as the role that will run it or wider."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import asyncpg
import pytest

import devices
import notifications
import server

STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")


def constants() -> Iterator[tuple[str, str]]:
    """(module and name, statement) of each UPPERCASE string that is one SQL statement."""
    for package in (devices, notifications, server):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name.endswith("__main__"):
                continue
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                if name.isupper() and isinstance(value, str) and STATEMENT.match(value):
                    yield f"{info.name}.{name}", value


@pytest.mark.parametrize(("name", "statement"), [pytest.param(n, s, id=n) for n, s in constants()])
async def test_every_statement_fits_the_schema(read_only_url: str, name: str, statement: str) -> None:
    connection = await asyncpg.connect(read_only_url)
    await connection.prepare(statement)
    await connection.close()


def test_there_are_statements_to_check() -> None:
    assert len(list(constants())) > 30

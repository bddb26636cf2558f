"""Migrations run once, in order, checked by content; roles get exactly the rights that are written down."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from server.db import migrate, partitions
from server.errors import BadSetting, Unavailable
from server.settings import Settings

NOW = datetime.now(UTC)


async def test_a_second_run_changes_nothing(settings: Settings) -> None:
    assert await migrate.migrate(settings.database_url, settings.secret_key, NOW) == []
    assert await migrate.pending(settings.database_url) == []


async def test_a_shipped_file_that_was_changed_is_refused(settings: Settings, tmp_path: Path) -> None:
    for path in migrate.files():
        (tmp_path / path.name).write_text(path.read_text() + "\n-- changed")
    with pytest.raises(BadSetting, match="0001_tables.sql differs"):
        await migrate.migrate(settings.database_url, settings.secret_key, NOW, folder=tmp_path)


async def test_a_file_that_fails_leaves_nothing_behind(settings: Settings, tmp_path: Path, owner: Any) -> None:
    for path in migrate.files():
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "9000_broken.sql").write_text("CREATE TABLE half (id int); SELECT nonsense;")
    with pytest.raises(asyncpg.UndefinedColumnError):
        await migrate.migrate(settings.database_url, settings.secret_key, NOW, folder=tmp_path)
    assert await owner.fetchval("SELECT to_regclass('half')") is None
    assert await migrate.pending(settings.database_url, tmp_path) == ["9000_broken.sql"]


async def test_two_machines_may_migrate_at_once(settings: Settings, owner: Any, tmp_path: Path) -> None:
    for path in migrate.files():
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "9000_more.sql").write_text("CREATE TABLE more (id int)")
    runs = [migrate.migrate(settings.database_url, settings.secret_key, NOW, folder=tmp_path) for _ in range(2)]
    applied = await asyncio.gather(*runs)
    assert sorted(applied) == [[], ["9000_more.sql"]]


async def test_an_address_where_nobody_answers_is_one_clear_line(settings: Settings) -> None:
    with pytest.raises(Unavailable, match=r"PostgreSQL at 127\.0\.0\.1:1/nothing does not answer"):
        await migrate.migrate("postgresql://careloop:pw@127.0.0.1:1/nothing", settings.secret_key, NOW)


async def test_a_login_that_may_not_make_roles_is_told_what_to_do(settings: Settings, owner: Any) -> None:
    await owner.execute("DROP ROLE IF EXISTS careloop_test_plain")
    await owner.execute("CREATE ROLE careloop_test_plain LOGIN PASSWORD 'plain'")
    host = settings.database_url.rpartition("@")[2]
    try:
        with pytest.raises(BadSetting, match="may not create roles"):
            await migrate.migrate(f"postgresql://careloop_test_plain:plain@{host}", settings.secret_key, NOW)
    finally:
        await owner.execute("DROP ROLE careloop_test_plain")


def test_the_role_password_verifier_is_what_postgresql_computes() -> None:
    # RFC 7677, section 3: user "user", password "pencil".
    import base64

    verifier = migrate.scram_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert verifier.startswith(
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    )


@pytest.mark.parametrize(
    ("today", "first", "last"),
    [
        (date(2026, 11, 21), date(2024, 11, 1), date(2027, 2, 1)),
        (date(2026, 1, 31), date(2024, 1, 1), date(2026, 4, 1)),
        (date(2028, 2, 29), date(2026, 2, 1), date(2028, 5, 1)),
    ],
)
def test_months_reach_from_two_years_back_to_three_months_ahead(today: date, first: date, last: date) -> None:
    months = partitions.months(today)
    assert (months[0], months[-1], len(months)) == (first, last, 28)


async def test_later_months_are_added_beside_the_old(owner: Any) -> None:
    later = partitions.month_after(NOW.date(), 2)
    made = await partitions.make_ahead(owner, later)
    assert len(made) == 2
    assert await partitions.make_ahead(owner, later) == []


async def test_another_installations_logins_are_not_taken_over_by_accident(settings: Settings, owner: Any) -> None:
    other = "another-secret-key-0123456789abcdef-012345"
    with pytest.raises(BadSetting, match="another CARELOOP_SECRET_KEY"):
        await migrate.migrate(settings.database_url, other, NOW)
    web = await asyncpg.connect(settings.url_for("web"))
    await web.close()

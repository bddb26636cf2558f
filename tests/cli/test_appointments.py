"""A table of appointments from the command line: taken in once however often it comes, and one wrong line is named."""

from pathlib import Path
from typing import Any

from server.db.pool import Database
from server.settings import Settings
from tests.cli.command import careloop, env_of
from tests.people.desk import open_desk


async def test_a_table_of_appointments_is_taken_in_once_and_a_wrong_line_is_named(
    web_db: Database, settings: Settings, owner: Any, tmp_path: Path
) -> None:
    desk = await open_desk(web_db, "maple")
    await desk.admit(mrn="LF-7")
    zone = await owner.fetchval("SELECT zone FROM patient")
    file = tmp_path / "booked.csv"
    row = await owner.fetchval(
        "SELECT to_char(date_trunc('day', now() AT TIME ZONE $1) + interval '9 days 10 hours', 'YYYY-MM-DD HH24:MI')",
        zone,
    )
    file.write_text(f"mrn,starts_at,measure,status\nLF-7,{row},,\n", encoding="utf-8")
    first = await careloop("appointments", "import", str(file), env=env_of(settings))
    assert "1 line: 1 new appointment, 0 changed" in first.out, first.err
    file.write_text(f"mrn,starts_at\nLF-7,{row}\nLF-0,{row}\n", encoding="utf-8")
    wrong = await careloop("appointments", "import", str(file), env=env_of(settings))
    assert (wrong.code, "Nothing was taken in. line 3: there is no patient LF-0." in wrong.err) == (1, True), wrong.err
    file.write_text(f"mrn,starts_at\nLF-7,{row}\n", encoding="utf-8")
    again = await careloop("appointments", "import", str(file), env=env_of(settings))
    assert "1 line: 0 new appointments, 0 changed" in again.out, again.err
    actions = await owner.fetch("SELECT action FROM audit WHERE action LIKE 'appointment.%' ORDER BY id")
    assert [one["action"] for one in actions] == ["appointment.book", "appointment.import", "appointment.import"]

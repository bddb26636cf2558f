"""Medicines and evidence from the command line: one by one, or a table that is taken in whole or not at all."""

from pathlib import Path
from typing import Any

import pytest

from server.db.pool import Database
from server.settings import Settings
from tests.cli.command import careloop, env_of
from tests.people.desk import Desk, open_desk

TABLE = """mrn,medicine,class,times,filled_on,days_supply
LF-7,Lisinopril 10 mg,renin_angiotensin,08:00,2026-01-05,30
LF-7,Lisinopril 10 mg,renin_angiotensin,08:00,2026-02-03,30
LF-8,Metformin 500 mg,diabetes,08:00 20:00,,
"""


@pytest.fixture
async def desk(web_db: Database) -> Desk:
    made = await open_desk(web_db, "maple")
    await made.admit(mrn="LF-7")
    await made.admit(mrn="LF-8")
    return made


async def test_a_medicine_is_added_dispensed_and_stopped_and_each_is_audited(
    desk: Desk, settings: Settings, owner: Any
) -> None:
    env = env_of(settings)
    name = "Atorvastatin 20 mg"
    added = await careloop("medicine", "add", "LF-7", name, "--at", "21:00", "--class", "statin", env=env)
    assert added.code == 0, added.err
    again = await careloop("medicine", "add", "LF-7", name.upper(), env=env)
    assert (again.code, "already" in again.err) == (1, True)
    fill = ("medicine", "dispensed", "LF-7", name, "--on", "2026-01-05", "--days", "30")
    assert "Entered" in (await careloop(*fill, env=env)).out
    assert "known already" in (await careloop(*fill, env=env)).out
    assert (await careloop("medicine", "stop", "LF-7", name, env=env)).code == 0
    assert (await careloop("medicine", "stop", "LF-7", name, env=env)).code == 1
    rows = await owner.fetch("SELECT action FROM audit WHERE action LIKE 'medicine.%' ORDER BY id")
    assert [row["action"] for row in rows] == ["medicine.add", "medicine.dispense", "medicine.stop"]


async def test_a_table_is_taken_in_once_however_often_it_comes(
    desk: Desk, settings: Settings, owner: Any, tmp_path: Path
) -> None:
    file = tmp_path / "fills.csv"
    file.write_text("\ufeff" + TABLE, encoding="utf-8")
    first = await careloop("medicine", "import", str(file), env=env_of(settings))
    assert "3 lines: 2 new medicines, 2 new fills" in first.out, first.err
    second = await careloop("medicine", "import", str(file), env=env_of(settings))
    assert "3 lines: 0 new medicines, 0 new fills" in second.out
    assert await owner.fetchval("SELECT count(*) FROM dispensing") == 2
    times = await owner.fetchval("SELECT at_times FROM medicine WHERE name LIKE 'Metformin%'")
    assert [f"{one:%H:%M}" for one in times] == ["08:00", "20:00"]


async def test_what_staff_stopped_stays_stopped_when_the_same_table_comes_again(
    desk: Desk, settings: Settings, owner: Any, tmp_path: Path
) -> None:
    file = tmp_path / "fills.csv"
    file.write_text(TABLE, encoding="utf-8")
    env = env_of(settings)
    await careloop("medicine", "import", str(file), env=env)
    assert (await careloop("medicine", "stop", "LF-7", "Lisinopril 10 mg", env=env)).code == 0
    file.write_text(TABLE + "LF-7,lisinopril 10 MG,,09:00,2026-03-05,30\n", encoding="utf-8")
    told = await careloop("medicine", "import", str(file), env=env)
    assert "4 lines: 0 new medicines, 1 new fills" in told.out, told.err
    assert "still stopped: lines 2, 3, 5" in told.out
    assert await owner.fetchval("SELECT count(*) FROM medicine WHERE stopped_at IS NULL") == 1
    again = await careloop("medicine", "add", "LF-7", "Lisinopril 10 mg", "--at", "20:00", env=env)
    assert again.code == 0, again.err
    told = await careloop("medicine", "import", str(file), env=env)
    assert "4 lines: 0 new medicines, 0 new fills" in told.out, told.err
    assert "stopped" not in told.out
    assert await owner.fetchval("SELECT count(*) FROM dispensing") == 3


async def test_a_table_brings_intervals_last_days_and_counts_and_so_does_the_command(
    desk: Desk, settings: Settings, owner: Any, tmp_path: Path
) -> None:
    file, env = tmp_path / "stock.csv", env_of(settings)
    head = "mrn,medicine,every_hours,ends_on,doses_left,counted_on"
    file.write_text(f"{head}\nLF-7,Amoxicillin,8,2999-12-01,21,2026-01-05\n", encoding="utf-8")
    told = await careloop("medicine", "import", str(file), env=env)
    assert "1 new medicines, 0 new fills, 1 new counts" in told.out, told.err
    row = await owner.fetchrow("SELECT every_hours, ends_on::text, stock_doses, stock_on::text FROM medicine")
    assert tuple(row) == (8, "2999-12-01", 21, "2026-01-05")
    assert "0 new counts" in (await careloop("medicine", "import", str(file), env=env)).out
    stock = ("medicine", "stock", "LF-7", "Amoxicillin", "--doses", "9", "--on")
    assert "Entered" in (await careloop(*stock, "2026-01-09", env=env)).out
    assert "known already" in (await careloop(*stock, "2026-01-08", env=env)).out
    assert await owner.fetchval("SELECT stock_doses FROM medicine") == 9


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("LF-9,Aspirin,,,,", "line 5: there is no patient LF-9"),
        ("LF-7,Aspirin,blue,,,", "line 5: class 'blue' is none of"),
        ("LF-7,Aspirin,,8 o'clock,,", "line 5: '8' is no time"),
        ("LF-7,Aspirin,,,2026-02-30,30", "line 5: filled_on is written"),
        ("LF-7,Aspirin,,,2999-01-01,30", "line 5: filled_on lies in the future"),
        (",Aspirin,,,,", "line 5: a record number"),
    ],
)
async def test_one_wrong_line_and_nothing_is_taken_in(
    desk: Desk, settings: Settings, owner: Any, tmp_path: Path, line: str, says: str
) -> None:
    file = tmp_path / "fills.csv"
    file.write_text(TABLE + line + "\n", encoding="utf-8")
    told = await careloop("medicine", "import", str(file), env=env_of(settings))
    assert (told.code, says in told.err) == (1, True), told.err
    assert "Nothing was taken in" in told.err
    assert await owner.fetchval("SELECT count(*) FROM medicine") == 0


async def test_evidence_closes_the_gap_and_only_the_right_kind_does(desk: Desk, settings: Settings, owner: Any) -> None:
    env = env_of(settings)
    say = ("--source", "radiology letter")
    closed = await careloop("gap", "evidence", "LF-7", "--kind", "fobt", "--on", "2019-01-05", *say, env=env)
    assert (closed.code, "No gap closes" in closed.out) == (0, True), closed.err
    future = await careloop("gap", "evidence", "LF-7", "--kind", "fobt", "--on", "2999-01-05", *say, env=env)
    assert (future.code, "future" in future.err) == (1, True)
    nobody = await careloop("gap", "evidence", "LF-0", "--kind", "fobt", "--on", "2026-01-05", *say, env=env)
    assert (nobody.code, "no patient LF-0" in nobody.err) == (1, True)
    open_ones = await owner.fetchval("SELECT count(*) FROM gap WHERE status = 'open'")
    assert open_ones > 0
    done = await careloop("gap", "evidence", "LF-7", "--kind", "colonoscopy", "--on", "2026-01-05", *say, env=env)
    assert "One gap is closed" in done.out, done.err
    assert await owner.fetchval("SELECT count(*) FROM gap WHERE status = 'open'") == open_ones - 1

"""The short form of `make bench`: every part runs and says what it should; no test here asserts a speed."""

import asyncio
import json
import math
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench import ingest, npm, ours, town, wire
from bench.__main__ import names_of, size_of, wishes
from bench.field import Size, Store, require_space, steady
from bench.figures import ALERTS, FIGURES, HALF_LOAD, Figure, met, ratio, table
from bench.programs import Failed, Program, both, running
from server.settings import Settings
from tests.browser.conftest import NAMES

NOW = datetime.now(UTC)
ROOT = Path(__file__).resolve().parent.parent
BROWSER = any(map(shutil.which, NAMES))
MISSING = {  # figure → what it needs that may not be here
    "drain_over_mqttjs_pg": None
    if (npm.FOLDER / "node_modules/.careloop").exists()
    else "npm packages of bench/rivals",
    "drain_over_paho_psycopg": None if find_spec("psycopg") else "psycopg",
    "live_over_c_subscriber": None if shutil.which("mosquitto_sub") else "mosquitto_sub",
    "live_over_c_subscriber_without_receipts": None if shutil.which("mosquitto_sub") else "mosquitto_sub",
    "drain_over_node_red": "--node-red, which fetches 290 packages",
}


@asynccontextmanager
async def bench(*arguments: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program itself, its temporary files in `folder`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench", *arguments, cwd=ROOT, env={**os.environ, "TMPDIR": str(folder)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one quick run of all that can run here wrote."""
    folder = tmp_path_factory.mktemp("bench")
    names = [name for name in FIGURES if not MISSING.get(name)]

    async def run() -> str:
        out, only = str(folder / "latest.json"), ",".join([*names, *(ALERTS if BROWSER else ())])
        async with bench("--quick", "--out", out, "--only", only, folder=folder) as process:
            said, _ = await asyncio.wait_for(process.communicate(), 240)
        return said.decode()

    print(said := asyncio.run(run()))
    written = json.loads((folder / "latest.json").read_text())
    return {**written, "said": said, "asked": names, "left": [p.name for p in folder.iterdir()]}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_has_its_value_beside_the_rates_it_was_made_of(found: dict[str, Any], name: str) -> None:
    if missing := MISSING.get(name):
        pytest.skip(f"not here: {missing}")
    figure, made_of = found["ingest"][name], FIGURES[name]
    assert isinstance(figure["value"], int | float), found["failed"]
    of = figure["of"]
    assert {made_of.ours, made_of.yardstick} <= set(of)
    assert all(rates and all(rate > 0 for rate in rates) for rates in of.values())
    if name not in HALF_LOAD:
        assert figure["value"] == pytest.approx(of[made_of.ours][0] / of[made_of.yardstick][0], rel=0.01, abs=0.001)


@pytest.mark.slow
@pytest.mark.skipif(not BROWSER, reason="no Chromium here")
@pytest.mark.parametrize("name", ALERTS)
def test_how_soon_a_nurse_sees_it_is_told_beside_what_it_was_made_of(found: dict[str, Any], name: str) -> None:
    figure = found["alerts"][name]
    assert figure["value"] > 0
    assert all(times and all(time > 0 for time in times) for times in figure["of"].values())
    assert {ALERTS[name].ours, ALERTS[name].yardstick} == set(figure["of"])


@pytest.mark.slow
def test_a_run_says_on_what_it_was_made_and_leaves_nothing_behind(found: dict[str, Any]) -> None:
    assert found["failed"] == {}
    assert list(found["ingest"]) == found["asked"]
    assert found["seed"] == 20261121
    assert found["versions"]["asyncpg"]
    assert found["set_up"]["postgresql_settings"]["fsync"] == "on"
    assert found["set_up"]["size"]["devices"] == 50
    assert re.search(r"drain_over_paho_noop +[\d.]+ +at least 1.5 +(met|NOT MET)", found["said"])
    assert found["left"] == ["latest.json"]


@pytest.mark.slow
async def test_an_interrupted_run_ends_every_process_it_started(tmp_path: Path) -> None:
    async with bench("--quick", "--out", str(tmp_path / "latest.json"), folder=tmp_path) as process:
        assert process.stdout
        while b"round 1" not in (line := await asyncio.wait_for(process.stdout.readline(), 120)):
            assert line, "it ended by itself"
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 130
    assert len(children) > 3
    assert [child for child in children if child.is_running()] == []
    assert os.listdir(tmp_path) == []


async def test_a_part_that_fails_says_why_and_leaves_the_others_their_figures() -> None:
    async def broken() -> float:
        raise Failed("there is no such program here")

    results, said = ingest.Results(), list[str]()
    results.rates["paho_noop"] = [await ingest.measured("paho_noop", broken, results, said.append), 50.0]
    results.rates |= {"ours_drain": [100.0, 100.0], "database_only": [200.0, 400.0]}
    figures = results.figures(["drain_over_paho_noop", "drain_over_database_only"])
    assert results.failed == {"paho_noop": "there is no such program here"}
    assert "there is no such program here" in said[0]
    assert figures["drain_over_paho_noop"]["value"] == 2.0
    assert figures["drain_over_paho_noop"]["of"]["paho_noop"] == [None, 50.0]
    assert figures["drain_over_database_only"]["value"] == 0.375
    assert "NaN" not in json.dumps(figures)


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    rates = {"ours": [10.0, 90.0, 30.0, math.nan], "theirs": [10.0, 10.0, 10.0, 10.0]}
    assert ratio(Figure(ours="ours", yardstick="theirs"), rates)["value"] == 3.0
    assert ratio(Figure(ours="ours", yardstick="nobody"), rates) == {
        "value": None,
        "of": {"ours": [10.0, 90.0, 30.0, None], "nobody": []},
    }


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("drain_over_paho_noop", 1.5, "met"),
        ("drain_over_paho_noop", 1.49, "NOT MET"),
        ("p50_commit_over_bare_commit", 8.0, "met"),
        ("p50_commit_over_bare_commit", 8.1, "NOT MET"),
        ("rss_growth_mb", 50.0, "NOT MET"),
        ("rss_growth_mb", -3.0, "met"),
        ("rate_10m_rows_over_empty", None, "not measured"),
        ("drain_over_paho_psycopg", 9.0, ""),
    ],
)
def test_the_table_says_whether_a_goal_is_met(name: str, value: float | None, says: str) -> None:
    assert met(name, value) == says
    assert says in table({name: {"value": value, "of": {}}})[1]


def test_the_steady_rate_leaves_out_how_it_began_and_how_it_ended() -> None:
    slow_ends = [(0.0, 0), (10.0, 40), (11.0, 540), (12.0, 960), (40.0, 1000)]
    assert steady(slow_ends, 1000) == pytest.approx(900 / (12 - 10 / 420 - (10 + 10 / 500)), rel=0.001)
    with pytest.raises(Failed, match="it ended at 540"):
        steady(slow_ends[:3], 1000)


def test_what_the_command_line_asks_for_is_what_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    size = size_of(wishes(["--rounds", "5", "--rows", "1000", "--half-load", "9"]))
    assert (size.rounds, size.rows, size.half_load_s, size.warm_up_s, size.devices) == (5, 1000, 9.0, 3.0, 5000)
    assert "drain_over_node_red" not in names_of(wishes([]))
    assert names_of(wishes(["--only", "rss_growth_mb", "--node-red"])) == ["rss_growth_mb", "drain_over_node_red"]
    with pytest.raises(SystemExit):
        wishes(["--only", "rss_growth"])
    assert "no such figure: rss_growth" in capsys.readouterr().err


def test_packets_are_cut_wherever_the_bytes_were_split() -> None:
    payload = b"x" * 300
    stream = (
        wire.publish(wire.topic_bytes("t/1"), 7, payload) + wire.puback(b"\x01\x02") + wire.publish(b"\0\1t", 9, b"")
    )
    whole = [stream[start:end] for _, start, end in wire.packets(stream)]
    for cut in range(len(stream)):
        data, found, end = stream[:cut], [], 0
        for _, start, end in wire.packets(data):
            found.append(data[start:end])
        rest = data[end:] + stream[cut:]
        found += [rest[start:end] for _, start, end in wire.packets(rest)]
        assert found == whole
    command, start, end = next(iter(wire.packets(stream)))
    assert (command, wire.received(stream, start, end)) == (wire.PUBLISH, (b"\x00\x07", payload))


TRUTH = """
    SELECT (SELECT count(*) FROM reading) AS readings,
           (SELECT count(*) FROM arrival a JOIN reading r ON r.id = a.reading_id AND r.patient_id = a.patient_id
                                                         AND r.measured_at = a.measured_at) AS entered,
           (SELECT count(DISTINCT patient_id) FROM reading) AS patients,
           (SELECT min(highest) FROM sequence_state) AS through,
           (SELECT count(*) FROM loan l JOIN enrolment e USING (patient_id)) AS enrolled
"""


async def test_a_town_with_a_past_is_one_the_bridge_could_have_made(owner: Any) -> None:
    await town.settle(owner, 600, NOW)
    said = list[str]()
    each = await town.remember(owner, 600, 3000, NOW, said.append)
    assert each == 5
    assert dict(await owner.fetchrow(TRUTH)) == {
        "readings": 3000, "entered": 3000, "patients": 600, "through": 5, "enrolled": 601,
    }  # fmt: skip
    assert {row["id"].version for row in await owner.fetch("SELECT id FROM reading LIMIT 50")} == {7}
    assert await owner.fetchval("SHOW session_replication_role") == "origin"
    assert "3,000 of 3,000" in said[0]


async def test_fast_and_wrong_does_not_count(owner: Any, settings: Settings) -> None:
    store = Store(settings=settings, owner=owner, sent=0, keeps=False)
    await town.settle(owner, 10, NOW)
    await town.remember(owner, 10, 30, NOW, lambda _: None)
    await ours.require_rows(store, 30, 0)
    for count, crossing in ((31, 0), (29, 0), (30, 1)):
        with pytest.raises(Failed, match=r"made \(arrivals, readings, findings\) \(30, 30, 0\)"):
            await ours.require_rows(store, count, crossing)


def test_a_past_that_would_fill_the_disk_is_not_begun(tmp_path: Path) -> None:
    require_space(tmp_path, Size(rows=1000))
    with pytest.raises(Failed, match="GB are free"):
        require_space(tmp_path, Size(rows=10**12))


async def test_a_late_answer_to_a_given_up_order_is_not_taken_for_the_next_ones(tmp_path: Path) -> None:
    echo = "import sys\nfor n, _ in enumerate(sys.stdin, 1): print('{\"order\": %d}' % n, flush=True)"
    async with running("echo", [sys.executable, "-c", echo], tmp_path, talks=True) as program:
        program.tell(do="this")
        program.tell(do="that")
        assert await program.answer(30) == {"order": 2}
        with pytest.raises(Failed, match="said nothing"):
            await program.answer(0.01)
    assert program.process.returncode is not None


async def test_when_one_of_two_fails_the_other_is_over_too() -> None:
    over = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            over.set()

    async def fails() -> None:
        await asyncio.sleep(0)
        raise Failed("the bridge ended")

    with pytest.raises(Failed, match="the bridge ended"):
        await both(waits(), fails())
    assert over.is_set()


async def test_a_program_that_dies_is_told_with_its_last_words(tmp_path: Path) -> None:
    dies = "import sys; sys.exit('no such broker')"
    async with running("rival", [sys.executable, "-c", dies], tmp_path) as program:
        assert isinstance(program, Program)
        await program.ended(30)
        with pytest.raises(Failed, match="rival ended with code 1: no such broker"):
            program.require_alive()

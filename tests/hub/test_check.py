"""`careloop device check`: each of its checks is seen to pass a sender that deserves it and to fail one that does not."""

import asyncio
from pathlib import Path

import pytest

from devices.conformance import CHECKS, Log, judge
from server.ops import check
from server.ops.check import Pace
from server.ops.check_broker import Broker
from server.ops.embedded.ports import free_port
from tests.cli.command import careloop
from tests.hub.sender import Sender, sending

FAST = Pace(reading_s=10, resend_s=1.5, offline_s=2.3, quiet_s=0.8, reset_s=1.5)
QUIET_LONG = Pace(reading_s=10, resend_s=1.5, offline_s=2.3, quiet_s=4.5, reset_s=1.5)


async def checked(folder: Path, defect: str, pace: Pace = FAST) -> dict[str, str]:
    """The results by check, of a sender with that defect."""
    broker = Broker(folder, "127.0.0.1", free_port(), "under-test", "pw")
    sender = Sender(broker, defect)

    def tell(step: str, _: str) -> None:
        if step == "reset":
            sender.reset()

    async with sending(sender):
        log = await check.run(broker, "native", pace, tell, with_reset=True)
    return {verdict.check: verdict.result for verdict in judge(log)}


@pytest.mark.slow
async def test_a_sender_that_keeps_the_contract_passes_and_one_that_ignores_receipts_does_not(tmp_path: Path) -> None:
    folders = [tmp_path / "good", tmp_path / "stubborn"]
    for folder in folders:
        folder.mkdir()
    good, stubborn = await asyncio.gather(
        checked(folders[0], "", QUIET_LONG), checked(folders[1], "never_forgets", QUIET_LONG)
    )
    assert good == dict.fromkeys([name for name, *_ in CHECKS], "pass")
    assert stubborn["forgets"] == "fail"


DEFECTS = {
    "other_topic": "own_topic", "qos_0": "qos", "retains": "not_retained", "unknown_kind": "decodes",
    "begins_at_0": "numbers", "begins_at_7": "numbers", "leaves_holes": "numbers", "never_resends": "keeps",
    "changes_bytes": "same_content", "floods": "in_flight", "clock_is_wrong": "clock", "no_offset": "clock",
    "trusts_puback": "replay", "forgets_on_reconnect": "replay", "no_backlog": "backlog", "epoch_stays": "epoch",
    "epoch_shrinks": "epoch",
}  # fmt: skip
UNTRIED = {
    "no_clock": ("clock", "advice"),
    "no_status": ("status", "advice"),
    "nothing_offline": ("backlog", "not_tried"),
}


@pytest.mark.slow
async def test_each_broken_promise_fails_its_check(tmp_path: Path) -> None:
    expected = {**{defect: (name, "fail") for defect, name in DEFECTS.items()}, **UNTRIED}
    assert {name for name, _ in expected.values()} == {name for name, *_ in CHECKS} - {"forgets"}
    few = asyncio.Semaphore(7)

    async def result(defect: str, name: str) -> str:
        async with few:
            folder = tmp_path / defect
            folder.mkdir()
            return (await checked(folder, defect))[name]

    results = await asyncio.gather(*(result(defect, name) for defect, (name, _) in expected.items()))
    wrong = {d: r for (d, (_, due)), r in zip(expected.items(), results, strict=True) if r != due}
    print(f"{len(wrong)} of {len(expected)} broken senders were judged wrongly")
    assert wrong == {}


def test_without_a_reading_nothing_passes() -> None:
    assert {verdict.result for verdict in judge(Log(device="x"))} == {"not_tried"}


async def test_a_sender_that_never_comes_is_told_in_one_sentence() -> None:
    ran = await careloop("device", "check", "--reading-within", "0.5", "--id", "cuff-9", "--password", "pw")
    assert ran.code == 1
    assert "No reading came. Does cuff-9 sign in" in ran.out
    assert "id cuff-9  password pw" in ran.err


async def test_what_is_wrong_comes_as_a_table_with_what_to_do(tmp_path: Path) -> None:
    port = free_port()
    login = ("--id", "under-test", "--password", "pw", "--port", str(port), "--no-reset")
    times = ("--reading-within", "10", "--resend-within", "1", "--offline", "2.3", "--quiet", "0.5")
    broker = Broker(tmp_path, "127.0.0.1", port, "under-test", "pw")  # an address; the command starts its own
    async with sending(Sender(broker, "never_resends")):
        ran = await careloop("device", "check", *login, *times)
    assert ran.code == 1
    (line,) = [line for line in ran.out.splitlines() if "sends again what got no receipt" in line]
    assert line.startswith("FAIL")
    assert "Keep each reading until its receipt" in line
    assert "a new numbering has a larger epoch" not in ran.out


async def test_a_wrong_id_is_refused_in_one_line() -> None:
    ran = await careloop("device", "check", "--id", "a/b")
    assert ran.code == 78
    assert "--id" in ran.err

"""The supervisor, on real processes: it starts again, gives up when it must, ends in order, leaves nothing."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from subprocess import PIPE

import psutil
import pytest

from server.ops import supervise
from server.ops.supervise import Child

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENT = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + PATIENT
SAYS_WHEN_ENDED = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("ending", flush=True), sys.exit(0)))
print("up", flush=True)
time.sleep(60)
"""
SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from server.ops.supervise import Child, run
child = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")
children = [Child(name=name, argv=child) for name in ("web", "bridge")]
asyncio.run(run(children, asyncio.Event(), pids_file=Path(sys.argv[1])))
"""
LIKE_MACOS = """
import sys
sys.platform = "darwin"
sys.path.insert(0, "server/ops")
import tether
tether.main(sys.argv[1:])
"""
STARTS_AS_ON_MACOS = """
import os, subprocess, sys
child = [sys.executable, "-c", sys.argv[1], str(os.getpid()), "15", "self", "--", "/bin/sleep", "60"]
print(subprocess.Popen(child, stdout=subprocess.DEVNULL).pid, flush=True)
sys.stdin.read()
"""


def python(name: str, script: str, **env: str) -> Child:
    return Child(name=name, argv=(sys.executable, "-c", script), env=env)


class Watched:
    """A supervisor in this process, with what it was told and who runs."""

    def __init__(self, pids: Path, children: list[Child], stop_within_s: float = 9.5) -> None:
        self.lines: list[tuple[str, str]] = []
        self.stop = asyncio.Event()
        self._pids = pids
        self.task = asyncio.create_task(
            supervise.run(
                children,
                self.stop,
                on_line=lambda name, line: self.lines.append((name, line)),
                pids_file=pids,
                stop_within_s=stop_within_s,
            )
        )

    def pids(self) -> dict[str, int]:
        return json.loads(self._pids.read_text()) if self._pids.exists() else {}

    def count(self, name: str, line: str) -> int:
        return self.lines.count((name, line))

    async def end(self) -> int:
        self.stop.set()
        return await asyncio.wait_for(self.task, 15)


Watch = Callable[..., Watched]


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    started: list[Watched] = []

    def begin(*children: Child, stop_within_s: float = 9.5) -> Watched:
        started.append(Watched(tmp_path / "pids.json", list(children), stop_within_s))
        return started[-1]

    yield begin
    for one in started:
        await one.end()


async def eventually(condition: Callable[[], bool], within_s: float = 10) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_killed_child_is_started_again_and_the_others_run_on(watch: Watch) -> None:
    watched = watch(python("web", PATIENT), python("bridge", PATIENT))
    await eventually(lambda: watched.count("web", "up") == watched.count("bridge", "up") == 1)
    before = watched.pids()
    os.kill(before["bridge"], signal.SIGKILL)
    await eventually(lambda: watched.count("bridge", "up") == 2)
    assert watched.pids()["bridge"] != before["bridge"]
    assert watched.pids()["web"] == before["web"]
    assert any("was killed by SIGKILL; starting it again in" in line for _, line in watched.lines)


@pytest.mark.parametrize(
    ("failures", "chance", "seconds"),
    [(1, 0.0, 0.5), (2, 0.0, 1.0), (3, 0.0, 2.0), (3, 0.5, 1.5), (7, 0.0, 30.0), (500, 0.0, 30.0), (500, 1.0, 15.0)],
)
def test_the_pause_doubles_up_to_half_a_minute_and_is_spread(failures: int, chance: float, seconds: float) -> None:
    assert supervise.pause_s(failures, chance) == seconds


async def test_a_child_that_fails_at_once_waits_longer_each_time(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[int] = []
    monkeypatch.setattr(supervise, "pause_s", lambda count, _: failures.append(count) or 0.01)
    watched = watch(python("worker", "raise SystemExit(1)"))
    await eventually(lambda: len(failures) >= 4)
    await watched.end()
    assert failures[:4] == [1, 2, 3, 4]


async def test_a_healthy_minute_forgives_earlier_failures(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[int] = []
    monkeypatch.setattr(supervise, "HEALTHY_AFTER_S", 0.0)
    monkeypatch.setattr(supervise, "pause_s", lambda count, _: failures.append(count) or 0.01)
    watched = watch(python("worker", "raise SystemExit(1)"))
    await eventually(lambda: len(failures) >= 3)
    await watched.end()
    assert set(failures) == {1}


@pytest.mark.parametrize("code", [78, 2])
async def test_a_bad_setting_stops_everything_and_says_why(watch: Watch, code: int) -> None:
    script = f"print('DATABASE_URL is not set.'); raise SystemExit({code})"
    watched = watch(python("web", PATIENT), python("bridge", script))
    assert await asyncio.wait_for(watched.task, 10) == code
    says = f"ended with code {code}, so everything stops. It said: DATABASE_URL is not set."
    assert ("bridge", says) in watched.lines
    assert watched.pids() == {}


async def test_a_program_that_does_not_exist_is_a_bad_setting(watch: Watch) -> None:
    watched = watch(Child(name="web", argv=("no-such-program",)))
    assert await asyncio.wait_for(watched.task, 10) == 78
    assert ("web", "cannot start no-such-program: No such file or directory") in watched.lines


async def test_children_end_one_after_the_other_in_the_order_given(watch: Watch) -> None:
    names = ["web", "bridge", "worker"]
    watched = watch(*(python(name, SAYS_WHEN_ENDED) for name in names))
    await eventually(lambda: all(watched.count(name, "up") for name in names))
    assert await watched.end() == 0
    assert [name for name, line in watched.lines if line == "ending"] == names


async def test_a_child_that_will_not_end_is_killed_and_the_others_still_get_their_time(watch: Watch) -> None:
    watched = watch(python("web", STUBBORN), python("bridge", SAYS_WHEN_ENDED), stop_within_s=2)
    await eventually(lambda: watched.count("web", "up") == watched.count("bridge", "up") == 1)
    pids = watched.pids()
    started = time.monotonic()
    assert await watched.end() == 0
    assert time.monotonic() - started < 3
    assert watched.count("bridge", "ending") == 1
    assert all(gone(pid) for pid in pids.values())


async def test_three_children_that_will_not_end_are_gone_within_the_ten_seconds(watch: Watch) -> None:
    names = ["web", "bridge", "worker"]
    watched = watch(*(python(name, STUBBORN) for name in names), stop_within_s=3)
    await eventually(lambda: all(watched.count(name, "up") for name in names))
    started = time.monotonic()
    await watched.end()
    assert time.monotonic() - started < 3.5
    assert supervise.STOP_WITHIN_S < 10


async def test_stopping_does_not_wait_for_a_pause_to_pass(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "pause_s", lambda *_: 30.0)
    watched = watch(python("worker", "raise SystemExit(1)"))
    await eventually(lambda: any("starting it again" in line for _, line in watched.lines))
    started = time.monotonic()
    await watched.end()
    assert time.monotonic() - started < 1


async def test_what_a_dead_child_left_running_dies_with_it(watch: Watch) -> None:
    script = "import os, subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); os.kill(os.getpid(), 9)"
    watched = watch(python("web", script))
    await eventually(lambda: any("starting it again" in line for _, line in watched.lines))
    assert gone(int(watched.lines[0][1]))


async def test_a_cancelled_supervisor_leaves_no_child(watch: Watch) -> None:
    watched = watch(python("web", STUBBORN))
    await eventually(lambda: watched.count("web", "up") == 1)
    pid = watched.pids()["web"]
    watched.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watched.task
    assert gone(pid)
    watched.task = asyncio.create_task(asyncio.sleep(0, 0))


async def test_children_get_their_settings_and_are_not_in_our_terminals_group(watch: Watch) -> None:
    script = "import os; print(os.environ['CARELOOP_PORT'], os.getsid(0) == os.getpid(), flush=True); " + PATIENT
    watched = watch(python("web", script, CARELOOP_PORT="8001"))
    await eventually(lambda: watched.count("web", "8001 True") == 1)


async def test_odd_output_is_passed_through_and_never_blocks_a_child(watch: Watch) -> None:
    script = r"import sys; w = sys.stdout.buffer.write; w(b'\xff\n' + b'x' * (3 << 20) + b'\nlast words')"
    watched = watch(python("web", script))
    await eventually(lambda: watched.count("web", "last words") == 1)
    assert watched.count("web", "\N{REPLACEMENT CHARACTER}") == 1
    assert watched.count("web", "(a line of more than 1 MiB was left out)") >= 1


def test_lines_stand_behind_their_childs_name(capsys: pytest.CaptureFixture[str]) -> None:
    write = supervise.printer(["web", "bridge"])
    write("web", "ready")
    assert capsys.readouterr().out == "web    | ready\n"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    script = [sys.executable, "-c", SUPERVISOR, str(tmp_path / "pids.json")]
    with subprocess.Popen(script, stdout=PIPE, text=True, cwd=REPOSITORY) as process:
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a watcher polls, see the next test")
async def test_no_child_survives_a_killed_supervisor(supervisor: "subprocess.Popen[str]", tmp_path: Path) -> None:
    assert supervisor.stdout is not None
    assert sorted([supervisor.stdout.readline(), supervisor.stdout.readline()]) == ["bridge | up\n", "web    | up\n"]
    pids = json.loads((tmp_path / "pids.json").read_text())
    supervisor.kill()
    await eventually(lambda: all(gone(pid) for pid in pids.values()))


async def test_without_help_of_the_kernel_a_watcher_ends_the_child() -> None:
    """What macOS does, tried here by saying we are there."""
    command = [sys.executable, "-c", STARTS_AS_ON_MACOS, LIKE_MACOS]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, cwd=REPOSITORY) as parent:  # noqa: ASYNC220
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        await eventually(lambda: child.name() == "sleep" and len(child.children()) == 1)
        watcher = child.children()[0].pid
        parent.kill()
    await eventually(lambda: gone(child.pid) and gone(watcher))

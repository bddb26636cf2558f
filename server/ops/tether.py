"""A child dies with its parent: this file runs first in the child, ties it, then becomes the real program.

Run as a script (`python -I -S tether.py PARENT SIGNAL AS -- program …`), so that nothing of ours executes
between fork and exec, which is unsafe in a process that has threads.

On Linux the kernel sends SIGNAL when the *thread* that started us ends (PR_SET_PDEATHSIG): start children
from the main thread's event loop. Giving up rights clears that wish, so the tie comes last, and what
happened before it is caught by asking who the parent is. Elsewhere (macOS) a small watcher asks twice a
second. Either way only the direct child is told; its own children are its business.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NOBODY = 65534
CANNOT_START = 78  # EX_CONFIG: trying again will not help


def command(program: list[str], death: signal.Signals, run_as: str = "self") -> list[str]:
    """The same program, sent `death` when we end; `run_as` is "self", "namespace" or "UID:GID" (as root)."""
    python = [sys.executable, "-I", "-S", os.path.abspath(__file__)]
    found = shutil.which(program[0]) or program[0]  # here: without root's rights, imports may fail too
    return [*python, str(os.getpid()), str(int(death)), run_as, "--", found, *program[1:]]


def main(arguments: list[str]) -> None:
    parent, death, run_as, _, *program = arguments
    try:
        _become(run_as)
        _tie(int(parent), int(death))
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)  # Python ignores the first two; exec would hand that on
        os.execv(program[0], program)  # noqa: S606 - the very point: no shell, no second process
    except OSError as error:
        sys.stderr.write(f"cannot start {program[0]}: {error.strerror}\n")
        sys.exit(CANNOT_START)


def _become(run_as: str) -> None:
    if run_as == "namespace":
        _enter_namespace()
    elif run_as != "self":
        uid, gid = map(int, run_as.split(":"))
        os.setgroups([gid])
        os.setgid(gid)
        os.setuid(uid)


def _enter_namespace() -> None:
    """Stay root for files we own, look like nobody from inside, and lose every privilege at exec."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    for kind, says in (("uid_map", f"{NOBODY} 0 1"), ("setgroups", "deny"), ("gid_map", f"{NOBODY} 0 1")):
        with open(f"/proc/self/{kind}", "w", encoding="ascii") as file:
            file.write(says)


def _tie(parent: int, death: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death)
    else:
        _watch(parent, death)
    if os.getppid() != parent:  # it ended before we could ask
        sys.exit(0)


def _watch(parent: int, death: int) -> None:
    """Where the kernel has no such wish: a child of the program looks after the program's parent."""
    target = os.getpid()
    if os.fork() != 0:
        return
    os.closerange(0, 1024)  # else the pipes and locks of the program would outlive it
    while os.getppid() == target:
        with contextlib.suppress(ProcessLookupError):
            if not alive(parent):
                os.kill(target, death)
                break
        time.sleep(0.5)
    os._exit(0)


def alive(pid: int) -> bool:
    """True if there is such a process, whoever's it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main(sys.argv[1:])

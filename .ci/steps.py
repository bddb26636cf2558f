"""How a set-up step speaks, remembers and fails: one moving line, a stamp, a remedy and no traceback."""
# ruff: noqa: T201  (telling a person what happens is what this is for)

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
COMPILER = "xcode-select --install" if sys.platform == "darwin" else "sudo apt install build-essential python3-dev"
REMEDIES = (  # what pip, npm or apt said, and what to do about it
    (
        r"command '\S*(cc|clang|\+\+)\S*' failed: No such file|[Uu]nable to find .*compiler"
        r"|[Uu]nknown compiler|linker `cc` not found|Python\.h: No such file",
        f"A package must be compiled here and there is no C compiler: {COMPILER}",
    ),
    (
        r"DO NOT MATCH THE HASHES|EINTEGRITY",
        "A download is not what the lock file promises: do not use it, and tell us.",
    ),
    (
        r"SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER|CERTIFICATE_VERIFY_FAILED",
        "A proxy's certificate is not trusted: set PIP_CERT and NODE_EXTRA_CA_CERTS to its file.",
    ),
    (r"No space left|ENOSPC", "The disk is full: about 1 GB is needed."),
    (
        r"NewConnectionError|[Nn]ame or service|name resolution|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT"
        r"|Could not resolve|timed out|No matching distribution",
        "The package registry does not answer: check network and proxy settings, then run make again.",
    ),
)


class Stop(Exception):
    """Set-up cannot go on; the text says why and what to do, in one line."""


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def run(title: str, command: list[str], cwd: Path = ROOT) -> None:
    """Run a long command under one line that moves; its own output is shown only when it fails."""
    started = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        said = follow(process, title, started)
    if process.returncode:
        print("\n".join(said[-20:]), file=sys.stderr, flush=True)
        raise Stop(f"{title} failed. {remedy(chr(10).join(said))}")
    say(f"{title}: {time.monotonic() - started:.1f} s")


def follow(process: subprocess.Popen[str], title: str, started: float) -> list[str]:
    """Show what a command says: ten times a second in place on a terminal, every five seconds in a log."""
    tty = sys.stdout.isatty()
    every, before, after = (0.1, "\r\x1b[K", "") if tty else (5.0, "", "\n")
    print(f"  {title} …", end=after, flush=True)
    shown = started
    said: list[str] = []
    for line in process.stdout or ():
        said.append(line.strip())
        now = time.monotonic()
        if now - shown > every:
            shown = now
            text = f"  {title} … {now - started:.0f} s  {said[-1]}"
            print(before + text[: shutil.get_terminal_size((120, 24)).columns - 1], end=after, flush=True)
    print(before, end="", flush=True)
    return said


def remedy(said: str) -> str:
    return next((says for pattern, says in REMEDIES if re.search(pattern, said)), "See the lines above.")


def quiet(command: list[str]) -> str | None:
    """The output of a short command, or None when it is missing or fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


class Stamp:
    """Remembers, beside what was installed, from which inputs, and whether with the tools for tests."""

    def __init__(self, path: Path, *inputs: str) -> None:
        self.path = path
        contents = (name.encode() + b"\0" + (ROOT / name).read_bytes() for name in inputs)
        self.key = hashlib.sha256(b"\0".join(contents)).hexdigest()

    def holds(self, tests: bool) -> bool:
        have = self.path.read_text().split() if self.path.is_file() else []
        return have == [self.key, "tests"] or (have == [self.key, "runtime"] and not tests)

    def write(self, tests: bool) -> None:
        self.path.write_text(f"{self.key} {'tests' if tests else 'runtime'}\n")

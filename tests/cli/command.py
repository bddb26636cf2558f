"""Run the command as a person would: another process, its words, its exit code."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from server.settings import Settings
from tests.conftest import FIELD, SECRET

ROOT = Path(__file__).resolve().parents[2]


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def env_of(settings: Settings) -> dict[str, str]:
    return {
        "DATABASE_URL": settings.database_url,
        "MQTT_URL": settings.mqtt_url,
        "CARELOOP_SECRET_KEY": SECRET,
        "CARELOOP_FIELD_KEY": FIELD,
        "CARELOOP_AUDIT_HEAD": str(settings.audit_head),
    }


async def careloop(
    *arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None, typed: str = "", within_s: float = 60
) -> Ran:
    """The words and the code; nothing of the developer's own settings reaches it."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-W", "error", "-m", "server", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**bare, "PYTHONPATH": str(ROOT), **(env or {})}, cwd=cwd or ROOT / "tests",
    )  # fmt: skip
    async with asyncio.timeout(within_s):
        out, err = await process.communicate(typed.encode())
    return Ran(code=process.returncode or 0, out=out.decode(), err=err.decode())

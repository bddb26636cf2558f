"""Small invented messages of every format with what `careloop decode` shows of them; they always run."""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FORMATS = sorted(path.stem for path in HERE.glob("*.json"))


def cases(format_name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((HERE / f"{format_name}.json").read_text())
    return found


def payloads(format_name: str) -> list[bytes]:
    return [json.dumps(case["payload"]).encode() for case in cases(format_name)]

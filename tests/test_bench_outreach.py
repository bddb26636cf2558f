"""The short form of the outreach figures: they run and say what they were made of; no test here asserts a speed."""

import asyncio
import json
import os
import sys
from pathlib import Path

from bench.figures import OUTREACH

ROOT = Path(__file__).resolve().parent.parent


async def test_each_figure_has_its_rates(tmp_path: Path) -> None:
    out = tmp_path / "latest.json"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench", "--quick", "--only", ",".join(OUTREACH), "--out", str(out), cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    found = json.loads(out.read_text())["outreach"]
    assert found.keys() == OUTREACH.keys()
    for name, figure in found.items():
        assert figure["value"] > 0
        assert figure["of"].keys() == {OUTREACH[name].ours, OUTREACH[name].yardstick}
        assert all(rate > 0 for rates in figure["of"].values() for rate in rates)

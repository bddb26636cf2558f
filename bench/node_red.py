"""Node-RED, when asked for: MQTT in, then a function that inserts. It acknowledges before the row is there."""

import json
from pathlib import Path
from typing import Any

from bench import npm
from bench.field import Field
from bench.yardsticks import per_row
from devices import topics

FOLDER = npm.FOLDER / "node_red"
INSERT = """
const { seq, kind, measured_at, systolic, diastolic, pulse } = msg.payload
const values = [msg.topic.split('/')[2], seq, kind, measured_at, systolic, diastolic, pulse]
await global.get('pool').query({
  name: 'insert',
  text: `INSERT INTO bench_reading (device_id, seq, kind, measured_at, systolic, diastolic, pulse)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
  values,
})
"""


async def drain(field: Field) -> float:
    """From a full broker, one INSERT a message; no PostgreSQL node is maintained, so the function calls pg."""
    node = await npm.installed(FOLDER, field.folder)
    folder = field.folder / "node-red"
    folder.mkdir(exist_ok=True)
    red = FOLDER / "node_modules" / "node-red" / "red.js"

    def command(_: str, client_id: str, database_url: str) -> list[str]:
        _write(folder, field, client_id)
        return [
            "env", f"BENCH_DATABASE_URL={database_url}", node, str(red), "--userDir", str(folder), "--settings",
            str(FOLDER / "settings.js"), "flows.json",
        ]  # fmt: skip

    return await per_row(field, "node red", command)


def _write(folder: Path, field: Field, client_id: str) -> None:
    nodes: list[dict[str, Any]] = [
        {"id": "flow", "type": "tab", "label": "Readings"},
        {
            "id": "broker", "type": "mqtt-broker", "broker": field.host, "port": str(field.port), "clientid": client_id,
            "protocolVersion": "5", "keepalive": "60", "cleansession": False, "sessionExpiry": "3600",
            "autoConnect": True, "usetls": False,
        },
        {
            "id": "in", "type": "mqtt in", "z": "flow", "topic": topics.READINGS, "qos": "1", "datatype": "json",
            "broker": "broker", "inputs": 0, "wires": [["store"]],
        },
        {"id": "store", "type": "function", "z": "flow", "func": INSERT, "outputs": 0, "libs": [], "wires": []},
    ]  # fmt: skip
    (folder / "flows.json").write_text(json.dumps(nodes))
    login = {"broker": {"user": field.username, "password": field.password}}
    (folder / "flows_cred.json").write_text(json.dumps(login))

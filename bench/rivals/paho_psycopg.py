"""Stock paho and psycopg: each message one INSERT and one COMMIT, acknowledged afterwards."""

import json
import sys
from urllib.parse import urlsplit

import psycopg
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

INSERT = """
    INSERT INTO bench_reading (device_id, seq, kind, measured_at, systolic, diastolic, pulse)
    VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


def main(url: str, client_id: str, database_url: str) -> None:
    parts = urlsplit(url)
    connection = psycopg.connect(database_url)
    client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5, manual_ack=True)
    client.username_pw_set(parts.username or "", parts.password)

    def on_message(_: Client, __: object, message: MQTTMessage) -> None:
        reading = json.loads(message.payload)
        values = (reading[name] for name in ("seq", "kind", "measured_at", "systolic", "diastolic", "pulse"))
        connection.execute(INSERT, (message.topic.split("/")[2], *values))
        connection.commit()
        client.ack(message.mid, message.qos)

    client.on_message = on_message
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    client.connect(parts.hostname or "", parts.port or 1883, clean_start=False, properties=properties)
    client.loop_forever()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3])

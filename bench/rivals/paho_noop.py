"""Stock paho, MQTT 5, a durable session: acknowledges at once and does nothing; says when how many had come."""

import json
import sys
import time
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def main(url: str, client_id: str, most: int) -> None:
    parts, came, every = urlsplit(url), 0, max(most // 200, 1)
    series: list[tuple[float, int]] = []
    client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5)
    client.username_pw_set(parts.username or "", parts.password)

    def on_message(*_: object) -> None:
        nonlocal came
        came += 1
        if came % every == 0 or came == most:
            series.append((time.monotonic(), came))
            if came >= most:
                client.disconnect()

    client.on_message = on_message
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    client.connect(parts.hostname or "", parts.port or 1883, clean_start=False, properties=properties)
    client.loop_forever()
    print(json.dumps({"series": series}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

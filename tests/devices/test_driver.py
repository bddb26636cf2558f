"""Our loop drives paho: it reads when it is asked, writes what did not fit at once, keeps the connection alive."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from bench import wire
from devices import authority
from devices.driver import Driver
from devices.framing import FramingClient, Incoming, Window

CONNACK = b"\x20\x03\x00\x00\x00"
PINGREQ = 0xC0


class Broker:
    """The other end of one connection: what it heard, and a way to speak."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.heard = reader, writer, b""

    async def hear(self, until: int) -> list[tuple[int, bytes]]:
        """Until so many packets have come, ever."""
        async with asyncio.timeout(10):
            while len(found := [(c, self.heard[a:b]) for c, a, b in wire.packets(self.heard)]) < until:
                more = await self.reader.read(1 << 20)
                if not more:
                    break
                self.heard += more
        return found

    def says(self, *payloads: bytes) -> None:
        topic = wire.topic_bytes("careloop/v1/d/readings")
        self.writer.write(b"".join(wire.publish(topic, n, payload) for n, payload in enumerate(payloads, 1)))


@asynccontextmanager
async def connected(
    keepalive: int = 30, *, own: ssl.SSLContext | None = None, theirs: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Broker, FramingClient, list[Incoming], Driver]]:
    came: asyncio.Queue[Broker] = asyncio.Queue()
    server = await asyncio.start_server(lambda r, w: came.put_nowait(Broker(r, w)), "127.0.0.1", 0, ssl=own)
    client = FramingClient(CallbackAPIVersion.VERSION2, "test", protocol=MQTTv5, manual_ack=True)
    taken: list[Incoming] = []
    client.take, client.acked = taken.extend, lambda _: None
    if theirs is not None:
        client.tls_set_context(theirs)
    port = server.sockets[0].getsockname()[1]
    await asyncio.to_thread(client.connect, "127.0.0.1", port, keepalive)
    driver = Driver(client, asyncio.get_running_loop(), lambda: len(taken))
    broker = await came.get()
    await broker.hear(1)
    broker.writer.write(CONNACK)
    try:
        yield broker, client, taken, driver
    finally:
        driver.stop()
        broker.writer.close()
        server.close()


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    now = datetime.now(UTC)
    ours = authority.open_authority(folder, now)
    authority.write(folder / "broker", ours.issue_server("127.0.0.1", now), "broker")
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(folder / "broker" / "broker.pem", folder / "broker" / "broker.key")
    return own, ssl.create_default_context(cafile=ours.ca)


async def until(true: Any) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)


async def test_it_reads_until_there_is_a_message_and_then_only_when_asked() -> None:
    async with connected() as (broker, _, taken, driver):
        broker.says(b"1")
        await until(lambda: taken)
        broker.says(b"2", b"3")
        await asyncio.sleep(0.2)  # much less than a tick
        assert [m.payload for m in taken] == [b"1"], "nobody asked"
        driver.read()
        assert [m.payload for m in taken] == [b"1", b"2", b"3"]
        driver.listen()
        broker.says(b"4")
        await until(lambda: len(taken) == 4)


async def test_what_nobody_asks_for_is_read_once_a_second_so_that_the_connection_lives() -> None:
    async with connected() as (broker, _, taken, _):
        broker.says(b"1")
        await until(lambda: taken)
        broker.says(b"2")
        await until(lambda: len(taken) == 2)


async def test_what_does_not_fit_into_the_socket_follows_whole_and_in_order() -> None:
    async with connected() as (broker, client, _, _):
        window = Window(client, 2000)
        said = [b"%d " % n + b"x" * 20_000 for n in range(1000)]  # twenty megabytes: no buffer holds them
        window.publish(("t", one) for one in said)
        await asyncio.sleep(0.1)
        heard = await broker.hear(1 + len(said))
        assert [wire.received(body, 0, len(body))[1] for c, body in heard[1:] if c == wire.PUBLISH] == said


async def test_it_asks_whether_the_broker_lives_and_gives_up_when_it_does_not() -> None:
    gone = asyncio.Event()
    async with connected(keepalive=1) as (broker, client, _, _):
        client.on_disconnect = lambda *_: gone.set()
        heard = await broker.hear(2)
        assert heard[1][0] == PINGREQ
        async with asyncio.timeout(10):
            await gone.wait()


async def test_a_broker_that_hangs_up_is_noticed_and_stopping_twice_is_nothing() -> None:
    gone = asyncio.Event()
    async with connected() as (broker, client, _, driver):
        client.on_disconnect = lambda *_: gone.set()
        broker.writer.close()
        async with asyncio.timeout(5):
            await gone.wait()
        driver.read()
        driver.listen()
        driver.stop()


async def test_stopping_says_goodbye_and_lets_go() -> None:
    async with connected() as (broker, client, _, driver):
        driver.stop()
        assert client.socket() is None
        heard = await broker.hear(99)
        assert heard[-1][0] == 0xE0, "DISCONNECT"
        assert broker.reader.at_eof()


async def test_what_tls_took_off_the_wire_already_is_read_too(tmp_path: Path) -> None:
    """Sixteen kilobytes are one record: a small read leaves the rest where no socket tells of it."""
    own, theirs = contexts(tmp_path)
    async with connected(own=own, theirs=theirs) as (broker, _, taken, driver):
        broker.says(b"1")
        await until(lambda: taken)
        broker.says(*(b"%d " % n + b"x" * 900 for n in range(200)))
        await broker.writer.drain()
        await asyncio.sleep(0.2)
        driver.read()
        assert len(taken) == 201


async def test_stock_paho_is_driven_the_same_way() -> None:
    came: asyncio.Queue[Broker] = asyncio.Queue()
    server = await asyncio.start_server(lambda r, w: came.put_nowait(Broker(r, w)), "127.0.0.1", 0)
    client, taken = Client(CallbackAPIVersion.VERSION2, "plain", protocol=MQTTv5, manual_ack=True), list[bytes]()
    client.on_message = lambda _, __, message: taken.append(bytes(message.payload))
    await asyncio.to_thread(client.connect, "127.0.0.1", server.sockets[0].getsockname()[1])
    driver = Driver(client, asyncio.get_running_loop(), lambda: len(taken))
    broker = await came.get()
    broker.writer.write(CONNACK)
    broker.says(b"1", b"2", b"3")
    await until(lambda: taken)
    driver.read()
    await until(lambda: len(taken) == 3)
    driver.stop()
    broker.writer.close()
    server.close()

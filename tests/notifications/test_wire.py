"""What an error of the network proves about a text: over real sockets where one can be made to fail so."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

from notifications.gateways import Accepted, NotSent, Refused, Result, Text, Unknown
from notifications.gateways.twilio import TwilioGateway, outcome_of
from notifications.gateways.wire import TooMany
from tests.texting import SID, TOKEN, free_port

THEIRS, OURS = "+12125550201", "+12125550300"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
KEY: Any = SimpleNamespace(host="x", port=1, ssl=True, is_ssl=True)
INFO: Any = SimpleNamespace(real_url="https://x", headers={}, method="POST", url="https://x")


@asynccontextmanager
async def provider(answer: Answer) -> AsyncIterator[str]:
    """Somebody who listens and then does that with each connection."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def heard(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    await reader.readexactly(int(length.split(b":")[1]))


def saying(*parts: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        for part in parts:
            writer.write(part)
        await writer.drain()

    return answer


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await heard(reader)
    writer.transport.abort()


async def is_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def sent(url: str) -> Result:
    gateway = TwilioGateway(SID, TOKEN, OURS, "http://x", url, timeout_seconds=0.6)
    try:
        return await gateway.send(Text(attempt=uuid.uuid4(), to_number=THEIRS, from_number=None, body="Hello"))
    finally:
        await gateway.close()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (saying(), "ServerDisconnectedError"), (resets, "ClientOSError"), (is_silent, "TimeoutError"),
        (saying(b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{"), "ClientPayloadError"),
        (saying(b"nonsense\r\n\r\n"), "ClientResponseError"),
        (saying(b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nyes"), "JSONDecodeError"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), ""),
        (saying(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), "503"),
        (saying(b"HTTP/1.1 408 Late\r\nContent-Length: 0\r\n\r\n"), "408"),
        (saying(b"HTTP/1.1 302 There\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"), "302"),
    ],
)  # fmt: skip
async def test_once_a_request_may_have_been_heard_it_is_unknown(answer: Answer, kind: str) -> None:
    async with provider(answer) as at:
        result = await sent(f"http://{at}")
    assert result == (Unknown(kind) if kind else Accepted("None")) or isinstance(result, Unknown)
    assert not isinstance(result, NotSent | Refused)


async def test_where_nobody_listens_nothing_was_sent() -> None:
    assert await sent(f"http://127.0.0.1:{free_port()}") == NotSent("no_connection")


async def test_a_name_that_nobody_has_is_no_address() -> None:
    assert await sent("http://nobody.invalid:1") == NotSent("no_connection")


async def test_what_speaks_no_tls_got_no_request() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Plain\r\n\r\n")

    async with provider(answer) as at:
        assert await sent(f"https://{at}") == NotSent("no_connection")


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (aiohttp.ClientConnectorError(KEY, OSError(111, "refused")), NotSent("no_connection")),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "no name")), NotSent("no_connection")),
        (aiohttp.ClientConnectorSSLError(KEY, OSError("handshake")), NotSent("no_connection")),
        (aiohttp.ClientConnectorCertificateError(KEY, ValueError("not theirs")), NotSent("no_connection")),
        (aiohttp.ClientProxyConnectionError(KEY, OSError(111, "refused")), NotSent("no_connection")),
        (aiohttp.ClientHttpProxyError(INFO, (), status=502), NotSent("no_connection")),
        (aiohttp.ConnectionTimeoutError("connect"), NotSent("no_connection")),
        (aiohttp.InvalidURL("x:y"), NotSent("no_connection")),
        (aiohttp.SocketTimeoutError("read"), Unknown("SocketTimeoutError")),
        (aiohttp.ServerTimeoutError("total"), Unknown("ServerTimeoutError")),
        (TimeoutError(), Unknown("TimeoutError")),
        (aiohttp.ServerDisconnectedError(), Unknown("ServerDisconnectedError")),
        (aiohttp.ClientConnectionResetError("closing"), Unknown("ClientConnectionResetError")),
        (aiohttp.ClientOSError(104, "reset"), Unknown("ClientOSError")),
        (aiohttp.ClientPayloadError("half"), Unknown("ClientPayloadError")),
        (aiohttp.ClientResponseError(INFO, (), status=400), Unknown("ClientResponseError")),
        (aiohttp.ClientError(), Unknown("ClientError")), (OSError(), Unknown("OSError")),
        (ValueError("no JSON"), Unknown("ValueError")), (TwilioException("?"), Unknown("TwilioException")),
        (TooMany(None), NotSent("too_many_requests")),
        (TooMany(3.0), NotSent("too_many_requests", retry_after_s=3.0)),
        (TwilioRestException(401, "/", code=20003), NotSent("login_refused", needs_operator=True)),
        (TwilioRestException(400, "/", code=21610), Refused("21610")),
        (TwilioRestException(403, "/", code=None), Refused("http_403")),
        (TwilioRestException(500, "/", code=20500), Unknown("20500")),
        (TwilioRestException(408, "/", code=None), Unknown("http_408")),
        (TwilioServiceException("t", "title", 400, 21211), Refused("21211")),
        (TwilioServiceException("t", "title", 503, 20503), Unknown("20503")),
    ],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_each_error_says_honestly_what_became_of_the_text(error: Exception, result: Result) -> None:
    assert outcome_of(error) == result


@pytest.mark.parametrize(
    ("said", "seconds"), [(b"Retry-After: 7\r\n", 7.0), (b"", None), (b"Retry-After: soon\r\n", None)]
)
async def test_how_long_to_wait_is_heard_with_the_429(said: bytes, seconds: float | None) -> None:
    async with provider(saying(b"HTTP/1.1 429 Slow\r\n" + said + b"Content-Length: 2\r\n\r\n{}")) as at:
        assert await sent(f"http://{at}") == NotSent("too_many_requests", retry_after_s=seconds)


async def test_connections_are_kept_and_shared() -> None:
    made = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        made += 1
        while True:
            await heard(reader)
            writer.write(b'HTTP/1.1 201 Created\r\nContent-Length: 13\r\n\r\n{"sid":"SM1"}')

    async with provider(answer) as at:
        gateway = TwilioGateway(SID, TOKEN, OURS, "http://x", f"http://{at}")
        one = Text(attempt=uuid.uuid4(), to_number=THEIRS, from_number=None, body="Hello")
        assert {await gateway.send(one) for _ in range(10)} == {Accepted("SM1")}
        assert made == 1
        assert set(await asyncio.gather(*(gateway.send(one) for _ in range(8)))) == {Accepted("SM1")}
        assert 1 < made <= 8
        await gateway.close()


async def test_nobody_reads_a_number_or_a_text_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with provider(saying(b'HTTP/1.1 201 Created\r\nContent-Length: 13\r\n\r\n{"sid":"SM1"}')) as at:
        assert await sent(f"http://{at}") == Accepted("SM1")
    async with provider(is_silent) as at:
        await sent(f"http://{at}")
    assert not [one for one in caplog.records if THEIRS[1:] in one.getMessage() or "Hello" in one.getMessage()]

"""How much Twilio's SDK costs: texts a second through our gateway, over a bare client that posts the same form.

Both speak to the same stand-in, a process of its own, with as many requests under way, in turns. Where the stand-in is
what limits both, the ratio says little: so the processor's time of a text in our own process is said beside it.
"""

import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bench.figures import OUTREACH, ratio
from bench.process import Process
from notifications.gateways import Accepted, Text
from notifications.gateways.twilio import TwilioGateway
from tests.texting import SID, TOKEN, free_port

NAME = "sdk_dispatch_over_bare_http"
UNDER_WAY = 16  # as the sender
TEXTS, ROUNDS = 600, 7
OURS, PUBLIC = "+12125550300", "https://careloop.example.org"
Post = Callable[[int], Awaitable[None]]


async def measure(folder: Path, *, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """{figure: {"value", "of"}}: rates in texts a second, a round each."""
    texts, rounds = (60, 2) if quick else (TEXTS, ROUNDS)
    rates: dict[str, list[float]] = {"sdk_dispatch": [], "bare_http": []}
    cpu: dict[str, list[float]] = {name: [] for name in rates}
    async with _standin(folder) as url, _gateway(url) as ours, _bare(url) as bare:
        posts: dict[str, Post] = {"sdk_dispatch": ours, "bare_http": bare}
        for post in posts.values():
            await _all(post, texts // 4)  # connections are open, code is warm
        for number in range(rounds):
            for name in sorted(posts, reverse=bool(number % 2)):
                seconds, busy = await _all(posts[name], texts)
                rates[name].append(texts / seconds)
                cpu[name].append(busy / texts * 1e6)
    mine = {name: min(values) for name, values in cpu.items()}
    say(f"  {NAME}: of our own processor, SDK {mine['sdk_dispatch']:.0f} µs a text, bare {mine['bare_http']:.0f} µs")
    return {NAME: ratio(OUTREACH[NAME], rates)}


async def _all(post: Post, texts: int) -> tuple[float, float]:
    """Seconds it took, and seconds of this process's processor."""
    left = iter(range(texts))

    async def one_after_another() -> None:
        for number in left:
            await post(number)

    began, busy = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one_after_another() for _ in range(UNDER_WAY)))
    return time.perf_counter() - began, time.process_time() - busy


@asynccontextmanager
async def _standin(folder: Path) -> AsyncIterator[str]:
    """It takes every text and reports about none."""
    port = free_port()
    given = ("--account-sid", SID, "--auth-token", TOKEN, "--sender", OURS, "--webhook-base", "http://127.0.0.1:1")
    argv = (sys.executable, "-m", "notifications.standin", "--port", str(port), *given)
    process, url = Process("standin", argv, {}, _log(folder)), f"http://127.0.0.1:{port}"
    await process.start()
    try:
        async with aiohttp.ClientSession() as client:
            async with asyncio.timeout(30):
                while not await _answers(client, url):
                    await asyncio.sleep(0.05)
            asked = {"chances": {"callbacks": {"times": 0}}}
            async with client.post(f"{url}/mishaps", json=asked) as answer:
                answer.raise_for_status()
        yield url
    finally:
        await process.kill()


def _log(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "standin.log"


async def _answers(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(f"{url}/mishaps") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _number(n: int) -> str:
    return f"+1212556{n:04d}"


@asynccontextmanager
async def _gateway(url: str) -> AsyncIterator[Post]:
    """What the sender calls."""
    gateway = TwilioGateway(SID, TOKEN, OURS, PUBLIC, url)

    async def post(n: int) -> None:
        result = await gateway.send(Text(attempt=uuid.uuid4(), to_number=_number(n), from_number=OURS, body="A text."))
        if not isinstance(result, Accepted):
            raise RuntimeError("the stand-in took a text not")

    yield post
    await gateway.close()


@asynccontextmanager
async def _bare(url: str) -> AsyncIterator[Post]:
    """The same form to the same address, and its answer read."""
    login = aiohttp.encode_basic_auth(SID, TOKEN)
    address = f"{url}/2010-04-01/Accounts/{SID}/Messages.json"
    async with aiohttp.ClientSession(headers={"Authorization": login}) as client:

        async def post(n: int) -> None:
            form = {
                "To": _number(n), "From": OURS, "Body": "A text.",
                "StatusCallback": f"{PUBLIC}/hooks/twilio/status/{uuid.uuid4()}",
            }  # fmt: skip
            async with client.post(address, data=form) as answer:
                if answer.status != 201:
                    raise RuntimeError("the stand-in took a text not")
                await answer.json()

        yield post

"""How readings come to the hub: lines on standard input, or POSTs from this machine. Answered once on disk."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO

import msgspec

from devices.hub.client import Hub
from devices.hub.outbox import LONGEST, Given, NotAReading, parse

TOGETHER = 200  # lines that share one write to the disk
LOCAL = ("127.0.0.1", "localhost")
BIGGEST = 1_000_000  # bytes of one POST
CANNOT_KEEP = "the hub's disk cannot keep it now; give it again"


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one reading given to the hub: its number, or why it was not accepted."""

    accepted: int | None = None
    epoch: int | None = None
    refused: str | None = None


Answers = list[Answer]


async def take(hub: Hub, lines: Sequence[bytes]) -> Answers:
    """One answer per line, in their order; the accepted ones survive a power cut from now on."""
    parsed = [_parse(line) for line in lines]
    good = [one for one in parsed if isinstance(one, Given)]
    try:
        numbers = iter(await hub.accept(good) if good else [])
    except sqlite3.Error:
        return [Answer(refused=CANNOT_KEEP if isinstance(one, Given) else one) for one in parsed]
    return [
        Answer(accepted=next(numbers), epoch=hub.epoch) if isinstance(one, Given) else Answer(refused=one)
        for one in parsed
    ]


def _parse(line: bytes) -> Given | str:
    try:
        return parse(line)
    except NotAReading as error:
        return error.says


async def lines(hub: Hub, source: BinaryIO, answer: Callable[[Answer], None]) -> None:
    """Take one reading per line until the source ends. Lines that wait share one write to the disk."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[bytes](TOGETHER)
    threading.Thread(target=_read, args=(source, queue, loop), daemon=True, name="lines").start()
    ended = False
    while not ended:
        waiting = [await queue.get()]
        while not queue.empty() and len(waiting) < TOGETHER:
            waiting.append(queue.get_nowait())
        ended = waiting[-1] == b""
        for one in await take(hub, [line for line in waiting if line.strip()]):
            answer(one)


def _read(source: BinaryIO, queue: "asyncio.Queue[bytes]", loop: asyncio.AbstractEventLoop) -> None:
    """In a thread: a file and a pipe are read alike. An empty line of bytes is the end."""
    try:
        while True:
            line = source.readline(LONGEST + 2)
            while not line.endswith(b"\n") and len(line) > LONGEST and (rest := source.readline(LONGEST)):
                line = line[:LONGEST] + b"x" + (b"\n" if rest.endswith(b"\n") else b"")  # too long: one refusal
            asyncio.run_coroutine_threadsafe(queue.put(line), loop).result()
            if not line:
                return
    except (RuntimeError, ValueError):  # the loop has ended before the source
        return


def serve(hub: Hub, port: int, loop: asyncio.AbstractEventLoop) -> ThreadingHTTPServer:
    """Serve POST /readings and GET /health on 127.0.0.1 in threads of its own; call `shutdown` on what it returns."""

    class Handler(_Handler):
        def ask(self, payloads: Sequence[bytes]) -> Answers:
            return asyncio.run_coroutine_threadsafe(take(hub, payloads), loop).result(30)

        def health(self) -> dict[str, Any]:
            return {"connected": hub.connected, "waiting": hub.waiting(), "epoch": hub.epoch}

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True, name="http").start()
    return server


class _Handler(BaseHTTPRequestHandler):
    """One request. JSON only: a web page in a browser on this machine cannot send that to us unasked."""

    protocol_version = "HTTP/1.1"
    timeout = 20

    def ask(self, payloads: Sequence[bytes]) -> Answers:
        raise NotImplementedError

    def health(self) -> dict[str, Any]:
        raise NotImplementedError

    def do_GET(self) -> None:
        if self.path == "/health":
            self._say(200, self.health())
        else:
            self._say(404, {"refused": "POST /readings, or GET /health"})

    def do_POST(self) -> None:
        if self.path != "/readings":
            self._say(404, {"refused": "POST /readings, or GET /health"})
            return
        if self.headers.get("host", "").partition(":")[0] not in LOCAL:  # a web site's name made to point here
            self._say(403, {"refused": "for this machine only"})
            return
        if self.headers.get_content_type() != "application/json":
            self._say(415, {"refused": "send application/json"})
            return
        length = self.headers.get("content-length", "")
        if not length.isascii() or not length.isdigit() or int(length) > BIGGEST:
            self._say(413, {"refused": "send at most a megabyte, with its length"})
            return
        self._take(self.rfile.read(int(length)))

    def _take(self, body: bytes) -> None:
        several = body.lstrip().startswith(b"[")
        try:
            payloads = [bytes(one) for one in msgspec.json.decode(body, type=list[msgspec.Raw])] if several else [body]
        except (msgspec.DecodeError, RecursionError):
            self._say(400, {"refused": "not JSON"})
            return
        answers = self.ask(payloads)
        failed = any(one.refused == CANNOT_KEEP for one in answers)
        says = msgspec.to_builtins(answers)
        self._say(507 if failed else 200, says if several else says[0])

    def _say(self, status: int, body: object) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        if status in {403, 404, 413, 415}:
            self.send_header("Connection", "close")  # its body was not read
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what is posted is somebody's health."""

"""A call as the stand-in places it: it rings, somebody picks up or not, hears what we say, and presses a key."""

import asyncio
import secrets
from datetime import datetime
from typing import Literal
from xml.etree import ElementTree

import msgspec

from notifications.standin.provider import Provider
from notifications.standin.webhooks import Webhooks

CallStatus = Literal["queued", "ringing", "in-progress", "completed", "busy", "no-answer", "failed"]
KEPT = 500


class Call(msgspec.Struct, kw_only=True):
    """`said`: what was heard so far. `action`: where a pressed key goes, while one is waited for."""

    sid: str
    to_number: str
    from_number: str
    url: str
    callback: str
    rings_s: float
    created_at: datetime
    status: CallStatus = "queued"
    said: list[str] = []
    action: str | None = None

    @property
    def live(self) -> bool:
        return self.status in {"queued", "ringing", "in-progress"}


class Exchange:
    """All calls of one stand-in, in memory and bounded."""

    def __init__(self, provider: Provider, webhooks: Webhooks, pace_seconds: float) -> None:
        self._provider = provider
        self._webhooks = webhooks
        self._pace = pace_seconds
        self._calls: dict[str, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def calls(self) -> list[Call]:
        """Oldest first."""
        return list(self._calls.values())

    def get(self, sid: str) -> Call | None:
        return self._calls.get(sid)

    def place(self, form: dict[str, str], fate: CallStatus | None, *, rings: bool = True) -> Call:
        """Begin to ring; with a `fate` it ends so by itself. One that never rings is never heard of again."""
        call = Call(
            sid=f"CA{secrets.token_hex(16)}", to_number=form["To"], from_number=form["From"], url=form["Url"],
            callback=form.get("StatusCallback", ""), rings_s=float(form.get("Timeout") or 60),
            created_at=self._provider.clock(),
        )  # fmt: skip
        self._calls[call.sid] = call
        if len(self._calls) > KEPT:
            del self._calls[next(iter(self._calls))]
        if rings:
            task = asyncio.create_task(self._ring(call, fate))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return call

    async def pick_up(self, call: Call) -> None:
        """Somebody answers and hears what the product says."""
        if call.status not in {"queued", "ringing"}:
            return
        call.status = "in-progress"
        await self._report(call)
        self._hear(call, await self._webhooks.ask(call.url, self._about(call)))
        if call.action is None:
            await self.end(call, "completed")

    async def press(self, call: Call, key: str) -> None:
        """A key, then what the product says to it, then both hang up."""
        await self.pick_up(call)
        if call.action is not None:
            self._hear(call, await self._webhooks.ask(call.action, {**self._about(call), "Digits": key}))
        await self.end(call, "completed")

    async def end(self, call: Call, status: CallStatus) -> None:
        if call.live:
            call.status, call.action = status, None
            await self._report(call)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ring(self, call: Call, fate: CallStatus | None) -> None:
        await asyncio.sleep(self._pace)
        if call.status == "queued":
            call.status = "ringing"
        await asyncio.sleep(self._pace if fate else call.rings_s)
        if call.status == "ringing":
            await self.end(call, fate or "no-answer")

    def _hear(self, call: Call, markup: str) -> None:
        try:
            heard = ElementTree.fromstring(markup)  # noqa: S314  our own product's words, on this machine
        except ElementTree.ParseError:
            call.said.append("(an application error has occurred)")
            return
        gather = heard.find("Gather")
        call.action = gather.get("action") if gather is not None else None
        # What comes after a key is waited for is heard only when none is pressed.
        call.said += [say.text or "" for say in (gather if gather is not None else heard).iter("Say")]

    async def early(self, call: Call) -> None:
        """One report that is there before the request for the call is answered."""
        await self._webhooks.ask(call.callback, self._about(call))

    async def _report(self, call: Call) -> None:
        """Once and at once; or so often, late and in disorder, as the provider was told to."""
        if not call.callback:
            return
        if self._provider.luck.chances.callbacks.wild:
            self._webhooks.tell_wildly(call.callback, self._about(call))
        else:
            await self._webhooks.ask(call.callback, self._about(call))
        if self._provider.luck.forges():
            await self._webhooks.forge_call(call.callback, self._about(call))

    def _about(self, call: Call) -> dict[str, str]:
        return {
            "CallSid": call.sid, "CallStatus": call.status, "AccountSid": self._provider.account_sid,
            "From": call.from_number, "To": call.to_number, "Direction": "outbound-api", "ApiVersion": "2010-04-01",
        }  # fmt: skip

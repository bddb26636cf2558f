"""The HTTP beneath Twilio's asynchronous SDK: one session with kept connections, a deadline, and no word in any log.

The SDK's own asynchronous client opens a session without a deadline, logs numbers, and drops the headers in which a
provider says how long to wait.
"""

import logging
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from yarl import URL

CONNECT_SECONDS = 4
CONNECTIONS = 64
KEPT_SECONDS = 15  # shorter than any server keeps one: a request on a connection that is being closed is a doubt
NOT_OUR_WORDS = logging.getLogger("careloop.twilio.silent")  # the SDK logs numbers and bodies; nobody may read them
NOT_OUR_WORDS.disabled = True


class TooMany(Exception):
    """The provider answered 429: nothing was taken. `retry_after_s`: how long it asks to wait, if it says so."""

    def __init__(self, retry_after_s: float | None) -> None:
        super().__init__("too many requests")
        self.retry_after_s = retry_after_s


class Wire(AsyncHttpClient):  # type: ignore[misc]  # the SDK has no types
    """Posts to Twilio, or to another host when we say so. The session begins with the first request."""

    def __init__(self, api_url: str | None, timeout_seconds: float) -> None:
        super().__init__(NOT_OUR_WORDS, True, timeout_seconds)
        self._api = urlsplit(api_url) if api_url else None
        self._session: aiohttp.ClientSession | None = None
        self._known: dict[str, tuple[URL, str | None]] = {}

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  the SDK names it; ours is the session's
        allow_redirects: bool = False,
    ) -> Response:
        url, proxy = self._where(uri)
        async with self._open().request(
            method, url.update_query(_text(params)) if params else url, data=_form(data),
            headers={**(headers or {}), **_login(auth)}, allow_redirects=allow_redirects, proxy=proxy,
        ) as answer:  # fmt: skip
            if answer.status == 429:
                raise TooMany(retry_after(answer.headers))
            return Response(answer.status, await answer.text(), answer.headers)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEPT_SECONDS),
                timeout=aiohttp.ClientTimeout(total=self.timeout, sock_connect=min(CONNECT_SECONDS, self.timeout)),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _where(self, uri: str) -> tuple[URL, str | None]:
        """The address, at our stand-in if there is one, and the proxy that this machine names for it."""
        parts = urlsplit(uri)
        origin = f"{parts.scheme}://{parts.netloc}{parts.path}"
        if origin not in self._known:
            if self._api:
                parts = parts._replace(scheme=self._api.scheme, netloc=self._api.netloc)
            plain = URL(urlunsplit(parts._replace(query="")), encoded=True)
            bypassed = proxy_bypass(parts.hostname or "")
            self._known[origin] = plain, None if bypassed else getproxies().get(parts.scheme)
        url, proxy = self._known[origin]
        return (url.with_query(parts.query) if parts.query else url), proxy


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the provider asks to wait. A date, which the standard allows too, is not Twilio's way."""
    said = headers.get("Retry-After", "").strip()
    return float(said) if said.isdigit() else None


def never_left(error: BaseException) -> bool:
    """Only a failure to connect proves that no request was sent: of any other the provider may have had it all.

    `aiohttp` raises these before the first byte of a request: no address, nobody listening, a certificate that is not
    theirs, a handshake or a proxy that failed, a connection that was not there in time.
    """
    return isinstance(
        error,
        aiohttp.ClientConnectorError
        | aiohttp.ConnectionTimeoutError
        | aiohttp.ClientHttpProxyError
        | aiohttp.InvalidURL
        | aiohttp.NonHttpUrlClientError,
    )


WENT_WRONG = (aiohttp.ClientError, OSError, ValueError)  # a timeout is an OSError too


def _form(data: Mapping[str, object] | None) -> bytes | None:
    return urlencode(data, doseq=True).encode() if data else None


def _login(auth: tuple[str, str] | None) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(':'.join(auth).encode()).decode()}"} if auth else {}


def _text(params: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items() if value is not None}

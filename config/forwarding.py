"""Hands requests on to another process of this machine, and does them itself where none listens.

Python's threads share one interpreter: whoever searches beside uploads in the same process waits for their every step
(docs/adr/0010).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import httpx

from config.room import App, Receive, Refused, Scope, Send, content_length, refuse

MOST_AT_ONCE = 100
"""Requests that are handed on at the same time; each has a connection of its own."""
PLACE_SECONDS = 10.0
"""How long one more waits for its turn before it is refused."""
CONNECT_SECONDS = 2.0
LOOK_SECONDS = 5.0
"""How often it is looked whether the process that a request went to still lives, and how long that may take to say."""
KEEP_SECONDS = 2.0
"""How long a connection waits for its next request; uvicorn closes it after five."""
OF_A_CONNECTION = frozenset({b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"http2-settings", b"expect"})
"""What is said from one end of a connection to the other and not handed on (RFC 9110, 7.6.1); `Expect` was answered."""
OF_A_SERVER = OF_A_CONNECTION | {b"transfer-encoding", b"date", b"server"}
CROWDED = "Too many uploads arrive at once; send it again in a moment."
LOST = "The upload was interrupted and nothing of it was kept; send it again."
PERHAPS_KEPT = (
    "The upload was interrupted after it was sent; look whether the document is there before you send it again."
)
UNREADABLE = "This request cannot be read as HTTP; send it by another client, or without “Upgrade”."

logger = logging.getLogger(__name__)


class Gone(Exception):
    """Who sent the request has left before its end."""


class Unreadable(Exception):
    """The body is not of the length that was said."""


class Body:
    """A body on its way, in pieces; `passed_on` says that all of it may have arrived."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        in_pieces = any(name == b"transfer-encoding" for name, _ in scope["headers"])
        self._lacking = None if in_pieces else content_length(scope)
        self.passed_on = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises Gone and Unreadable."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            more = message.get("more_body", False)
            if piece := message.get("body", b""):
                if self._lacking is not None:
                    self._lacking -= len(piece)
                self.passed_on = not more
                yield piece
        if self._lacking:
            raise Unreadable
        self.passed_on = True


class Forwarding:
    """An ASGI app: what `is_theirs` goes to the server at `socket`, everything else `here`."""

    def __init__(self, here: App, socket: Path, is_theirs: Callable[[str, str], bool]) -> None:
        self._here, self._is_theirs = here, is_theirs
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=KEEP_SECONDS)
        self._there = httpx.AsyncHTTPTransport(uds=str(socket), limits=limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] != "http" or not self._is_theirs(scope["method"], scope["path"]):
            await self._here(scope, receive, send)
        else:
            await self._in_turn(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Connections that wait for their next request are closed when the server ends."""
        while (event := (await receive())["type"]) != "lifespan.shutdown":
            await send({"type": f"{event}.complete"})
        await self._there.aclose()
        await send({"type": f"{event}.complete"})

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.wait_for(self._places.acquire(), PLACE_SECONDS)
        except TimeoutError:
            await refuse(send, Refused(503, "unavailable", CROWDED))
            return
        try:
            await self._forward(scope, receive, send)
        finally:
            self._places.release()

    async def _forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = Body(scope, receive)
        try:
            response = await self._answered(_request(scope, body))
        except (httpx.ConnectError, httpx.ConnectTimeout):
            # It is starting, or not run here at all; nothing of the body was taken yet.
            await self._here(scope, receive, send)
        except (httpx.LocalProtocolError, Unreadable):
            await refuse(send, Refused(400, "invalid", UNREADABLE))
        except httpx.TransportError as error:
            logger.warning("the process for uploads was lost in the middle of one: %r", error)
            await refuse(send, Refused(503, "unavailable", PERHAPS_KEPT if body.passed_on else LOST))
        except Gone:
            return
        else:
            await _relay(response, send)

    async def _answered(self, request: httpx.Request) -> httpx.Response:
        """Its answer, however long it takes. Raises what the transport raises, ReadTimeout where the process answers
        nobody any more, and what the body raises."""
        asking = asyncio.create_task(self._there.handle_async_request(request))
        try:
            while not (await asyncio.wait({asking}, timeout=LOOK_SECONDS))[0]:
                if not await self._lives() and not asking.done():  # its end tells more than a missing sign of life
                    raise httpx.ReadTimeout("it does not answer", request=request)
            return asking.result()
        finally:
            if not asking.done():
                asking.cancel()
                with suppress(asyncio.CancelledError):
                    await asking

    async def _lives(self) -> bool:
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), LOOK_SECONDS)
        look = httpx.Request("GET", "http://localhost/healthz", extensions={"timeout": timeout})
        try:
            response = await self._there.handle_async_request(look)
        except httpx.TransportError:
            return False
        await response.aread()
        return True


def _request(scope: Scope, body: Body) -> httpx.Request:
    """The same request, its body read as it is sent."""
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    target = path + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    names = {name for name, _ in scope["headers"]}
    # Where both were said, how it came counts (RFC 9112, 6.3); what it came in was undone by the server here.
    in_pieces = {b"content-length", b"transfer-encoding"} if b"transfer-encoding" in names else set()
    left_out = OF_A_CONNECTION | in_pieces
    headers = [(name, value.strip(b" \t")) for name, value in scope["headers"] if name not in left_out]
    if b"host" not in names and scope.get("server"):
        host, port = scope["server"]
        headers.append((b"host", f"{host}:{port}".encode()))
    return httpx.Request(
        scope["method"],
        "http://localhost/",
        headers=headers,
        content=aiter(body),
        extensions={"target": target, "timeout": {"connect": CONNECT_SECONDS}},
    )


async def _relay(response: httpx.Response, send: Send) -> None:
    try:
        headers = [(name.lower(), value) for name, value in response.headers.raw if name.lower() not in OF_A_SERVER]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        async for piece in response.aiter_raw():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        await response.aclose()

"""Before Django reads a body, and while it comes: is there room for it? A disk that fills up breaks in worse places.

Nobody has been asked for a key or a password by then, so every body has a limit.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

RESERVE_BYTES = 64 * 2**20
"""Kept free for the database and the queue, which must be able to write while an upload is refused."""
SMALL_BYTES = 2**20
"""A question or a form is not weighed."""
LOOK_EVERY_BYTES = 16 * 2**20
"""Whoever does not say how much comes is weighed again each time that so much has come."""
PATIENCE_SECONDS = 60.0
"""Between two pieces of a body: whoever stops in the middle would keep a connection, and a spool, for ever."""
STALLED = "Nothing more came of this request for a minute, so it was given up; send it again."
STOPPING = "Footnote is being stopped; send it again in a minute."
FULL = "The disk of this Footnote is full; nothing was kept. Free some space and try again."

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Refused(Exception):
    """A body that is not read any further."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Body:
    """A body on its way, counted, and `refused` once it is larger than `most` or the disk has no room for it.

    From then on whoever reads it hears that its client has gone, and closes what was kept of it.
    """

    def __init__(self, receive: Receive, most: int, folders: Iterable[Path]) -> None:
        self._receive, self._most, self._folders = receive, most, folders
        self._size = self._weighed = 0
        self._ended = False
        self.refused: Refused | None = None

    async def receive(self) -> Any:
        """In the place of the server's own."""
        if self.refused is None:
            try:
                message = await self._next()
                self._count(len(message.get("body", b"")))
            except Refused as refused:
                self.refused = refused
            else:
                return message
        return {"type": "http.disconnect"}

    async def _next(self) -> Any:
        """Raises Refused where nothing comes for a while of a body that has not ended."""
        if self._ended:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), PATIENCE_SECONDS)
        except TimeoutError:
            raise Refused(408, "too_slow", STALLED) from None
        self._ended = not message.get("more_body", False)
        return message

    def _count(self, size: int) -> None:
        """Raises Refused."""
        self._size += size
        measure(self._size, self._most)
        if self._size - self._weighed > LOOK_EVERY_BYTES:
            self._weighed = self._size
            # What came is on the disk already; it is written once more, as a file.
            weigh(self._size, self._folders)


def with_room(app: App, folders: Iterable[Path], limit: Callable[[Scope], int]) -> App:
    """The ASGI app, refusing in the API's shape a body that these folders and /tmp have no room for (503), and one of
    more bytes than `limit` gives for its request (413), whether it says so before or only comes."""
    watched = [*folders, Path(tempfile.gettempdir())]

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        most, stated = limit(scope), content_length(scope)
        try:
            measure(stated, most)
            if stated > SMALL_BYTES:
                # It is written once as it comes and once as a file.
                weigh(2 * stated, watched)
        except Refused as refused:
            await refuse(send, refused)
            return
        await answered(app, scope, Body(receive, most, watched), send)

    return checked


async def answered(app: App, scope: Scope, body: Body, send: Send) -> None:
    """What the app answers, or the refusal of a body that it could not read to its end, or not in time: a server that
    is stopped cancels what has not ended by then."""
    begun = False

    async def sent(message: Any) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        await app(scope, body.receive, sent)
    except asyncio.CancelledError:
        body.refused = Refused(503, "unavailable", STOPPING)
    if body.refused and not begun:
        await refuse(send, body.refused)


def measure(size: int, most: int) -> None:
    """Raises Refused."""
    if size > most:
        told = f"Send less at once: a request to this address may have at most {most / 1_000_000:,.0f} MB"
        raise Refused(413, "too_large", f"{told} (where it takes files, MAX_UPLOAD_MB sets that).")


def weigh(needed: int, folders: Iterable[Path]) -> None:
    """Whether each folder's disk can take so many bytes and keep its reserve. Raises Refused."""
    if any(shutil.disk_usage(folder).free < needed + RESERVE_BYTES for folder in folders if folder.exists()):
        raise Refused(503, "storage", FULL)


def content_length(scope: Scope) -> int:
    """Bytes that the request says it has, 0 where it does not say."""
    text = dict(scope["headers"]).get(b"content-length", b"0")
    return int(text) if text.isdigit() and len(text) < 19 else 0


async def refuse(send: Send, refused: Refused) -> None:
    """In the one shape, the connection closed: what is on its way is not read."""
    told = {"code": refused.code, "message": refused.message, "status": refused.status}
    body = json.dumps(told).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *([(b"retry-after", b"60")] if refused.status == 503 else []),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""Before Django reads a body: is there room for it? A disk that fills up halfway breaks in worse places."""

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
FULL = "The disk of this Footnote is full; nothing was kept. Free some space and try again."

Scope = dict[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


def with_room(app: App, folders: Iterable[Path]) -> App:
    """The ASGI app, refusing (503, the API's shape) a body that these folders and /tmp have no room for."""
    watched = [*folders, Path(tempfile.gettempdir())]

    async def checked(
        scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        if scope["type"] == "http" and not fits(content_length(scope), watched):
            await refuse(send)
        else:
            await app(scope, receive, send)

    return checked


def content_length(scope: Scope) -> int:
    """Bytes that the request says it has, 0 where it does not say."""
    text = dict(scope["headers"]).get(b"content-length", b"0")
    return int(text) if text.isdigit() and len(text) < 19 else 0


def fits(size: int, folders: Iterable[Path]) -> bool:
    """Whether each folder's disk can take the body and keep its reserve."""
    if size <= SMALL_BYTES:
        return True
    # The body is written once as it comes and once as a file.
    return all(shutil.disk_usage(folder).free >= 2 * size + RESERVE_BYTES for folder in folders if folder.exists())


async def refuse(send: Callable[[Any], Awaitable[None]]) -> None:
    """503 in the one shape, the connection closed: what is on its way is not read."""
    body = json.dumps({"code": "storage", "message": FULL, "status": 503}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", b"60"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""How files leave Footnote: in pieces, and what was uploaded as a download that no browser runs or shows."""

import asyncio
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.core.files import File
from django.db import close_old_connections
from django.http import FileResponse

SANDBOX = "sandbox; default-src 'none'"


class FileInPieces(FileResponse):
    """A file of which a piece at a time is held, however slowly it is read, and no connection to the database.
    Where the server is asynchronous, Django's own is read whole, and holds one of the pool's twenty to its end."""

    block_size = 128 * 1024

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # Here and not in the view: the middleware, too, has had its last word with the database by now.
        await sync_to_async(close_old_connections)()
        pieces = iter(self)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece


def as_download(file: File, *, file_name: str, media_type: str) -> FileInPieces:
    """An attachment under the name it was uploaded with; closes the file when it was sent."""
    response = FileInPieces(file, as_attachment=True, filename=file_name, content_type=media_type)
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response

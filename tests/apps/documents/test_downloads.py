"""A file leaves in pieces, however slowly it is read."""

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext
from django.core.files import File
from django.core.handlers.asgi import ASGIHandler
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from apps.documents.downloads import FileInPieces, as_download
from apps.documents.selectors import reading
from apps.users.services import create_api_key
from tests.factories import a_collection, a_document, a_user

MEGABYTES = 40


class Counted(io.BytesIO):
    """A large file that counts what was read of it."""

    def __init__(self) -> None:
        super().__init__(bytes(range(256)) * (MEGABYTES * 4096))
        self.taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def read(response: FileInPieces, pieces: int | None = None) -> bytes:
    """The first pieces of a response, or all, as an asynchronous server takes them."""

    async def take() -> bytes:
        got = []
        # Each request has a thread of its own for the database; the one for all may hold another test's connection.
        async with ThreadSensitiveContext():
            async for piece in response:
                got.append(piece)
                if len(got) == pieces:
                    break
        return b"".join(got)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(take())).result()


def test_a_reader_who_stops_has_made_nothing_be_read_ahead() -> None:
    file = Counted()
    response = as_download(File(file), file_name="film.bin", media_type="application/octet-stream")
    first = read(response, pieces=1)
    assert first == file.getvalue()[: len(first)]
    assert file.taken <= 2 * FileInPieces.block_size
    response.close()
    assert file.closed


def test_all_of_it_arrives() -> None:
    file = Counted()
    whole = file.getvalue()
    response = as_download(File(file), file_name="film.bin", media_type="application/octet-stream")
    assert response.headers["Content-Length"] == str(len(whole))
    assert read(response) == whole


async def asked(path: str, key: str, *, pieces: int | None, at_first: Callable[[], None]) -> tuple[dict, bytes]:
    """The headers and the body that a reader gets from Django under ASGI, who leaves after some pieces or stays."""
    taken: list[bytes] = []
    headers: dict[str, str] = {}
    left = asyncio.Event()
    body = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        if message := next(body, None):
            return message
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            headers.update({name.decode(): value.decode() for name, value in message["headers"]})
        elif message.get("body"):
            taken.append(message["body"])
            if len(taken) == 1:
                at_first()
            if len(taken) == pieces:
                left.set()
                await asyncio.sleep(30)  # as a reader who takes nothing more, until Django hears of it

    scope = {
        "type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [
            (b"host", b"localhost"), (b"authorization", f"Bearer {key}".encode())
        ],
    }  # fmt: skip
    await asyncio.wait_for(ASGIHandler()(scope, receive, send), 20)
    return headers, b"".join(taken)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pieces", [1, None])
def test_a_reader_holds_no_connection_to_the_database(pieces: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = a_user()
    document = a_document(owner, a_collection(owner), "Bees dance.")
    key = create_api_key(by=owner, owner=owner, name="tests")[1]
    file = Counted()
    whole = file.getvalue()
    monkeypatch.setattr(reading.default_storage, "open", lambda *_: File(file, name="bees.txt"))
    opened: list[BaseDatabaseWrapper] = []
    held: list[bool] = []

    def note(connection: BaseDatabaseWrapper, **_: Any) -> None:
        opened.append(connection)

    connection_created.connect(note)
    try:
        reader = asked(
            f"/api/v1/documents/{document.pk}/original",
            key,
            pieces=pieces,
            at_first=lambda: held.extend(each.connection is not None for each in opened),
        )
        with ThreadPoolExecutor(1) as thread:
            headers, body = thread.submit(lambda: asyncio.run(reader)).result()
    finally:
        connection_created.disconnect(note)
    assert held
    assert not any(held)
    assert headers["Content-Length"] == str(len(whole))
    assert body == (whole if pieces is None else whole[: len(body)])
    assert file.taken <= (len(whole) if pieces is None else 2 * FileInPieces.block_size)
    assert file.closed

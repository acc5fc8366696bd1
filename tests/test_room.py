"""A body that is too large, or that the disk has no room for, is refused before it is read or on its way."""

import asyncio
import contextlib
import importlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pytest_django import Settings

from config import room


def ask(length: bytes, tmp_path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """What a request that says to be of this length reaches, and what is sent back."""
    reached: list[str] = []
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["type"])

    async def receive() -> None:
        pytest.fail("the body is not read here")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(b"content-length", length)]}
    checked = room.with_room(app, [tmp_path], lambda _: 10**40)
    # In a thread of its own: where a browser test ran before, this one has a running loop.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(checked(scope, receive, send))).result()  # type: ignore[arg-type]
    return reached, sent


@pytest.mark.parametrize("length", [b"0", b"5", b"5000000", b"nonsense", b"9" * 30])
def test_what_fits_or_says_nothing_of_its_size_passes(length: bytes, tmp_path: Path) -> None:
    assert ask(length, tmp_path) == (["http"], [])


def test_what_does_not_fit_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: usage(1, 1, 70 * 2**20))
    assert ask(b"1000", tmp_path)[0] == ["http"]
    reached, (start, body) = ask(b"5000000", tmp_path)
    assert reached == []
    assert start["status"] == 503
    assert json.loads(body["body"])["code"] == "storage"
    assert "disk" in json.loads(body["body"])["message"]


def come(pieces: list[bytes], tmp_path: Path, *, most: int, said: bytes | None = None) -> tuple[int, dict[str, Any]]:
    """How many pieces an app took of a body that just comes, and what it was answered ({} for nothing)."""
    waiting, taken, sent = list(pieces), [], []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive()).get("more_body"):
            taken.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": waiting.pop(0) if waiting else b"", "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(b"content-length", said)] if said else []}
    checked = room.with_room(app, [tmp_path], lambda _: most)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(checked(scope, receive, send))).result()  # type: ignore[arg-type]
    return len(taken), {**sent[0], **json.loads(sent[1]["body"])} if sent else {}


def test_a_body_that_just_comes_is_taken_to_its_limit(tmp_path: Path) -> None:
    assert come([b"x" * 100] * 10, tmp_path, most=1000) == (9, {})
    taken, told = come([b"x" * 100] * 50, tmp_path, most=1000)
    assert (taken, told["status"], told["code"]) == (10, 413, "too_large")
    assert (b"connection", b"close") in told["headers"]


def test_one_that_says_to_be_larger_is_not_read(tmp_path: Path) -> None:
    taken, told = come([b"x" * 100] * 50, tmp_path, most=1000, said=b"5000")
    assert (taken, told["status"]) == (0, 413)


def test_one_that_fills_the_disk_on_its_way_ends_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: usage(1, 1, room.RESERVE_BYTES + 2**20))
    monkeypatch.setattr(room, "LOOK_EVERY_BYTES", 3 * 2**20)
    taken, told = come([b"x" * 2**20] * 50, tmp_path, most=10**9)
    assert (taken, told["status"], told["code"]) == (3, 503, "storage")


def test_room_on_the_way_is_for_the_copy_of_what_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is weighed as pieces come; what is there by then is written once more, as a file."""
    usage, free = type(shutil.disk_usage(tmp_path)), [room.RESERVE_BYTES + 20 * 2**20]

    def shrinking(_: Path) -> Any:
        return usage(1, 1, free[0])

    monkeypatch.setattr(room.shutil, "disk_usage", shrinking)
    monkeypatch.setattr(room, "LOOK_EVERY_BYTES", 3 * 2**20)
    assert come([b"x" * 2**20] * 20, tmp_path, most=10**9) == (19, {})
    taken, told = come([b"x" * 2**20] * 50, tmp_path, most=10**9)
    assert (taken, told["code"]) == (23, "storage")


def passed_on(scope_type: str, tmp_path: Path, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What an app receives behind the room."""
    waiting, received = list(messages), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received.extend([await receive() for _ in messages])

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    checked = room.with_room(app, [tmp_path], lambda _: 10)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(checked({"type": scope_type, "headers": []}, receive, receive))).result()  # type: ignore[arg-type]
    return received


@pytest.mark.parametrize(
    ("scope_type", "messages"),
    [
        ("http", [{"type": "http.request", "body": b"x" * 10, "more_body": False}, {"type": "http.disconnect"}]),
        ("http", [{"type": "http.request"}, {"type": "http.disconnect"}]),
        ("websocket", [{"type": "websocket.connect"}, {"type": "websocket.receive", "bytes": b"x" * 100}]),
        ("lifespan", [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]),
    ],
)
def test_what_is_no_body_is_passed_on(scope_type: str, messages: list[dict[str, Any]], tmp_path: Path) -> None:
    assert passed_on(scope_type, tmp_path, messages) == messages


# ------------------------------------------------------------------------------------------- the real thing


SEARCH, LOGIN = "/api/v1/search", "/accounts/login/"
DOCUMENTS = "/api/v1/collections/0190a0c0-0000-7000-8000-000000000000/documents"


@pytest.fixture
def asgi() -> Iterator[ModuleType]:
    """The web process's own module, but for how it makes threads take turns."""
    interval = sys.getswitchinterval()
    yield importlib.import_module("config.asgi")
    sys.setswitchinterval(interval)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The temporary files that Django keeps bodies in."""
    files: list[Any] = []
    make = tempfile.SpooledTemporaryFile

    def noted(*arguments: Any, **more: Any) -> Any:
        files.append(make(*arguments, **more))
        return files[-1]

    monkeypatch.setattr("django.core.handlers.asgi.tempfile.SpooledTemporaryFile", noted)
    return files


def chunked(app: room.App, path: str, megabytes: int) -> tuple[int, int, dict[str, Any]]:
    """What somebody without a key is answered to a body of which nobody knows the length: how many pieces were
    taken, the status and the JSON."""
    sent: list[dict[str, Any]] = []
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        if taken == megabytes:
            await asyncio.sleep(30)
        taken += 1
        return {"type": "http.request", "body": b"x" * 2**20, "more_body": taken < megabytes}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"transfer-encoding", b"chunked"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(app(scope, receive, send))).result()  # type: ignore[arg-type]
    body = b"".join(message.get("body", b"") for message in sent)
    return taken, sent[0]["status"], json.loads(body)


@pytest.mark.parametrize("path", [SEARCH, LOGIN])
def test_a_chunked_body_has_a_limit_before_anybody_is_asked_for_a_key(
    path: str, asgi: ModuleType, kept: list[Any]
) -> None:
    taken, status, told = chunked(asgi.application, path, 400)
    assert (taken, status) == (asgi.LARGEST_FORM_BYTES // 2**20 + 1, 413)
    assert set(told) == {"code", "message", "status"}
    assert (told["code"], told["status"]) == ("too_large", 413)
    assert "MAX_UPLOAD_MB" in told["message"]
    assert [file.closed for file in kept] == [True]


@pytest.mark.django_db(transaction=True)
def test_files_may_have_more(asgi: ModuleType, kept: list[Any], settings: Settings) -> None:
    taken, status, told = chunked(asgi.application, DOCUMENTS, 40)
    assert (taken, status, told["code"]) == (40, 401, "not_authenticated")
    settings.MAX_UPLOAD_MB = 0.5
    taken, status, told = chunked(asgi.application, DOCUMENTS, 40)
    assert (taken, status, told["code"]) == (26, 413, "too_large")
    assert [file.closed for file in kept] == [True, True]


def stall(tmp_path: Path, *, ended: bool) -> list[dict[str, Any]]:
    """What is sent to one who stops in the middle of a body, or waits for the answer after its end."""
    sent: list[dict[str, Any]] = []
    first = iter([{"type": "http.request", "body": b"bees", "more_body": not ended}])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            if not message.get("more_body"):
                with contextlib.suppress(TimeoutError):  # as Django listens for one who leaves while it works
                    await asyncio.wait_for(receive(), room.PATIENCE_SECONDS * 4)
                await send({"type": "http.response.start", "status": 200, "headers": []})
                return

    async def receive() -> dict[str, Any]:
        if message := next(first, None):
            return message
        await asyncio.sleep(30)
        return {}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    checked = room.with_room(app, [tmp_path], lambda _: 1000)
    scope = {"type": "http", "headers": []}
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(asyncio.wait_for(checked(scope, receive, send), 10))).result()  # type: ignore[arg-type]
    return sent


def test_one_that_stops_in_the_middle_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PATIENCE_SECONDS", 0.1)
    assert [each.get("status") for each in stall(tmp_path, ended=False)] == [408, None]
    assert [each.get("status") for each in stall(tmp_path, ended=True)] == [200]


def test_one_that_is_on_its_way_when_footnote_stops_is_told(tmp_path: Path) -> None:
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    async def receive() -> None:
        await asyncio.sleep(30)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def stopped() -> None:
        checked = room.with_room(app, [tmp_path], lambda _: 1000)
        request = asyncio.create_task(checked({"type": "http", "headers": []}, receive, send))  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        request.cancel()  # as uvicorn does once it has waited long enough
        await request

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(stopped())).result()
    assert (sent[0]["status"], json.loads(sent[1]["body"])["message"]) == (503, room.STOPPING)

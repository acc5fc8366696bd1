"""A body that the disk has no room for is refused before it is read."""

import asyncio
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

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
    checked = room.with_room(app, [tmp_path])
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

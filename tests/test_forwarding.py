"""What is handed on to another process arrives as it was sent, and nothing depends on that process being there."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from config import forwarding
from config.forwarding import Forwarding
from config.room import App, Receive, Scope, Send, with_room

SOON = 10
MOST_BYTES = 3_000_000


@dataclass
class Server:
    """An ASGI app that tells what came."""

    name: str
    bodies: int = 0
    takes_seconds: float = 0.0
    left: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        body = b""
        self.bodies += 1
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            body += message.get("body", b"")
            self.begun.set()
            if not message.get("more_body"):
                break
        if scope["path"] != "/healthz":
            await asyncio.sleep(self.takes_seconds)
        told = {
            "by": self.name,
            "method": scope["method"],
            "target": (scope["raw_path"] + b"?" + scope["query_string"]).decode(),
            "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
            "size": len(body),
            "end": body[-5:].decode(),
        }
        headers = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})


class Uvicorn(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """None: it runs in a thread."""


@contextmanager
def served(app: App, at: socket.socket | None = None, **options: Any) -> Iterator[Uvicorn]:
    """A real server in a thread."""
    server = Uvicorn(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, **options))
    thread = threading.Thread(target=server.run, args=([at] if at else None,), daemon=True)
    thread.start()
    until(lambda: server.started)
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(10)


def until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.01)


@dataclass
class Pair:
    """A server in front, which hands on what lies below /files to the one behind its socket."""

    web: Server
    files: Server
    client: httpx.Client
    port: int
    stop_files: Callable[[], None]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    web, files = Server("web"), Server("files")
    path = tmp_path / "s"
    with ExitStack() as behind, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        behind.enter_context(served(files, uds=str(path)))
        front = with_room(
            Forwarding(web, path, lambda method, where: where.startswith("/files")), [], lambda _: MOST_BYTES
        )
        with (
            served(front, free),
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=SOON) as client,
        ):
            yield Pair(web, files, client, port, behind.close)


def pieces(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield f"{number:>10}".encode() * 1000


def test_the_whole_request_and_the_whole_answer_come_through(pair: Pair) -> None:
    got = pair.client.post("/files/a%2Fb?x=%20y&x=2", content=b"bees " * 100_000, headers={"X-One": "Å".encode()})
    told = got.json()
    assert (got.status_code, told["by"], told["method"]) == (202, "files", "POST")
    assert told["target"] == "/files/a%2Fb?x=%20y&x=2"
    assert (told["size"], told["end"]) == (500_000, "bees ")
    assert ["content-length", "500000"] in told["headers"]
    assert ["host", f"127.0.0.1:{pair.port}"] in told["headers"]
    assert got.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert len(got.headers.get_list("date")) == 1


def test_a_body_of_unknown_length_and_none_at_all(pair: Pair) -> None:
    assert pair.client.put("/files/1", content=pieces(200)).json()["size"] == 2_000_000
    assert pair.client.put("/files/1").json()["size"] == 0


def test_one_who_waits_to_be_asked_for_the_body_is_asked(pair: Pair) -> None:
    with socket.create_connection(("127.0.0.1", pair.port), timeout=SOON) as client:
        head = ["POST /files/1 HTTP/1.1", "Host: x", "Content-Length: 4", "Expect: 100-continue", "Connection: close"]
        client.sendall("\r\n".join([*head, "", ""]).encode())
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.sendall(b"bees")
        answer = b"".join(iter(lambda: client.recv(1000), b""))
    assert answer.startswith(b"HTTP/1.1 202")
    assert b'"size": 4' in answer


def test_everything_else_stays_here(pair: Pair) -> None:
    assert pair.client.get("/pages").json()["by"] == "web"


def test_where_nobody_listens_it_is_done_here(pair: Pair) -> None:
    assert pair.client.post("/files/1", content=b"bees").json()["by"] == "files"
    pair.stop_files()
    told = pair.client.post("/files/1", content=pieces(20)).json()
    assert (told["by"], told["size"]) == ("web", 200_000)


@contextmanager
def in_its_place(pair: Pair, path: Path, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    """Instead of the server there is one that accepts each connection and does this with it."""
    pair.stop_files()
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            with suppress(OSError):  # it was closed
                while True:
                    answer(server.accept()[0])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(SOON)


def test_one_that_is_lost_on_the_way_is_told_in_a_sentence(pair: Pair, tmp_path: Path) -> None:
    def die(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.close()

    with in_its_place(pair, tmp_path / "s", die):
        got = pair.client.post("/files/1", content=pieces(300))
        small = pair.client.post("/files/1", content=b"bees")
    assert (got.status_code, got.json()["code"], got.json()["message"]) == (503, "unavailable", forwarding.LOST)
    assert got.headers["retry-after"]
    assert small.json()["message"] == forwarding.PERHAPS_KEPT


def test_one_that_answers_nobody_is_not_waited_for(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "LOOK_SECONDS", 0.2)
    held: list[socket.socket] = []
    with in_its_place(pair, tmp_path / "s", held.append):
        got = pair.client.post("/files/1", content=b"bees")
        for connection in held:
            connection.close()
    assert len(held) == 2
    assert (got.status_code, got.json()["message"]) == (503, forwarding.PERHAPS_KEPT)


def test_one_that_takes_its_time_is_waited_for(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "LOOK_SECONDS", 1.0)  # long enough for a sign of life on a busy machine
    pair.files.takes_seconds = 2.5
    assert pair.client.post("/files/1", content=b"bees").json()["size"] == 4


def test_a_crowd_beyond_all_measure_is_asked_to_come_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "PLACE_SECONDS", 0.1)
    with ExitStack() as waiting:
        for _ in range(forwarding.MOST_AT_ONCE):
            client = waiting.enter_context(socket.create_connection(("127.0.0.1", pair.port), timeout=SOON))
            client.sendall(b"POST /files/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbees")
        until(lambda: pair.files.bodies == forwarding.MOST_AT_ONCE)
        got = pair.client.post("/files/1", content=b"bees")
        assert (got.status_code, got.json()["message"]) == (503, forwarding.CROWDED)
        assert pair.client.get("/pages").json()["by"] == "web"
    assert pair.files.left.wait(SOON)
    until(lambda: pair.client.post("/files/1", content=b"bees").status_code == 202)


def raw(pair: Pair, *head: str) -> bytes:
    """The answer to a request with a body of four bytes and these lines above it."""
    with socket.create_connection(("127.0.0.1", pair.port), timeout=SOON) as client:
        client.sendall("\r\n".join([*head, "Connection: close", "", "bees"]).encode())
        return b"".join(iter(lambda: client.recv(1000), b""))


def test_what_http_allows_is_let_through(pair: Pair) -> None:
    spaces = raw(pair, "POST /files/1 HTTP/1.1", "Host: x", "Content-Length: 4", "Accept: */* \t")
    assert spaces.startswith(b"HTTP/1.1 202")
    old = raw(pair, "POST /files/1 HTTP/1.0", "Content-Length: 4")
    assert b" 202 " in old
    assert f'["host", "127.0.0.1:{pair.port}"]'.encode() in old


@pytest.mark.parametrize("odd", [["Host: x", "Host: y"], ["Host: x", "Upgrade: h2c", "Connection: Upgrade"]], ids=str)
def test_what_cannot_be_handed_on_is_not_called_a_loss(pair: Pair, odd: list[str]) -> None:
    got = raw(pair, "POST /files/1 HTTP/1.1", "Content-Length: 4", *odd)
    assert got.startswith(b"HTTP/1.1 400")
    assert b'"code": "invalid"' in got


def test_who_leaves_in_the_middle_leaves_there_too(pair: Pair) -> None:
    with socket.create_connection(("127.0.0.1", pair.port), timeout=SOON) as client:
        client.sendall(b"POST /files/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbees")
        assert pair.files.begun.wait(SOON)
    assert pair.files.left.wait(SOON)
    assert pair.client.post("/files/1", content=b"bees").json()["size"] == 4


def test_a_body_without_end_is_refused_on_its_way(pair: Pair) -> None:
    got = pair.client.post("/files/1", content=pieces(MOST_BYTES // 10_000 + 1))
    assert got.status_code == 413
    assert got.json()["code"] == "too_large"
    assert pair.files.left.wait(SOON)

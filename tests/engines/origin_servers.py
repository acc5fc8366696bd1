"""What the tests of origins talk to: a site whose pages are a dictionary, and a canary that nobody may reach."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from engines.origins import Client, Seconds

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Reply:
    """A response; `pieces` in place of `body` is sent chunk by chunk, for as long as it gives some."""

    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Callable[[], Iterator[bytes]] | None = None


def html(text: str, **headers: str) -> Reply:
    return Reply(f"<!doctype html><html>{text}</html>", headers={"Content-Type": "text/html; charset=utf-8", **headers})


def redirect(to: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": to})


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    at: float


class Site(ThreadingHTTPServer):
    """Serves `pages` (path with query to Reply, or to a function of the request) on 127.0.0.1."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, Reply | Callable[[Request], Reply]] = {}
        self.anything: Callable[[Request], Reply] = lambda request: Reply("none", 404)
        """What is at every other path but /robots.txt."""
        self.requests: list[Request] = []
        self.connections = 0
        self.drip = 0.0
        """Seconds between two bytes of the head; 0 for all at once."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.host}{path}"

    @property
    def paths(self) -> list[str]:
        """What was asked for, robots.txt aside."""
        return [request.path for request in self.requests if request.path != "/robots.txt"]

    def get_request(self) -> tuple[socket.socket, Any]:
        self.connections += 1
        return super().get_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Site

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, time.monotonic())
        self.server.requests.append(request)
        page = self.server.pages.get(self.path)
        if page is None:
            page = Reply("none", 404) if self.path == "/robots.txt" else self.server.anything
        reply = page if isinstance(page, Reply) else page(request)
        if self.server.drip:
            self._dripped()
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        if reply.pieces is not None:
            self.send_header("Connection", "close")
            self.end_headers()
            for piece in reply.pieces():
                self.wfile.write(piece)
            self.close_connection = True
            return
        if "Content-Length" not in reply.headers and reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET
    do_POST = do_PUT = do_DELETE = do_GET

    def _dripped(self) -> None:
        for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000:
            self.wfile.write(bytes([letter]))
            time.sleep(self.server.drip)


@contextmanager
def site() -> Iterator[Site]:
    """A running site."""
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Canary:
    """Listens, and counts the connections it sees."""

    def __init__(self, family: int, host: str, port: int = 0) -> None:
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            self._listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self._listener.bind((host, port))
        self._listener.listen(64)
        self._listener.setblocking(False)
        self.port = int(self._listener.getsockname()[1])
        self._seen = 0

    @property
    def connections(self) -> int:
        """How many there were; the kernel keeps those that nobody has taken yet."""
        while True:
            try:
                taken, _ = self._listener.accept()
            except BlockingIOError:
                return self._seen
            taken.close()
            self._seen += 1

    def close(self) -> None:
        self._listener.close()


QUICK = Seconds(connect=2, gap=1, total=3)


def client(server: Site, *, max_bytes: int = MEGABYTE, seconds: Seconds = QUICK) -> Client:
    """A client that may talk to this site and to nothing else of this machine."""
    return Client(max_bytes=max_bytes, allow=[server.host], seconds=seconds)

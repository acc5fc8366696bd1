"""An httpx transport whose reads obey a deadline of their stream and can be given up in between.

httpx knows a time-out per read, so a server that sends a comment line every few seconds is never late, and
one that sends a header byte at a time holds a thread for ever. Here the thread that reads says until when
(`watched`), and every read of its sockets is cut to what is left. While a socket is silent the thread looks
every TICK seconds whether anybody still wants the answer.
"""

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

TICK = 0.5
"""Seconds between two looks at `stopped` while a socket is silent."""


class Stopped(Exception):
    """Whoever asked for the stream does not want it any more."""


@dataclass(frozen=True, slots=True)
class _Watch:
    until: float
    stopped: Callable[[], bool]


_here = threading.local()


@contextmanager
def watched(until: float, stopped: Callable[[], bool]) -> Iterator[None]:
    """Reads of this thread end by `until` (time.monotonic) with httpx.ReadTimeout, or with Stopped."""
    _here.watch = _Watch(until, stopped)
    try:
        yield
    finally:
        _here.watch = None


class _WatchedStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        watch: _Watch | None = getattr(_here, "watch", None)
        if watch is None:
            return self._inner.read(max_bytes, timeout)
        while True:
            left = watch.until - time.monotonic()
            if left <= 0:
                raise httpcore.ReadTimeout("the deadline has passed")
            try:
                return self._inner.read(max_bytes, min(left, TICK))
            except httpcore.ReadTimeout:
                if watch.stopped():
                    raise Stopped from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _WatchedStream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _WatchedBackend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _WatchedStream(self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.NetworkStream:
        return _WatchedStream(self._inner.connect_unix_socket(path, timeout, socket_options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class WatchedTransport(httpx.HTTPTransport):
    """httpx's own transport over a pool that reads through watched streams. HTTP/1.1, no limit of streams."""

    def __init__(self, *, idle_connections: int = 64) -> None:
        super().__init__()
        # httpx has no argument for the network backend; tests/engines/test_models.py holds this line to it.
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=None,
            max_keepalive_connections=idle_connections,
            keepalive_expiry=30.0,
            network_backend=_WatchedBackend(),
        )

"""The one outgoing client: every request that a source makes goes through it, and it reaches no inner network.

The check sits where connections are made. The network backend below looks a host up once, checks every
address it has (addresses.py) and connects to one of those, so no second look-up can lead elsewhere
(rebinding), and no redirect, retry or library above it can get around it. TLS is verified against the host's
name. The environment's proxies are not used: they would connect for us, unchecked.
"""

import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Any

import httpcore
import httpx

from engines.origins import addresses, refusals
from engines.origins.decompressing import Broken, decoder
from engines.origins.port import OriginError, OriginUnavailable

USER_AGENT = "Footnote"
HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
REDIRECTS = 5
WRITE_SECONDS = 10.0
Follow = Callable[[str], bool]
"""Whether a redirect to this URL may be followed."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long one request may take: to connect, between two pieces, from its begin to the end of its body."""

    connect: float = 10.0
    gap: float = 20.0
    total: float = 600.0


USUAL_SECONDS = Seconds()


class Answer:
    """A response whose body is still to be read, bounded in size and time; a context that closes it."""

    def __init__(self, response: httpx.Response, max_bytes: int) -> None:
        self._response, self._max_bytes = response, max_bytes
        self.url = str(response.url)
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    def __enter__(self) -> "Answer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def content_type(self) -> str:
        """The media type in lower case, without its parameters; "" if none is given."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def pieces(self, most: int | None = None) -> Iterator[bytes]:
        """The body, decompressed. Raises OriginRefused("too_large") beyond `most` bytes (default: max_bytes),
        counted after decompression, and OriginUnavailable when it breaks off or takes too long."""
        most = self._max_bytes if most is None else min(most, self._max_bytes)
        host = self._response.url.host
        length = self.headers.get("content-length", "")
        if length.isdecimal() and int(length) > most:
            raise refusals.too_large(self.url, most)
        size = 0
        try:
            decode = decoder(self.headers.get("content-encoding", ""))
            for raw in self._response.iter_raw():
                for piece in decode(raw):
                    size += len(piece)
                    if size > most:
                        raise refusals.too_large(self.url, most)
                    yield piece
            decode.finish()
        except Broken:
            raise refusals.unpacking(host) from None
        except httpx.HTTPError as error:
            raise _in_words(error, host) from None

    def read(self, most: int | None = None) -> bytes:
        """The whole body; raises as `pieces`."""
        return b"".join(self.pieces(most))

    def close(self) -> None:
        self._response.close()


class Client:
    """For one thread at a time: one for each origin at work. A context that closes its connections.

    `max_bytes` bounds every body, `allow` opens more than the public internet (see addresses.Gate, which raises
    ValueError), `tls` verifies servers (default: the system's and certifi's authorities, or SSL_CERT_FILE).
    Cookies are neither kept nor sent, and no credentials: it is httpx's transport without httpx's client.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        allow: Iterable[str] = (),
        seconds: Seconds = USUAL_SECONDS,
        resolve: addresses.Resolve = addresses.resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.max_bytes = max_bytes
        self._gate = addresses.Gate(allow, resolve=resolve)
        self._seconds = seconds
        self._backend = _CheckedBackend(self._gate, seconds.gap)
        self._transport = _CheckedTransport(self._backend, tls or _usual_tls())
        timeout = httpx.Timeout(seconds.gap, connect=seconds.connect, write=WRITE_SECONDS)
        self._extensions = {"timeout": timeout.as_dict()}

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def check(self, url: str) -> None:
        """Raises OriginRefused for an address that cannot be right, asking nobody; for forms."""
        self._checked(url)

    def open(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, follow: Follow | None = None
    ) -> Answer:
        """Asks, and follows redirects, each checked anew. The caller closes the answer, whatever its status.

        `follow` may say no to a redirect; its answer is then the one with the redirect's status. Raises OriginError.
        """
        self._backend.until = time.monotonic() + self._seconds.total
        target = self._checked(url)
        for _ in range(REDIRECTS + 1):
            answer = self._sent(method, target, headers or {})
            try:
                after = self._redirected(answer, target)
                if after is None or (follow is not None and not follow(str(after))):
                    return answer
            except OriginError:
                answer.close()
                raise
            answer.close()
            target = after
        raise refusals.too_many_redirects(target.host, REDIRECTS)

    def send(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        """One request as it is, for a protocol that signs its headers; redirects are not followed."""
        return self.open(url, method=method, headers=headers, follow=lambda _: False)

    def _checked(self, url: str) -> httpx.URL:
        try:
            parsed = httpx.URL(url.strip())
            host = parsed.raw_host.decode("ascii").removesuffix(".")
            target = parsed.copy_with(host=host, fragment=None)
        except (httpx.InvalidURL, ValueError):
            raise refusals.bad_address() from None
        if target.scheme not in ("http", "https") or not host:
            raise refusals.bad_address()
        if target.userinfo:
            raise refusals.has_credentials()
        usual = 443 if target.scheme == "https" else 80
        self._gate.check_name(host, usual if target.port is None else target.port)
        return target

    def _sent(self, method: str, target: httpx.URL, headers: Mapping[str, str]) -> Answer:
        try:
            request = httpx.Request(method, target, headers={**HEADERS, **headers}, extensions=self._extensions)
            response = self._transport.handle_request(request)
            response.request = request
            return Answer(response, self.max_bytes)
        except httpx.HTTPError as error:
            raise _in_words(error, target.host) from None

    def _redirected(self, answer: Answer, target: httpx.URL) -> httpx.URL | None:
        location = answer.headers.get("location")
        if answer.status not in (301, 302, 303, 307, 308) or location is None:
            return None
        try:
            after = self._checked(str(target.join(location)))
            if target.scheme == "https" and after.scheme == "http":
                raise refusals.insecure_redirect(target.host)
        except httpx.InvalidURL:
            raise refusals.bad_address(f"{target.host} redirects to what is no web address.") from None
        return after


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses only; nothing else in Footnote's sources opens a connection."""

    def __init__(self, gate: addresses.Gate, gap: float) -> None:
        self._gate, self._gap = gate, gap
        self._inner = httpcore.SyncBackend()
        self.until = 0.0

    def left(self, most: float | None) -> float:
        """Seconds that the next step may take; raises httpcore.ReadTimeout when the request's time is up."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the request has taken too long")
        return min(left, self._gap if most is None else most)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        error: Exception | None = None
        for address in self._gate.addresses(host, port)[:4]:
            try:
                # An address as text is not looked up again.
                stream = self._inner.connect_tcp(str(address), port, self.left(timeout), None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
            else:
                return _BoundedStream(stream, self)
        raise error or httpcore.ConnectError("no address")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("sources talk to no socket of this machine")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _BoundedStream(httpcore.NetworkStream):
    """Every step ends with the request's time, so that a byte a second holds nobody for ever."""

    def __init__(self, inner: httpcore.NetworkStream, backend: _CheckedBackend) -> None:
        self._inner, self._backend = inner, backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._backend.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._backend.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._backend.left(timeout))
        return _BoundedStream(inner, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _CheckedTransport(httpx.HTTPTransport):
    """httpx's own transport over a pool that connects through the checked backend. HTTP/1.1."""

    def __init__(self, backend: _CheckedBackend, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        # httpx has no argument for the network backend; tests/engines/test_origins_client.py holds this line to it.
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            max_connections=4,
            max_keepalive_connections=2,
            keepalive_expiry=30.0,
            network_backend=backend,
        )


@cache
def _usual_tls() -> ssl.SSLContext:
    """Made once: reading all authorities takes tens of milliseconds."""
    return httpx.create_ssl_context()


def _in_words(error: httpx.HTTPError, host: str) -> OriginError:
    if _has_bad_certificate(error):
        return refusals.bad_certificate(host)
    if isinstance(error, httpx.ConnectTimeout):
        return OriginUnavailable(f"{host} did not accept a connection in time.")
    if isinstance(error, httpx.TimeoutException):
        return OriginUnavailable(f"{host} took too long to answer.")
    if isinstance(error, httpx.ConnectError):
        return OriginUnavailable(f"{host} cannot be reached.")
    return OriginUnavailable(f"{host} broke off, or did not answer as a web server does.")


def _has_bad_certificate(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None

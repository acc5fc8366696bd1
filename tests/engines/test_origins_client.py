"""The one outgoing client: what it must survive."""

import datetime
import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engines.origins import Client, OriginError, OriginRefused, OriginUnavailable, Seconds
from tests.engines.origin_servers import MEGABYTE, QUICK, Canary, Reply, Site, client, html, redirect, site


@pytest.fixture
def server() -> Iterator[Site]:
    with site() as running:
        yield running


def refused(asking: Client, url: str) -> OriginRefused:
    with pytest.raises(OriginRefused) as caught:
        asking.open(url)
    return caught.value


def test_redirects_are_followed_five_times(server: Site) -> None:
    for number in range(9):
        server.pages[f"/{number}"] = redirect(f"/{number - 1}")
    server.pages["/0"] = html("there")
    with client(server) as asking:
        with asking.open(server.url("/5")) as answer:
            assert (answer.status, answer.url) == (200, server.url("/0"))
        assert refused(asking, server.url("/6")).code == "redirects"


def test_cookies_and_credentials_are_neither_kept_nor_sent(server: Site) -> None:
    server.pages["/"] = Reply(
        status=302, headers={"Location": "/after", "Set-Cookie": "a=b; Path=/", "WWW-Authenticate": "Basic"}
    )
    server.pages["/after"] = html("after", **{"Set-Cookie": "c=d"})
    with client(server) as asking:
        for _ in range(2):
            asking.open(server.url()).close()
    assert len(server.requests) == 4
    for request in server.requests:
        assert set(request.headers) == {"host", "accept", "accept-encoding", "user-agent"}
        assert request.headers["user-agent"] == "Footnote"


def endless() -> Iterator[bytes]:
    while True:
        yield b"x" * 65536


def test_a_body_is_bounded_told_or_untold(server: Site) -> None:
    server.pages["/told"] = Reply("x", headers={"Content-Length": str(5 * MEGABYTE)})
    server.pages["/endless"] = Reply(pieces=endless)
    with client(server) as asking:
        for path in ("/told", "/endless"):
            with asking.open(server.url(path)) as answer, pytest.raises(OriginRefused) as caught:
                answer.read()
            assert caught.value.code == "too_large"
            assert "MAX_UPLOAD_MB" in caught.value.hint


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_body_is_counted_unpacked(server: Site, encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    server.pages["/bomb"] = Reply(pack(b"\0" * 40 * MEGABYTE), headers={"Content-Encoding": encoding})
    server.pages["/fair"] = Reply(pack(b"fair" * 50_000), headers={"Content-Encoding": encoding})
    server.pages["/cut"] = Reply(pack(b"fair" * 50_000)[:-9], headers={"Content-Encoding": encoding})
    with client(server) as asking:
        with asking.open(server.url("/fair")) as answer:
            assert answer.read() == b"fair" * 50_000
        with asking.open(server.url("/bomb")) as answer:
            sizes = []
            with pytest.raises(OriginRefused, match="larger than 1 MB"):
                sizes.extend(map(len, answer.pieces()))
            assert 0 < max(sizes) <= 64 * 1024
        with asking.open(server.url("/cut")) as answer, pytest.raises(OriginRefused):
            answer.read()


def test_a_compression_that_was_not_asked_for_is_refused(server: Site) -> None:
    server.pages["/"] = Reply(b"\x8b\x02", headers={"Content-Encoding": "br"})
    with client(server) as asking, asking.open(server.url()) as answer, pytest.raises(OriginRefused):
        answer.read()


def slowly() -> Iterator[bytes]:
    for _ in range(600):
        yield b"x"
        time.sleep(0.05)


def silent() -> Iterator[bytes]:
    yield b"x"
    time.sleep(1.2)
    yield b"y"


def test_a_byte_at_a_time_ends_with_the_requests_time(server: Site) -> None:
    server.pages["/"] = Reply(pieces=slowly)
    begin = time.monotonic()
    with client(server, seconds=Seconds(1, 0.5, 0.8)) as asking:
        answer = asking.open(server.url())
        with answer, pytest.raises(OriginUnavailable, match="too long"):
            answer.read()
    assert time.monotonic() - begin < 1.5


def test_a_head_that_drips_ends_too(server: Site) -> None:
    server.drip = 0.05
    begin = time.monotonic()
    with client(server, seconds=Seconds(1, 0.5, 0.8)) as asking, pytest.raises(OriginUnavailable, match="too long"):
        asking.open(server.url())
    assert time.monotonic() - begin < 1.5


def test_silence_ends_with_the_gap(server: Site) -> None:
    server.pages["/"] = Reply(pieces=silent)
    with client(server, seconds=Seconds(1, 0.4, 5)) as asking:
        answer = asking.open(server.url())
        with answer, pytest.raises(OriginUnavailable, match="too long"):
            answer.read()


def test_a_body_that_breaks_off_is_not_whole(server: Site) -> None:
    server.pages["/"] = Reply(b"half", headers={"Content-Length": "8", "Connection": "close"})
    with client(server) as asking, asking.open(server.url()) as answer, pytest.raises(OriginUnavailable):
        answer.read()


def test_what_does_not_answer_is_unavailable() -> None:
    canary = Canary(socket.AF_INET, "127.0.0.1")
    canary.close()
    asking = Client(max_bytes=1, allow=[f"127.0.0.1:{canary.port}"])
    with asking, pytest.raises(OriginUnavailable, match="cannot be reached"):
        asking.open(f"http://127.0.0.1:{canary.port}/")


@pytest.mark.parametrize("error", [socket.EAI_NONAME, socket.EAI_AGAIN])
def test_a_name_nobody_knows_is_refused_and_a_silent_name_server_is_passing(error: int) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(error, "")

    with Client(max_bytes=1, resolve=resolve) as asking, pytest.raises(OriginError) as caught:
        asking.open("http://nobody.example/")
    assert isinstance(caught.value, OriginUnavailable) == (error == socket.EAI_AGAIN)


# ------------------------------------------------------------------------------- TLS


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A self-signed certificate for `host` and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return folder / "cert.pem", folder / "key.pem"


def test_tls_is_verified_against_the_name_though_the_address_is_connected_to(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "docs.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with Site() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.pages["/"] = html("secret")
        server.pages["/down"] = redirect(f"http://docs.example:{server.port}/")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        allow = [f"{host}.example:{server.port}" for host in ("docs", "other")]
        trusting = ssl.create_default_context(cafile=cert)
        resolve = lambda host, port: ["127.0.0.1"]  # noqa: E731
        with Client(max_bytes=99, allow=allow, resolve=resolve, tls=trusting, seconds=QUICK) as asking:
            with asking.open(f"https://docs.example:{server.port}/") as answer:
                assert b"secret" in answer.read()
            assert refused(asking, f"https://other.example:{server.port}/").code == "bad_certificate"
            assert refused(asking, f"https://docs.example:{server.port}/down").code == "redirects"
        with Client(max_bytes=99, allow=allow, resolve=resolve, seconds=QUICK) as asking:
            assert refused(asking, f"https://docs.example:{server.port}/").code == "bad_certificate"
        server.shutdown()

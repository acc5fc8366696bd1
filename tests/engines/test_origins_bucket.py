"""An S3 bucket, against a small server that speaks its protocol and checks the signatures (Signature Version 4)."""

import hashlib
import hmac
import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from engines.origins import Bucket, Client, Entry, Keys, OriginRefused, OriginUnavailable, bucket
from tests.engines.origin_servers import Canary, Reply, Request, Site, client, site

KEYS = Keys("AKEXAMPLE", "secret/of+theirs")
needs_boto3 = pytest.mark.skipif(importlib.util.find_spec("boto3") is None, reason="boto3 (extra s3) is not installed")


class FakeS3:
    """Answers list-type=2 in pages of two keys, and GET with If-None-Match. `closed` asks for KEYS' signature."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.closed = True
        self.failing: list[Reply] = []

    def __call__(self, request: Request) -> Reply:
        if self.failing:
            return self.failing.pop(0)
        parts = urlsplit(request.path)
        name, _, key = parts.path[1:].partition("/")
        if self.closed and not self._is_signed(request):
            return error(403, "SignatureDoesNotMatch")
        if name != "papers":
            return error(404, "NoSuchBucket")
        if not key:
            return self._listed(dict(parse_qsl(parts.query, keep_blank_values=True)))
        found = self.objects.get(unquote(key))
        if found is None:
            return error(404, "NoSuchKey")
        etag = etag_of(found)
        if request.headers.get("if-none-match") == etag:
            return Reply(status=304, headers={"ETag": etag})
        return Reply(found, headers={"ETag": etag, "Content-Type": "binary/octet-stream"})

    def _listed(self, query: dict[str, str]) -> Reply:
        assert query["list-type"] == "2"
        names = sorted(key for key in self.objects if key.startswith(query.get("prefix", "")))
        begin = int(query.get("continuation-token", "0"))
        listed = "".join(
            f"<Contents><Key>{escape(quote(key, safe='/'))}</Key><ETag>{escape(etag_of(self.objects[key]))}</ETag>"
            f"<Size>{len(self.objects[key])}</Size><LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>"
            for key in names[begin : begin + 2]
        )
        more = begin + 2 < len(names)
        token = f"<NextContinuationToken>{begin + 2}</NextContinuationToken>" if more else ""
        return Reply(
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>{token}{listed}"
            "</ListBucketResult>",
            headers={"Content-Type": "application/xml"},
        )

    def _is_signed(self, request: Request) -> bool:
        """Whether the Authorization header is the one that KEYS give (AWS Signature Version 4)."""
        if "authorization" not in request.headers:
            return False
        fields = request.headers["authorization"].partition(" ")[2].split(",")
        given = dict(part.strip().split("=", 1) for part in fields)
        _, day, region, service, _ = given["Credential"].split("/")
        names = given["SignedHeaders"].split(";")
        parts = urlsplit(request.path)
        query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
        headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in names)
        body = request.headers["x-amz-content-sha256"]
        canonical = "\n".join([request.method, parts.path, query, headers, ";".join(names), body])
        scope = f"{day}/{region}/{service}/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, digest])
        key = f"AWS4{KEYS.secret}".encode()
        for part in (day, region, service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.new(key, to_sign.encode(), "sha256").hexdigest() == given["Signature"]


def etag_of(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def error(status: int, code: str) -> Reply:
    return Reply(f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>no</Message></Error>', status)


@pytest.fixture
def server() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest.fixture
def s3(server: Site) -> FakeS3:
    fake = FakeS3({"a/1.txt": b"one", "a/": b"", "a/ä b+(c)%.txt": b"two", "a/sub/3.pdf": b"three", "z.txt": b"four"})
    server.anything = fake
    return fake


@pytest.fixture
def asking(server: Site) -> Iterator[Client]:
    with client(server) as made:
        yield made


def papers(server: Site, asking: Client, **options: object) -> Bucket:
    usual = {"name": "papers", "client": asking, "endpoint": server.url("").rstrip("/"), "keys": KEYS}
    return Bucket(**{**usual, **options})  # type: ignore[arg-type]


@needs_boto3
def test_objects_are_listed_page_by_page_and_fetched(server: Site, s3: FakeS3, asking: Client, tmp_path: Path) -> None:
    listed = papers(server, asking, prefix="a/")
    assert not listed.complete
    entries = list(listed.entries())
    assert listed.complete
    assert [(entry.key, entry.name) for entry in entries] == [
        ("a/1.txt", "1.txt"),
        ("a/sub/3.pdf", "3.pdf"),
        ("a/ä b+(c)%.txt", "ä b+(c)%.txt"),
    ]
    for entry in entries:
        fetched = listed.fetch(entry, tmp_path / "into")
        assert fetched is not None
        content = s3.objects[entry.key]
        assert (tmp_path / "into").read_bytes() == content
        assert (fetched.size, fetched.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert fetched.mark == entry.mark == etag_of(content).strip('"')
    assert len(list(papers(server, asking).entries())) == 4


@needs_boto3
def test_an_unchanged_object_is_not_fetched(server: Site, s3: FakeS3, asking: Client, tmp_path: Path) -> None:
    listed = papers(server, asking)
    entry = next(listed.entries())
    asked = len(server.requests)
    assert listed.fetch(entry, tmp_path / "into", entry.mark) is None
    assert len(server.requests) == asked
    assert listed.fetch(Entry(entry.key, entry.name), tmp_path / "into", entry.mark) is None
    assert len(server.requests) == asked + 1
    s3.objects[entry.key] = b"changed"
    assert listed.fetch(Entry(entry.key, entry.name), tmp_path / "into", entry.mark) is not None


@needs_boto3
def test_a_public_bucket_is_read_without_keys_and_never_with_the_machines(
    server: Site, s3: FakeS3, asking: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = Canary(socket.AF_INET, "127.0.0.1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OURS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ours")
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{canary.port}")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{canary.port}")
    s3.closed = False
    assert len(list(papers(server, asking, keys=Keys()).entries())) == 4
    for request in server.requests:
        assert "authorization" not in request.headers
        assert "OURS" not in str(request)
    assert canary.connections == 0
    canary.close()


@needs_boto3
def test_what_a_person_must_mend_is_refused(server: Site, s3: FakeS3, asking: Client, tmp_path: Path) -> None:
    for options, code in (
        ({"keys": Keys("AKEXAMPLE", "wrong")}, "no_access"),
        ({"keys": Keys()}, "no_access"),
        ({"name": "other"}, "bad_address"),
        ({"name": "no such name!"}, "refused"),
    ):
        with pytest.raises(OriginRefused) as caught:
            list(papers(server, asking, **options).entries())
        assert caught.value.code == code
        assert "wrong" not in caught.value.message
    with pytest.raises(OriginRefused) as caught:
        papers(server, asking).fetch(Entry("a/none.txt", "none.txt"), tmp_path / "into")
    assert caught.value.code == "gone"
    s3.objects["big"] = b"x" * 2_000_000
    with pytest.raises(OriginRefused) as caught:
        papers(server, asking).fetch(Entry("big", "big"), tmp_path / "into")
    assert caught.value.code == "too_large"
    assert list(tmp_path.iterdir()) == []


@needs_boto3
@pytest.mark.parametrize("reply", [error(503, "SlowDown"), error(500, "InternalError"), Reply("sorry", 502)])
def test_what_may_pass_is_tried_again_and_then_unavailable(
    server: Site, s3: FakeS3, asking: Client, reply: Reply
) -> None:
    s3.failing = [reply]
    assert len(list(papers(server, asking).entries())) == 4
    s3.failing = [reply] * 9
    listed = papers(server, asking)
    with pytest.raises(OriginUnavailable):
        list(listed.entries())
    assert not listed.complete


@needs_boto3
def test_a_listing_that_breaks_off_is_unavailable(server: Site, s3: FakeS3, asking: Client) -> None:
    s3.failing = [Reply("<List", headers={"Content-Length": "99", "Connection": "close"})] * 9
    with pytest.raises(OriginUnavailable):
        list(papers(server, asking).entries())


@needs_boto3
@pytest.mark.parametrize("endpoint", ["http://169.254.169.254", "http://localhost:8080", "http://[::1]", "ftp://x"])
def test_an_endpoint_is_checked_like_any_address(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: connected.append(address))
    with Client(max_bytes=1) as asking, pytest.raises(OriginRefused) as caught:
        list(Bucket("papers", asking, endpoint=endpoint, keys=KEYS).entries())
    assert caught.value.code in ("forbidden_address", "bad_address")
    assert connected == []


@needs_boto3
def test_amazons_own_addresses_go_through_the_client_too() -> None:
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    with Client(max_bytes=1, resolve=resolve) as asking, pytest.raises(OriginRefused):
        list(Bucket("papers", asking, region="eu-central-1", keys=KEYS).entries())
    assert asked == [("papers.s3.eu-central-1.amazonaws.com", 443)]


def test_without_boto3_the_extra_is_named(asking: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "find_spec", lambda name: None)
    with pytest.raises(OriginRefused, match="extra “s3”") as caught:
        Bucket("papers", asking)
    assert caught.value.code == "needs_extra"


def test_a_secret_is_not_shown() -> None:
    assert "secret" not in repr(KEYS)
    assert "secret" not in str([KEYS])

"""The objects of an S3 bucket, or of a server that speaks its protocol; needs the extra `s3` (boto3).

boto3 signs the requests and reads the answers; what it sends goes out through the one client, so that an endpoint
is checked like any other address.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engines.origins import refusals
from engines.origins.client import Answer, Client
from engines.origins.port import Entry, Fetched, OriginError, OriginUnavailable
from engines.origins.saving import save

PIECE = 64 * 1024
LARGEST_REPLY = 16 * 1024 * 1024
"""Bytes of a listing (1,000 keys) or an error."""
_NO_RIGHTS = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "403"}
_GONE = {"NoSuchKey", "404"}
_PASSING = {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "Throttling", "RequestTimeTooSkewed"}
_NO_FILES = {
    "profile": (None, None, None, None),
    "config_file": (None, None, "/dev/null", None),
    "credentials_file": (None, None, "/dev/null", None),
}
"""botocore's variables for the files and profiles of the machine: name in them, in the environment, default, type."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials; empty ones read a public bucket. The server's own are never used: they are not the editor's."""

    access: str = ""
    secret: str = ""
    session: str = ""

    def __repr__(self) -> str:
        return f"Keys({self.access!r})"


PUBLIC = Keys()


class Bucket:
    """The objects of the bucket `name` whose keys begin with `prefix`, in the order of their keys.

    `endpoint` is the URL of a server other than AWS. Raises OriginRefused("needs_extra") without boto3.
    """

    def __init__(
        self,
        name: str,
        client: Client,
        *,
        prefix: str = "",
        endpoint: str = "",
        region: str = "",
        keys: Keys = PUBLIC,
    ) -> None:
        if find_spec("boto3") is None:
            raise refusals.needs_s3()
        self._name, self._prefix, self._client = name, prefix, client
        if endpoint:
            client.check(endpoint)
        self._s3 = _s3(client, endpoint, region, keys)
        self._ended = False

    @property
    def complete(self) -> bool:
        return self._ended

    def entries(self) -> Iterator[Entry]:
        self._ended = False
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=self._prefix)
        try:
            for page in pages:
                for each in page.get("Contents", []):
                    key = str(each["Key"])
                    if not key.endswith("/"):  # what some programs keep for a folder
                        yield Entry(key, key.rpartition("/")[2], str(each.get("ETag", "")).strip('"'))
        except (OriginError, GeneratorExit):
            raise
        except Exception as error:
            raise self._in_words(error, self._name) from None
        self._ended = True

    def fetch(self, entry: Entry, into: Path, known: str = "") -> Fetched | None:
        if known and entry.mark == known:
            return None
        condition = {"IfNoneMatch": f'"{known}"'} if known else {}
        try:
            reply = self._s3.get_object(Bucket=self._name, Key=entry.key, **condition)
            with reply["Body"] as body:
                pieces = iter(lambda: body.read(PIECE), b"")
                size, digest = save(pieces, into, entry.name, self._client.max_bytes)
        except (OriginError, OSError):
            raise
        except Exception as error:
            if _code(error) in ("304", "NotModified"):
                return None
            raise self._in_words(error, entry.key) from None
        return Fetched(entry.name, size, digest, str(reply.get("ETag", "")).strip('"'))

    def _in_words(self, error: Exception, what: str) -> OriginError:
        """boto3's errors have no common root of their own, so they are told by their code."""
        code = _code(error)
        if code == "NoSuchBucket" or (code == "404" and what == self._name):
            return refusals.no_bucket(self._name)
        if code in _GONE:
            return refusals.gone(what)
        if code in _NO_RIGHTS:
            return refusals.wrong_keys(self._name)
        if code == "InvalidObjectState":
            return refusals.archived(what)
        if code in _PASSING or code.startswith("5"):
            return OriginUnavailable(f"The server of the bucket {self._name} cannot answer now.")
        # Never the error's own text: it may repeat what was sent.
        return refusals.bad_bucket(self._name, code or type(error).__name__)


def _code(error: Exception) -> str:
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _s3(client: Client, endpoint: str, region: str, keys: Keys) -> Any:
    """A boto3 client that sends through `client`; it reads neither the machine's settings nor its credentials."""
    botocore, configuring = import_module("botocore"), import_module("botocore.config")
    core = import_module("botocore.session").Session(session_vars=_NO_FILES)
    session = import_module("boto3.session").Session(
        aws_access_key_id=keys.access or "none",
        aws_secret_access_key=keys.secret or "none",
        aws_session_token=keys.session or None,
        region_name=region or "us-east-1",
        botocore_session=core,
    )
    config = configuring.Config(
        signature_version="s3v4" if keys.access else botocore.UNSIGNED,
        retries={"total_max_attempts": 2, "mode": "standard"},
        s3={"addressing_style": "path" if endpoint else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        ignore_configured_endpoint_urls=True,
    )
    s3 = session.client("s3", endpoint_url=endpoint or None, config=config)
    s3.meta.events.register("before-send.s3", _Sender(client))
    return s3


class _Sender:
    """botocore's hook in front of its own HTTP: what it returns stands for the server's response."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, request: Any, **_: Any) -> Any:
        headers = {name: _text(value) for name, value in request.headers.items()}
        if request.method not in ("GET", "HEAD"):
            raise refusals.bad_bucket(request.url, "reading it would change it")
        answer = self._client.send(request.method, request.url, headers)
        response = import_module("botocore.awsrequest").AWSResponse
        return response(request.url, answer.status, answer.headers, _Body(answer))


class _Body:
    """The file-like body that botocore reads: all at once for replies, in pieces for objects."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._pieces = answer.pieces()
        self._rest = b""

    def stream(self, **_: Any) -> Iterator[bytes]:
        try:
            yield self._answer.read(LARGEST_REPLY)
        finally:
            self.close()

    def read(self, amount: int | None = None) -> bytes:
        if amount is None:
            rest, self._rest = self._rest + b"".join(self._pieces), b""
            return rest
        while len(self._rest) < amount and (piece := next(self._pieces, None)) is not None:
            self._rest += piece
        piece, self._rest = self._rest[:amount], self._rest[amount:]
        return piece

    def close(self) -> None:
        self._answer.close()


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value

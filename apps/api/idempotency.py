"""The header Idempotency-Key: a write sent twice, because the first response got lost, is done once.

(The behaviour follows draft-ietf-httpapi-idempotency-key-header: 409 while the first request runs, 422 when
the key comes with another request.)
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request

from apps.api.errors import Conflict
from apps.users import services

if TYPE_CHECKING:
    from apps.users.models import User

LONGEST_KEY = 255
REPLAYED = "Idempotent-Replayed"


class KeyReused(APIException):
    """The key was used before, for something else."""

    status_code = 422
    default_code = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a write did: the HTTP status that says so, and the ids of what it made, as strings."""

    status: int
    ids: list[str]
    replayed: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """Says that nothing was done this time."""
        return {REPLAYED: "true"} if self.replayed else {}


def once(request: Request, by: "User", write: Callable[[], Outcome]) -> Outcome:
    """Runs `write`, or gives the outcome of the request that ran it under the same key within 24 h.

    Without the header it just runs. Raises ValidationError for a key that is too long, Conflict while the
    first request runs, KeyReused.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return write()
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise ValidationError({"Idempotency-Key": [f"Give 1 to {LONGEST_KEY} printable characters, such as a UUID."]})
    mark = fingerprint(request)
    claim, first = services.claim_idempotency_key(by=by, key=key, fingerprint=mark)
    if first:
        try:
            outcome = write()
        except BaseException:
            services.forget_claim(by=by, claim=claim)
            raise
        services.remember_outcome(by=by, claim=claim, status=outcome.status, objects_made=outcome.ids)
        return outcome
    if claim.fingerprint != mark:
        raise KeyReused("This Idempotency-Key was used for another request; take a new key for a new request.")
    if claim.status == 0:
        raise Conflict("The first request with this Idempotency-Key still runs; ask again in a few seconds.")
    return Outcome(claim.status, list(claim.objects_made), replayed=True)


def fingerprint(request: Request) -> str:
    """sha256, in hex, of method, path and body; of a form, of its fields and its files' names and bytes."""
    digest = hashlib.sha256(f"{request.method} {request.path.rstrip('/')}\n".encode())
    if not isinstance(request.data, QueryDict):
        digest.update(json.dumps(request.data, sort_keys=True).encode())
        return digest.hexdigest()
    for name, values in sorted(request.data.lists()):
        for value in values:
            digest.update(f"\n{name}=".encode())
            _add(digest, value)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", value: object) -> None:
    if not isinstance(value, UploadedFile):
        digest.update(str(value).encode("utf-8", "surrogatepass"))
        return
    digest.update(f"{value.name}:{value.size}:".encode())
    for piece in value.chunks():
        digest.update(piece)
    value.seek(0)

"""Every refusal in the one shape: `{"code", "message", "status", "details"?}`.

`code` is stable and for programs, `message` is one sentence for people, `details` says more where there is
more to say (each field of a form). 429 and 503 carry Retry-After.
"""

import errno
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import kombu.exceptions
import redis
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from apps.chat.errors import ChatError
from apps.documents.errors import DocumentsError
from apps.users.errors import AccountError
from rag.errors import RagError

RETRY_AFTER_SECONDS = 5
CODES = {
    400: "malformed",
    401: "not_authenticated",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    503: "unavailable",
}
STATUS_OF = {"too_large": 413, "unsupported": 415}
"""HTTP has its own number for these refusals of the documents room."""
BROKEN = "Something broke inside Footnote; it was written to the log. Trying once more may help."
FULL = "The disk of this Footnote is full; nothing was kept. Free some space and try again."
AWAY = "A part of Footnote does not answer right now; try again in a few seconds."

logger = logging.getLogger(__name__)


class Conflict(exceptions.APIException):
    """Right at another time, not now."""

    status_code = 409
    default_code = "conflict"


class TooLarge(exceptions.APIException):
    """More bytes than are taken."""

    status_code = 413
    default_code = "too_large"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error on its way to a response."""

    status: int
    code: str
    message: str
    details: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """The one shape."""
        body = {"code": self.code, "message": self.message, "status": self.status}
        if self.details:
            body["details"] = self.details
        headers = dict(self.headers)
        if self.status in (429, 503):
            headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
        return Response(body, status=self.status, headers=headers)


def one_shape(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: nothing leaves the API in another form, whatever broke."""
    refusal = _refusal(error)
    if refusal.status == 500:
        request = context.get("request")
        logger.error("%s %s broke", getattr(request, "method", ""), getattr(request, "path", ""), exc_info=error)
    response = refusal.response()
    response.exception = True
    return response


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, DocumentsError | ChatError | AccountError | RagError):
        return _from_a_room(error)
    if isinstance(error, exceptions.APIException):
        return _from_rest_framework(error)
    if isinstance(error, OperationalError | InterfaceError | redis.RedisError | kombu.exceptions.OperationalError):
        logger.warning("a service is away: %s", error)
        return Refusal(503, "unavailable", AWAY)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        logger.error("the disk is full: %s", error)
        return Refusal(503, "storage", FULL)
    return _from_django(error)


def _from_a_room(error: DocumentsError | ChatError | AccountError | RagError) -> Refusal:
    """The words are the room's own; here they get a number."""
    code: str = getattr(error, "code", "")
    own: int = getattr(error, "status", 503 if isinstance(error, RagError) else 400)
    status = STATUS_OF.get(code, own)
    hint = getattr(error, "hint", "")
    wait = getattr(error, "retry_after", RETRY_AFTER_SECONDS)
    return Refusal(
        status,
        code or CODES[status],
        error.message,
        {"hint": hint} if hint else None,
        {"Retry-After": str(wait)} if status in (429, 503) else {},
    )


def _from_rest_framework(error: exceptions.APIException) -> Refusal:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    if isinstance(error, exceptions.ValidationError):
        return Refusal(400, "invalid", first_sentence(error.detail), error.detail, headers)
    code = CODES.get(error.status_code, str(error.default_code))
    return Refusal(error.status_code, code, str(error.detail), None, headers)


def _from_django(error: Exception) -> Refusal:
    if isinstance(error, Http404):
        return Refusal(404, "not_found", str(error) or "There is nothing at this address.")
    if isinstance(error, PermissionDenied):
        return Refusal(403, "not_allowed", str(error) or "You may not do this.")
    if isinstance(error, RequestDataTooBig):
        return Refusal(413, "too_large", "The request is too large; send less at once.")
    if isinstance(error, TooManyFilesSent):
        return Refusal(413, "too_large", "These are too many files for one request; send fewer at once.")
    if isinstance(error, SuspiciousOperation):
        return Refusal(400, "malformed", "The request cannot be read.")
    if isinstance(error, ModelValidationError):
        return Refusal(400, "invalid", " ".join(error.messages), None)
    return Refusal(500, "internal", BROKEN)


def first_sentence(detail: Any, path: str = "") -> str:
    """The first complaint about a form, with the name of the field it is about."""
    if isinstance(detail, Mapping):
        name, inner = next(iter(detail.items()))
        below = path if name == "non_field_errors" else f"{path}.{name}" if path else str(name)
        return first_sentence(inner, below)
    if isinstance(detail, list | tuple):
        at = next((n for n, item in enumerate(detail) if item), 0)
        # A list of complaints about one field, or one entry for each item of a list.
        return first_sentence(detail[at], path) if detail else "The request is not as it should be."
    return f"{path}: {detail}" if path else str(detail)

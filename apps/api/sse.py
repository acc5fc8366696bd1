"""Answers as they are written: server-sent events."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import StreamingHttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from apps.api.base import let_go_of_the_database
from apps.chat import selectors as chat
from apps.users.models import ApiKey

if TYPE_CHECKING:
    from apps.chat.models import Answer

LONGEST_EVENT_NUMBER = 18


def key_id(request: Request) -> str:
    """The id of the key a request came with, empty for a session: a stream ends when its key is revoked."""
    return request.auth.pk if isinstance(request.auth, ApiKey) else ""


def session_key(request: Request) -> str:
    """The session a request came with, empty for a key: a stream ends when it does."""
    return "" if key_id(request) else (request.session.session_key or "")


def last_event_id(request: Request) -> int:
    """The number of the last event a reader has had, 0 for none; a browser that reconnects sends it as a
    header, others may write ?last_event_id=. Raises ValidationError."""
    text = request.headers.get("Last-Event-ID") or request.query_params.get("last_event_id") or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_EVENT_NUMBER):
        raise ValidationError({"last_event_id": ["Give the number of the last event you have, as in its id."]})
    return int(text)


def event_stream(request: Request, answer: "Answer", *, after: int) -> StreamingHttpResponse:
    """The events of an answer after number `after`; the chat ends it when the right to read it ends."""
    events: AsyncIterator[bytes] = chat.stream(
        answer_id=answer.pk,
        after=after,
        user_id=UUID(str(request.user.pk)),
        key_id=key_id(request),
        session=session_key(request),
    )
    let_go_of_the_database()
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"  # nginx would hold the events back
    response["Location"] = f"/api/v1/answers/{answer.pk}"
    return response

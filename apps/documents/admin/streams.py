"""How far the documents of a collection are, as server-sent events for the upload page.

The database is the truth: nobody tells this process anything. It looks, one look for all who watch the same
collection, and each watcher is sent what is new to them. Between looks no database connection is held.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from apps.documents import access, selectors
from apps.documents.admin.retrying import with_permanence
from apps.short_reads import ShortReads
from apps.users import selectors as users

LOOK_SECONDS = 0.7
PLACES_SECONDS = 2.0
CHECK_SECONDS = 3.0
"""How often the right to watch is looked at; disabling an account ends its streams within 5 s."""
PING_SECONDS = 10.0
STALE_SECONDS = 4.0
"""A watcher that was away for longer may have missed something (selectors.progress.LATELY_SECONDS)."""
MOST_WATCHERS = 200
"""In one process; whoever comes after asks from time to time instead."""
LOOKING_THREADS = 4
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}

Rows = dict[str, dict[str, Any] | None]
_read = ShortReads(LOOKING_THREADS, "progress-looks")


class _Watched:
    """A collection that somebody watches: the last look at it, shared by all of them."""

    def __init__(self, collection: UUID) -> None:
        self.watchers = 0
        self._changes = selectors.Changes(collection)
        self._lock = asyncio.Lock()
        self._rows: Rows = {}
        self._places: dict[str, int] = {}
        self._looked = self._placed = float("-inf")

    async def look(self) -> tuple[Rows, dict[str, int]]:
        """What changed lately, at most LOOK_SECONDS old, and the places in the queue."""
        async with self._lock:
            if time.monotonic() - self._looked >= LOOK_SECONDS * 0.9:
                self._rows = await _read(self._look)
                self._looked = time.monotonic()
            if time.monotonic() - self._placed >= PLACES_SECONDS:
                self._places = await _read(self._changes.places)
                self._placed = time.monotonic()
            return self._rows, self._places

    def _look(self) -> Rows:
        rows = self._changes.look()
        with_permanence([row for row in rows.values() if row is not None])
        return rows


_watched: dict[UUID, _Watched] = {}


def may_watch(user_id: UUID, session: str, collection: UUID) -> bool:
    """Whether the account is still a manager's, its session lives and the collection is there."""
    user = get_user_model().objects.filter(pk=user_id).first()
    return (
        user is not None
        and access.is_manager(user)
        and users.session_lives(session)
        and selectors.collection_exists(collection)
    )


def sse(event: str, data: Any) -> bytes:
    """One server-sent event; JSON has no line breaks, so the data is one line."""
    return f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


async def progress_stream(*, user_id: UUID, session: str, collection: UUID) -> AsyncIterator[bytes]:
    """Server-sent events for as long as the person may watch:

    `again`   ask about everything you show that is unfinished; the first event, and after a gap
    `rows`    documents (selectors.progress_rows, without places) that changed
    `gone`    ids of documents that are no longer there, perhaps of other collections' too
    `places`  document id -> place in the queue, of those that wait first
    """
    watched = _watched.setdefault(collection, _Watched(collection))
    watched.watchers += 1
    try:
        async for chunk in _told(watched, user_id, session, collection):
            yield chunk
    finally:
        watched.watchers -= 1
        if not watched.watchers:
            _watched.pop(collection, None)


async def _told(watched: _Watched, user_id: UUID, session: str, collection: UUID) -> AsyncIterator[bytes]:
    known: Rows = {}
    places: dict[str, int] = {}
    checked = looked = float("-inf")
    spoke = time.monotonic()
    yield b"retry: 2000\n\n"
    while True:
        now = time.monotonic()
        try:
            if now - checked >= CHECK_SECONDS:
                if not await _read(lambda: may_watch(user_id, session, collection)):
                    return
                checked = now
            rows, queue = await watched.look()
        except (DatabaseError, InterfaceError):
            return  # nobody can say that this person may watch on; a browser comes back by itself
        events = [sse("again", {})] if now - looked > STALE_SECONDS else []
        looked = time.monotonic()
        events += _difference(known, rows)
        if queue != places:
            events.append(sse("places", queue))
        known, places = rows, queue
        if not events and looked - spoke >= PING_SECONDS:
            events = [b": ping\n\n"]
        if events:
            spoke = looked
            yield b"".join(events)
        await asyncio.sleep(LOOK_SECONDS)


def _difference(known: Rows, rows: Rows) -> list[bytes]:
    changed = [row for pk, row in rows.items() if row is not None and known.get(pk) != row]
    gone = [pk for pk, row in rows.items() if row is None and (pk not in known or known[pk])]
    return ([sse("rows", changed)] if changed else []) + ([sse("gone", gone)] if gone else [])


@require_GET
async def progress_events(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The stream of a collection for a manager; 403 for everybody else, 503 when too many watch already."""
    user = await request.auser()
    session = request.session.session_key or ""
    if not user.is_authenticated or not await _read(lambda: may_watch(user.pk, session, pk)):
        return JsonResponse({"code": "not_allowed", "message": "You may not watch this collection."}, status=403)
    if sum(each.watchers for each in _watched.values()) >= MOST_WATCHERS:
        return JsonResponse({"code": "too_many", "message": "Too many watch; ask instead."}, status=503)
    # The stream may last hours; the connection to the database goes back before it begins.
    await sync_to_async(close_old_connections)()
    stream = progress_stream(user_id=user.pk, session=session, collection=pk)
    return StreamingHttpResponse(stream, content_type="text/event-stream", headers=HEADERS)

"""How far documents are, in rows small enough for thousands of them, and what changed since the last look.

Permission is asked for by the caller: the pages that show this are the managers', for whole collections.
"""

import time
from collections import deque
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from apps.documents.models import WORKING, Collection, Document, Event, Version

LATELY_SECONDS = 6.0
"""An event is looked at again for so long: a transaction that commits late has a number from before it."""
MOST_CHANGED = 1000
MOST_PLACES = 1000
"""Places in the queue are told to this depth; further back it is the same to everybody: far."""


def queue_places() -> dict[UUID, tuple[int, UUID]]:
    """For the documents that wait first: their place in the whole queue, 1 for the next, and their collection."""
    waiting = Version.objects.waiting().values_list("document_id", "document__collection_id")[:MOST_PLACES]
    return {document: (place, collection) for place, (document, collection) in enumerate(waiting, start=1)}


def progress_rows(documents: QuerySet[Document] | Iterable[Document], *, places: bool = True) -> list[dict[str, Any]]:
    """Documents by their newest version; without `places` the queue is not looked at and `position` lacks."""
    if isinstance(documents, QuerySet):
        documents = documents.select_related("latest", "parent")
    rows = [_row(document) for document in documents if document.latest is not None]
    if places:
        queue = queue_places() if any(row["status"] == "queued" for row in rows) else {}
        for row in rows:
            row["position"] = queue.get(UUID(row["id"]), (None, None))[0]
    return rows


def _row(document: Document) -> dict[str, Any]:
    latest = document.latest
    assert latest is not None
    row: dict[str, Any] = {
        "id": str(document.pk),
        "title": document.title,
        "file_name": latest.file_name,
        "size": latest.size,
        "version": latest.number,
        "queued": int(latest.queued_at.timestamp()),
        "status": latest.state,
        "progress": {"done": latest.progress_done, "total": latest.progress_total},
        "pages": latest.page_count,
        "chunks": latest.chunk_count,
    }
    if document.parent is not None:
        row["within"] = document.parent.title
    if document.folder:
        row["folder"] = document.folder
    if latest.error_code:
        row["error"] = {"message": latest.error_message, "hint": latest.error_hint}
    if latest.warnings:
        row["warnings"] = latest.warnings
    return row


class Changes:
    """What changed lately in one collection; one object serves everybody who watches it.

    A look costs four queries, each by an index: the newest event, the events since, what is worked on, and the
    rows of these documents; three where nothing happens. It does not tell of documents that only wait.
    """

    def __init__(self, collection: UUID) -> None:
        self._collection = collection
        self._marks: deque[tuple[float, int]] = deque()
        self._working: set[UUID] = set()

    def look(self) -> dict[str, dict[str, Any] | None]:
        """Rows (`progress_rows`) by document id of what is worked on or had an event within LATELY_SECONDS;
        None for what was deleted, moved elsewhere, or worked on, and is not here any more."""
        # Without a join: over all collections these are few, and a database may begin a join at the wrong end.
        events = Event.objects.filter(pk__gt=self._since()).order_by("-pk")
        changed = set(events.values_list("document_id", "kind")[:MOST_CHANGED])
        left = {pk for pk, kind in changed if kind in ("deleted", "moved")}
        working = set(Version.objects.filter(state__in=WORKING).values_list("document_id", flat=True))
        asked = {pk for pk, _ in changed} | working | self._working
        if not asked:
            return {}
        found = Document.objects.present().filter(pk__in=asked, collection=self._collection)
        rows: dict[str, dict[str, Any] | None] = {str(pk): None for pk in self._working | left}
        rows |= {row["id"]: row for row in progress_rows(found, places=False)}
        self._working = {UUID(pk) for pk, row in rows.items() if row and row["status"] in WORKING}
        return rows

    def places(self) -> dict[str, int]:
        """Document id -> place in the queue, for those of this collection that wait first."""
        return {str(pk): place for pk, (place, home) in queue_places().items() if home == self._collection}

    def _since(self) -> int:
        """The number of the newest event that is LATELY_SECONDS old; at the first look, of the newest one."""
        newest = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        now = time.monotonic()
        self._marks.append((now, newest))
        while len(self._marks) > 1 and self._marks[1][0] <= now - LATELY_SECONDS:
            self._marks.popleft()
        return self._marks[0][1]


def collection_exists(collection: UUID) -> bool:
    """Whether it is still there; one cheap read, for streams that outlive a request."""
    return Collection.objects.filter(pk=collection).exists()

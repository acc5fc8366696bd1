"""The writes that several services share. Locks are taken in one order: collection, document, version."""

import logging
from collections.abc import Collection as Many
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from apps.documents import access
from apps.documents.errors import NotFound
from apps.documents.models import (
    UNFINISHED,
    Change,
    Chunk,
    Collection,
    Document,
    Embedding,
    Event,
    Page,
    State,
    Version,
)
from apps.documents.services.turns import next_turn
from engines import queues

if TYPE_CHECKING:
    from apps.users.models import User

logger = logging.getLogger(__name__)

WITHOUT_TEXT = {"page_count": 0, "chunk_count": 0, "progress_done": 0, "progress_total": 0}
"""What a version tells of itself once `drop_text` took what it had staged."""


def lock_collection(pk: UUID) -> Collection:
    """The row, locked until the transaction ends (SQLite: the IMMEDIATE transaction is the lock)."""
    try:
        return Collection.objects.select_for_update().get(pk=pk)
    except Collection.DoesNotExist:
        raise NotFound("collection") from None


class _Elsewhere(Exception):
    """The document lies in another collection than the one that was locked."""

    def __init__(self, collection: UUID) -> None:
        super().__init__()
        self.collection = collection


def lock_document(document: Document, *, by: "User | None" = None) -> tuple[Collection, Document]:
    """Both rows as they are now, locked: the collection is the one it lies in now, wherever it lay when it was looked
    up; `by` must be an editor of that one, too. Raises NotFound when it was deleted meanwhile, and NotAllowed."""
    where = document.collection_id
    while True:
        try:
            # A savepoint: going back to it lets go of the wrong collection, so that locks keep their order.
            with transaction.atomic():
                collection, locked = lock_collection(where), _present_locked(document.pk)
                if locked.collection_id != collection.pk:
                    raise _Elsewhere(locked.collection_id)
        except _Elsewhere as moved:
            where = moved.collection
            continue
        if by is not None and collection.pk != document.collection_id:
            access.require_editor(by, collection)
        return collection, locked


def _present_locked(pk: UUID) -> Document:
    try:
        locked: Document = Document.objects.select_for_update().present().get(pk=pk)
    except Document.DoesNotExist:
        raise NotFound("document") from None
    return locked


def log_change(collection: Collection, changes: Many[tuple[str, UUID, UUID]]) -> None:
    """One more revision with these (kind, document, version); the collection is locked."""
    collection.revision += 1
    collection.save(update_fields=["revision"])
    Change.objects.bulk_create(
        Change(collection=collection, revision=collection.revision, kind=kind, document=document, version=version)
        for kind, document, version in changes
    )


def log_again(collection: Collection, document: Document) -> None:
    """The live version is told once more, because what an index keeps beside its text has changed."""
    if document.current_id is not None:
        version = document.current_id
        log_change(collection, [("remove", document.pk, version), ("add", document.pk, version)])


def enqueue() -> None:
    """Tells the workers, when the transaction commits, that one more version waits; the reconciler does if the
    broker is away."""
    transaction.on_commit(send_ingest)


def send_ingest() -> bool:
    """Whether the broker took it. Not taken is no error: the row says `queued`, and the row is the truth."""
    try:
        queues.send("documents.ingest")
    except queues.QueueUnavailable as error:
        logger.warning("a version waits for the reconciler: %s", error.message)
        return False
    return True


def record(
    document: Document, kind: str, *, by: "User | None" = None, text: str = "", version: int | None = None
) -> None:
    """A line of the document's history; `by` is None for what Footnote did by itself."""
    Event.objects.create(document=document, kind=kind, by=by, text=text[:2000], version=version)


def send_compact(collection: UUID) -> None:
    """Lets the search process remove what it cached of a collection. Missing it costs disk space, nothing else."""
    try:
        queues.send("documents.compact", str(collection))
    except queues.QueueUnavailable as error:
        logger.warning("the index of collection %s stays on disk: %s", collection, error.message)


def requeue(version: Version) -> None:
    """From the start again, as if it had just come."""
    now = timezone.now()
    Version.objects.filter(pk=version.pk).update(
        state=State.QUEUED,
        lease=None,
        attempts=0,
        queued_at=now,
        not_before=now,
        turn=next_turn(version.uploaded_by_id, version.size),
        started_at=None,
        finished_at=None,
        progress_done=0,
        progress_total=0,
        error_code="",
        error_message="",
        error_hint="",
        warnings=[],
    )
    enqueue()


def stop(versions: Many[UUID]) -> int:
    """Cancels those that are unfinished and drops what they had staged; gives how many there were. Their
    worker loses its lease, so nothing it still computes can be written."""
    unfinished = Version.objects.filter(pk__in=versions, state__in=UNFINISHED)
    ids = list(unfinished.values_list("pk", flat=True))
    unfinished.update(state=State.CANCELLED, lease=None, finished_at=timezone.now(), **WITHOUT_TEXT)
    drop_text(ids)
    return len(ids)


def drop_text(versions: Many[UUID]) -> None:
    """Removes pages and chunks of versions, and the vectors that no other chunk shares."""
    if not versions:
        return
    theirs = Chunk.objects.filter(version__in=versions)
    elsewhere = Chunk.objects.filter(text_hash=OuterRef("text_hash")).exclude(version__in=versions)
    Embedding.objects.filter(~Exists(elsewhere), text_hash__in=theirs.values("text_hash")).delete()
    theirs.delete()
    Page.objects.filter(version__in=versions).delete()

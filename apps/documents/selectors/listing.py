"""Collections and documents as lists and as JSON, in the shapes of the REST contract."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Case, Count, IntegerField, Max, OuterRef, Q, QuerySet, Subquery, Value, When
from django.utils import timezone

from apps.documents.errors import NotFound, Refused
from apps.documents.models import UNFINISHED, Collection, Document, Membership, Role, State, Version

if TYPE_CHECKING:
    from apps.users.models import User

RANKS = {1: Role.VIEWER, 2: Role.EDITOR, 3: Role.OWNER}


def as_uuid(value: UUID | str, what: str) -> UUID:
    """An id as it comes from outside. Raises NotFound for what cannot be one."""
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except (ValueError, AttributeError, TypeError):
        raise NotFound(what) from None


# --------------------------------------------------------------------------------------- collections


def collections_of(user: "User") -> QuerySet[Collection]:
    """The collections a person is a member of, each with `.document_count`, `.serving_count` (those
    of them that are found) and `.my_rank` (see `collection_json`)."""
    documents = Document.objects.present().filter(collection=OuterRef("pk")).order_by().values("collection")
    serving = documents.filter(current__isnull=False)
    mine = Membership.objects.filter(Q(user=user) | Q(group__in=user.groups.all()), collection=OuterRef("pk"))
    rank = Case(*(When(role=role, then=Value(n)) for n, role in RANKS.items()), output_field=IntegerField())
    ranks = mine.annotate(rank=rank).order_by().values("collection")
    return Collection.objects.visible_to(user).annotate(
        document_count=Subquery(documents.annotate(n=Count("pk")).values("n"), output_field=IntegerField()),
        serving_count=Subquery(serving.annotate(n=Count("pk")).values("n"), output_field=IntegerField()),
        my_rank=Subquery(ranks.annotate(best=Max("rank")).values("best"), output_field=IntegerField()),
    )


def counted_collection_of(user: "User", collection_id: UUID | str) -> Collection:
    """One of a person's collections as `collections_of` gives it; counting takes longer the more documents there
    are. Raises NotFound."""
    return _the_one(collections_of(user), collection_id)


def collection_of(user: "User", collection_id: UUID | str) -> Collection:
    """One of a person's collections. Raises NotFound."""
    return _the_one(Collection.objects.visible_to(user), collection_id)


def _the_one(collections: QuerySet[Collection], collection_id: UUID | str) -> Collection:
    collection = collections.filter(pk=as_uuid(collection_id, "collection")).first()
    if collection is None:
        raise NotFound("collection")
    return collection


def collection_json(collection: Collection) -> dict[str, Any]:
    """A collection; `role` is the reader's own, null where the row did not come from `collections_of`."""
    count = getattr(collection, "document_count", None)
    rank = getattr(collection, "my_rank", None)
    if not hasattr(collection, "document_count"):
        count = collection.documents.filter(deleted_at__isnull=True).count()
    return {
        "id": str(collection.pk),
        "name": collection.name,
        "slug": collection.slug,
        "description": collection.description,
        "starter_questions": collection.starter_questions,
        "revision": collection.revision,
        "documents": count or 0,
        "role": RANKS[rank].value if rank else None,
        "created_at": collection.created_at.isoformat(),
    }


# ----------------------------------------------------------------------------------------- documents


def documents_of(
    user: "User", *, collection: Collection | None = None, status: str = "", q: str = "", tag: str = ""
) -> QuerySet[Document]:
    """A person's documents, newest first, with what `document_json` needs; narrowed to a collection, to the
    state of the newest version, to words in the title, to a tag. Raises Refused for an unknown status."""
    documents = Document.objects.visible_to(user).select_related("latest", "current").prefetch_related("tags")
    if collection is not None:
        documents = documents.filter(collection=collection)
    if status:
        if status not in State.values:
            raise Refused("bad_status", f"status is {status!r}; choose one of: {', '.join(State.values)}.")
        documents = documents.filter(latest__state=status)
    if words := q.replace("\0", "").strip():
        documents = documents.filter(title__icontains=words)
    if tag:
        documents = documents.filter(tags__name=tag.strip().lower())
    return documents.order_by("-created_at", "-pk")


def document_of(user: "User", document_id: UUID | str) -> Document:
    """One of a person's documents, with what `document_json` needs. Raises NotFound."""
    visible = Document.objects.visible_to(user).select_related("latest", "current", "collection")
    document = visible.filter(pk=as_uuid(document_id, "document")).first()
    if document is None:
        raise NotFound("document")
    return document


def namesake_notice(document: Document) -> str:
    """One sentence where a document was uploaded under the same name and folder path before this one; else ""."""
    if document.latest is None or document.parent_id or document.source_id:
        return ""
    name = document.latest.file_name
    named = Document.objects.uploaded_as(document.collection_id, key=document.key, file_name=name)
    if not named.filter(created_at__lt=document.created_at).exists():
        return ""
    return f"A document named “{name}” was already here with other content, so this is a second one."


def document_json(document: Document) -> dict[str, Any]:
    """A document by the state of its newest version."""
    latest = document.latest
    return _json(document, queue_position(latest) if latest is not None else None)


def documents_json(documents: Iterable[Document]) -> list[dict[str, Any]]:
    """The same for many, their places in the queue by one query."""
    rows = list(documents)
    queued = any(row.latest is not None and row.latest.state == State.QUEUED for row in rows)
    waiting = Version.objects.waiting().values_list("pk", flat=True) if queued else []
    places = {pk: place for place, pk in enumerate(waiting, start=1)}
    return [_json(row, places.get(row.latest_id) if row.latest_id else None) for row in rows]


def queue_position(version: Version) -> int | None:
    """The place in the queue, 1 for the next; None for a version that does not wait."""
    if version.state != State.QUEUED:
        return None
    before = Q(turn__lt=version.turn) | Q(turn=version.turn, pk__lt=version.pk)
    return Version.objects.waiting().filter(before).count() + 1


def _json(document: Document, position: int | None) -> dict[str, Any]:
    latest, current = document.latest, document.current
    return {
        "id": str(document.pk),
        "collection": str(document.collection_id),
        "title": document.title,
        "version": latest.number if latest else None,
        "serving_version": current.number if current else None,
        "position": position,
        "tags": sorted(tag.name for tag in document.tags.all()),
        "parent_id": document.parent_id and str(document.parent_id),
        "source_id": document.source_id and str(document.source_id),
        "key": document.key,
        "created_at": document.created_at.isoformat(),
        "updated_at": document.updated_at.isoformat(),
        **(_version_json(latest) if latest else {}),
    }


def _version_json(version: Version) -> dict[str, Any]:
    error = {"code": version.error_code, "message": version.error_message, "hint": version.error_hint}
    return {
        "version_id": str(version.pk),
        "status": version.state,
        "progress": {"stage": version.state, "done": version.progress_done, "total": version.progress_total},
        "pages": version.page_count,
        "chunks": version.chunk_count,
        "error": error if version.error_code else None,
        "warnings": version.warnings,
        "attempts": version.attempts,
        "elapsed": _elapsed(version),
        "file_name": version.file_name,
        "media_type": version.media_type,
        "size": version.size,
        "has_page_images": version.has_page_images,
        "finished": version.state not in UNFINISHED,
    }


def _elapsed(version: Version) -> float:
    """Seconds since work on it began (while it waits: since it was queued), until it was finished."""
    begin: datetime = version.started_at or version.queued_at
    return round(max(0.0, ((version.finished_at or timezone.now()) - begin).total_seconds()), 1)

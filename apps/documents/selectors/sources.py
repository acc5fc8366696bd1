"""Sources as lists and as JSON."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from apps.documents import access
from apps.documents.errors import NotFound
from apps.documents.models import Collection, Source
from apps.documents.selectors.listing import as_uuid

if TYPE_CHECKING:
    from apps.users.models import User


def sources_of(user: "User", collection: Collection) -> QuerySet[Source]:
    """The sources of a collection that a person may read, newest first, each with `.document_count`."""
    mine = Source.objects.filter(collection__in=Collection.objects.visible_to(user), collection=collection)
    return _counted(mine)


def source_of(user: "User", source_id: UUID | str) -> Source:
    """One of them. Raises NotFound."""
    mine = Source.objects.filter(collection__in=Collection.objects.visible_to(user))
    source = _counted(mine).select_related("collection").filter(pk=as_uuid(source_id, "source")).first()
    if source is None:
        raise NotFound("source")
    return source


def source_json(source: Source) -> dict[str, Any]:
    """A source and how its newest sync went, or goes."""
    return {
        "id": str(source.pk),
        "collection": str(source.collection_id),
        "kind": source.kind,
        "address": source.address,
        "options": source.options,
        "every_hours": source.every_hours,
        "paused": source.paused,
        "status": "syncing" if source.lease else "failed" if source.error else "idle",
        "documents": getattr(source, "document_count", None),
        "seen": source.seen,
        "outcome": source.outcome,
        "error": source.error,
        "synced_at": source.synced_at and source.synced_at.isoformat(),
        "due_at": source.due_at and source.due_at.isoformat(),
        "created_at": source.created_at.isoformat(),
    }


def manageable_sources(user: "User") -> QuerySet[Source]:
    """The sources of the collections that a person may edit, managers all, each with `.document_count`."""
    return _counted(Source.objects.filter(collection__in=access.editable(user)))


def _counted(sources: QuerySet[Source]) -> QuerySet[Source]:
    present = Count("documents", filter=Q(documents__deleted_at__isnull=True))
    return sources.annotate(document_count=present).order_by("-created_at", "-pk")

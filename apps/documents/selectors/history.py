"""What a document was: its versions and what happened to it."""

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from apps.documents.models import Document, Event, Version

if TYPE_CHECKING:
    from apps.users.models import User


def versions_of(user: "User", document: Document) -> QuerySet[Version]:
    """The versions of a document that a person may read, newest first."""
    visible = Document.objects.visible_to(user).filter(pk=document.pk)
    return Version.objects.filter(document__in=visible).select_related("document", "uploaded_by").order_by("-number")


def version_json(version: Version) -> dict[str, Any]:
    """A version as a line of the document's history."""
    uploader = version.uploaded_by
    return {
        "id": str(version.pk),
        "number": version.number,
        "status": version.state,
        "serves": version.document.current_id == version.pk,
        "file_name": version.file_name,
        "media_type": version.media_type,
        "size": version.size,
        "sha256": version.sha256,
        "pages": version.page_count,
        "chunks": version.chunk_count,
        "warnings": version.warnings,
        "uploaded_by": uploader.email if uploader else None,
        "uploaded_at": version.queued_at.isoformat(),
        "finished_at": version.finished_at and version.finished_at.isoformat(),
    }


def events_of(user: "User", document: Document) -> QuerySet[Event]:
    """What happened to a document that a person may read, newest first."""
    visible = Document.objects.visible_to(user).filter(pk=document.pk)
    return Event.objects.filter(document__in=visible).select_related("by").order_by("-id")


def event_json(event: Event) -> dict[str, Any]:
    """One line of it; `by` is null for what Footnote did by itself. Not every reader may know the names of the
    collections it was moved between; the admin's page shows them."""
    return {
        "at": event.at.isoformat(),
        "kind": event.kind,
        "version": event.version,
        "by": event.by.email if event.by else None,
        "text": "" if event.kind == "moved" else event.text,
    }

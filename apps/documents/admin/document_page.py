"""The page of a document: how it stands, its pages beside what was read from them, its versions, its history."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe

from apps.documents import selectors
from apps.documents.admin.common import (
    as_uuid,
    counted,
    latest_of,
    moment_words,
    progress_words,
    size_words,
    type_words,
)
from apps.documents.admin.document_actions import DocumentActions
from apps.documents.admin.reader import View, reader
from apps.documents.admin.retrying import may_help
from apps.documents.downloads import FileInPieces, as_download
from apps.documents.errors import NotFound, ServiceUnavailable
from apps.documents.models import SERVING, UNFINISHED, Collection, Document, Event, Version

PRIVATE = "private, max-age=300"
LISTED = 100
"""Of events and of documents within: the newest; the rest is a number."""
EVENT_WORDS = {
    "added": "Added",
    "replaced": "A new file came",
    "ready": "Ready",
    "failed": "Failed",
    "retried": "Tried again",
    "cancelled": "Cancelled",
    "renamed": "Renamed",
    "moved": "Moved",
    "tagged": "Tagged",
    "activated": "An earlier version was made to serve",
}


class DocumentPage(DocumentActions, ModelAdmin):
    """Replaces Django's form by a page to read; what can be changed is in `DocumentActions`."""

    def get_urls(self) -> list[URLPattern]:
        def page(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
            return self.admin_site.admin_view(require_safe(view))

        name = "documents_document"
        return [
            path("<uuid:pk>/original", page(self.original), name=f"{name}_original"),
            path("<uuid:pk>/page/<int:number>", page(self.page_fragment), name=f"{name}_page"),
            path("<uuid:pk>/pages/<int:number>.png", page(self.page_image), name=f"{name}_page_image"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of a document; nothing is written here."""
        document = self.get_object(request, object_id)
        if document is None:
            messages.warning(request, "That document is not here any more.")
            return redirect("admin:documents_document_changelist")
        if not self.has_view_permission(request, document):
            raise PermissionDenied
        may_change = self.has_change_permission(request, document)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": document,
            "title": document.title,
            "document": document,
            "may_change": may_change,
            "may_delete": self.has_delete_permission(request, document),
            "collections": Collection.objects.order_by("name") if may_change else [],
            "reader": reader(document, View.from_query(request.GET)),
            **_standing(document),
            **_surroundings(document),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/documents/document.html", context)

    def page_fragment(self, request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
        """One page with its passages, for the script that turns pages."""
        document = self.document_for(request, pk, self.has_view_permission)
        view = View.from_query({**request.GET.dict(), "page": str(number)})
        return TemplateResponse(request, "admin/documents/reader.html", {"reader": reader(document, view)})

    def page_image(self, request: HttpRequest, pk: UUID, number: int) -> HttpResponseBase:
        """The page as a PNG, for those who may look at documents here."""
        document = self.document_for(request, pk, self.has_view_permission)
        try:
            place = selectors.image_of(_version(document, request), number)
            return FileInPieces(place.open("rb"), content_type="image/png", headers={"Cache-Control": PRIVATE})
        except NotFound as error:
            raise Http404(error.message) from error
        except ServiceUnavailable as error:
            return HttpResponse(error.message, status=error.status, content_type="text/plain")

    def original(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """The file itself, the newest or that of `version`, for those who may look at documents here."""
        document = self.document_for(request, pk, self.has_view_permission)
        version = _version(document, request) if "version" in request.GET else latest_of(document)
        try:
            found = selectors.file_of(version)
        except NotFound as error:
            raise Http404("The file is not there any more.") from error
        return as_download(found.file, file_name=found.file_name, media_type=found.media_type)


def _version(document: Document, request: HttpRequest) -> Version:
    """The version the address names, else the one that serves, else the newest. Raises Http404."""
    if "version" not in request.GET:
        return document.current or latest_of(document)
    found = document.versions.filter(pk__in=filter(None, [as_uuid(request.GET["version"])])).first()
    if found is None:
        raise Http404("There is no such version.")
    return found


def _standing(document: Document) -> dict[str, Any]:
    """The newest version in words: state, reason, what to do, and the numbers."""
    latest = latest_of(document)
    position = selectors.queue_position(latest)
    progress = reverse("admin:documents_collection_progress", args=[document.collection_id])
    return {
        "latest": latest,
        "state_words": progress_words(latest),
        "place": f"Place {position:,} in the queue" if position else "",
        "warnings": latest.warnings,
        "act": _act(latest),
        "unfinished": latest.state in UNFINISHED,
        "progress_url": progress,
        "serves_earlier": document.current if document.current_id not in (None, latest.pk) else None,
        "newest_is_ready": latest.state in SERVING,
        "facts": _facts(document, _shown(document, latest)),
    }


def _shown(document: Document, latest: Version) -> Version:
    """Whose facts are told: after a roll-back those of what serves, not of the newest file."""
    return document.current if latest.state in SERVING and document.current is not None else latest


def _act(latest: Version) -> str:
    if latest.state in UNFINISHED:
        return "cancel"
    return "retry" if may_help(latest) else ""


def _facts(document: Document, latest: Version) -> list[tuple[str, str]]:
    moments = (("queued", latest.queued_at), ("begun", latest.started_at), ("finished", latest.finished_at))
    times = [f"{name} {moment_words(moment)}" for name, moment in moments if moment]
    if latest.started_at and latest.finished_at:
        times.append(f"took {(latest.finished_at - latest.started_at).total_seconds():.1f} s")
    tries = counted(latest.attempts, "attempt") if latest.attempts > 1 else ""
    numbers = (counted(latest.page_count, "page"), counted(latest.chunk_count, "passage"), tries)
    facts = [
        ("Uploaded by", document.uploaded_by.email if document.uploaded_by else ""),
        ("From", document.source.address if document.source else ""),
        ("Path", document.key if not document.source or document.key != document.source.address else ""),
        ("File", f"{latest.file_name} ({type_words(latest.media_type)}, {size_words(latest.size)})"),
        ("Read", ", ".join(part for part in numbers if part) or "nothing yet"),
        ("Times", ", ".join(times)),
    ]
    return [(name, value) for name, value in facts if value]


def _surroundings(document: Document) -> dict[str, Any]:
    """What it lies within, what lies within it, its versions, its tags and its history."""
    children = document.children.present().select_related("latest").order_by("key")
    events = document.events.select_related("by")
    return {
        "parent": document.parent if document.parent and document.parent.deleted_at is None else None,
        "children": [_child(child) for child in children[:LISTED]],
        "more_children": max(0, children.count() - LISTED),
        "versions": _versions(document),
        "tags": [tag.name for tag in document.tags.all()],
        "events": [_event(event) for event in events[:LISTED]],
        "more_events": max(0, events.count() - LISTED),
    }


def _child(child: Document) -> dict[str, Any]:
    latest = latest_of(child)
    return {"pk": child.pk, "title": child.title, "key": child.key, "state": latest.state, "words": _words(latest)}


def _words(version: Version) -> str:
    reason = f": {version.error_message}" if version.error_message else ""
    return f"{progress_words(version)}{reason}"


def _versions(document: Document) -> list[dict[str, Any]]:
    versions: QuerySet[Version] = document.versions.select_related("uploaded_by").order_by("-number")
    return [
        {
            "version": version,
            "size": size_words(version.size),
            "by": version.uploaded_by.email if version.uploaded_by else "",
            "at": moment_words(version.queued_at),
            "words": _words(version),
            "serves": version.pk == document.current_id,
            "can_serve": version.pk != document.current_id and version.state in SERVING and version.chunk_count > 0,
        }
        for version in versions
    ]


def _event(event: Event) -> dict[str, Any]:
    return {
        "words": EVENT_WORDS.get(event.kind, event.kind),
        "kind": event.kind,
        "text": event.text,
        "version": event.version,
        "by": event.by.email if event.by else "Footnote",
        "at": moment_words(event.at),
    }

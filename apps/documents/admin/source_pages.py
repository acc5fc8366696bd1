"""The pages of a source: adding one, how it stands, what can be done with it, and taking it away."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST

from apps.documents import services
from apps.documents.admin.common import actor, counted, moment_words
from apps.documents.admin.source_form import (
    SourceForm,
    bounds,
    kind_cards,
    kind_words,
    option_rows,
    schedule_words,
    schedules,
)
from apps.documents.errors import DocumentsError, Refused
from apps.documents.models import Document, Source

Act = Callable[[HttpRequest, Source], str]
OUTCOMES = {
    "new": "new",
    "changed": "changed",
    "unchanged": "unchanged",
    "vanished": "gone",
    "left_out": "deleted here before",
    "refused": "not taken",
    "unavailable": "could not be reached",
}


class SourcePages(ModelAdmin):
    """Replaces Django's forms; every write is a POST and goes through a service."""

    def get_urls(self) -> list[URLPattern]:
        acts: dict[str, Act] = {"sync": _sync, "pause": _pause, "resume": _resume, "schedule": _schedule}
        pages = [
            path(f"<uuid:pk>/{name}", self._act(act), name=f"documents_source_{name}") for name, act in acts.items()
        ]
        return [*pages, *super().get_urls()]

    def _act(self, act: Act) -> Callable[..., HttpResponseBase]:
        def view(request: HttpRequest, pk: UUID) -> HttpResponse:
            source = self._source(request, str(pk))
            if source is None:
                raise Http404("There is no such source.")
            if not self.has_change_permission(request, source):
                raise PermissionDenied
            try:
                messages.success(request, act(request, source))
            except DocumentsError as error:
                messages.error(request, f"{error.message} {error.hint}".strip())
            return redirect("admin:documents_source_change", pk)

        return self.admin_site.admin_view(require_POST(view))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Asks for the source, adds it and begins its first sync."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        by = actor(request)
        form = SourceForm(by, request.POST or None, initial=_initial(request))
        if request.method == "POST" and form.is_valid():
            try:
                source = services.add_source(by=by, **form.given())
            except DocumentsError as error:
                form.add_error(
                    "address" if error.code == "bad_address" else None, f"{error.message} {error.hint}".strip()
                )
            else:
                messages.success(request, "The source was added; its first sync begins as soon as a worker is free.")
                return redirect("admin:documents_source_change", source.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Add a source",
            "add": True,
            "form": form,
            "kinds": kind_cards(by),
            **bounds(),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/documents/source_add.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """How the source stands; nothing is written here."""
        source = self._source(request, object_id)
        if source is None:
            messages.warning(request, "That source is not here any more.")
            return redirect("admin:documents_source_changelist")
        if not self.has_view_permission(request, source):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": source,
            "title": source.address,
            "source": source,
            "kind": kind_words(source.kind),
            "documents": counted(getattr(source, "document_count", 0), "document") or "none yet",
            "facts": _facts(source),
            "schedules": schedules(source.every_hours),
            "may_change": self.has_change_permission(request, source),
            "may_delete": self.has_delete_permission(request, source),
            **standing(source),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/documents/source.html", context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Asks whether its documents go as well; then it goes."""
        source = self._source(request, object_id)
        if source is None:
            messages.warning(request, "That source is not here any more.")
            return redirect("admin:documents_source_changelist")
        if not self.has_delete_permission(request, source):
            raise PermissionDenied
        count = Document.objects.present().filter(source=source).count()
        with_documents = request.user.has_perm("documents.delete_document")
        if request.method == "POST":
            chosen = request.POST.get("documents", "keep")
            if chosen == "delete" and not with_documents:
                raise PermissionDenied
            try:
                services.remove_source(by=actor(request), source=source, documents=chosen)
            except DocumentsError as error:
                messages.error(request, f"{error.message} {error.hint}".strip())
                return redirect("admin:documents_source_delete", object_id)
            went = " and its documents were" if chosen == "delete" and count else " was"
            stayed = " Its documents stay." if chosen == "keep" and count else ""
            messages.success(request, f"The source {source.address}{went} removed.{stayed}")
            return redirect("admin:documents_source_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": source,
            "title": "Remove the source?",
            "source": source,
            "count": counted(count, "document"),
            "with_documents": with_documents,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/documents/source_delete.html", context)

    def _source(self, request: HttpRequest, pk: str) -> Source | None:
        """A source of a collection that the person may edit; what is foreign is not there."""
        found: Source | None = self.get_object(request, pk)
        return found


def standing(source: Source) -> dict[str, Any]:
    """How the source stands, in words; `moves` while that may change by itself."""
    status, words = _state(source)
    return {
        "status": status,
        "words": words,
        "moves": status in ("waits", "syncing"),
        "schedule": schedule_of(source),
        "next": moment_words(source.due_at) if source.due_at and status != "waits" else "",
        "last": moment_words(last) if (last := _last_read(source)) else "",
        "outcome": outcome_words(source),
        "reason": source.error or _first_failure(source),
        "refusals": source.outcome.get("refusals", []),
    }


def _state(source: Source) -> tuple[str, str]:
    """For its colour, and in words."""
    if source.lease:
        return "syncing", f"Syncing, {source.seen:,} looked at"
    if source.due_at and source.due_at <= timezone.now():
        return "waits", "Waits for a worker"
    if source.error:
        return "failed", "The newest sync failed"
    if _first_failure(source):
        return "failed", "The page failed"
    if not _last_read(source):
        return "new", "Not synced since it was added"
    if {key for key in OUTCOMES if source.outcome.get(key)} == {"unavailable"}:
        return "failed", "Could not be reached"
    if left := source.outcome.get("refused", 0) + source.outcome.get("unavailable", 0):
        return "ready_with_warnings", f"In step but for {left:,}"
    return "ready", "In step"


def _first_failure(source: Source) -> str:
    """Why the document of a page that was never synced failed; "" where it did not. `SourceAdmin` annotates it."""
    return "" if source.synced_at else getattr(source, "page_failure", None) or ""


def _last_read(source: Source) -> datetime | None:
    """When it was synced; a page is read once when it is added, by the workers for documents, which is no sync."""
    return source.synced_at or getattr(source, "page_read", None)


def schedule_of(source: Source) -> str:
    """How often, or that it rests."""
    return (
        f"Paused ({schedule_words(source.every_hours).lower()})"
        if source.paused
        else schedule_words(source.every_hours)
    )


def outcome_words(source: Source) -> str:
    """ "3 new, 1 changed"; "" before the first sync."""
    return ", ".join(f"{source.outcome[key]:,} {words}" for key, words in OUTCOMES.items() if source.outcome.get(key))


def _facts(source: Source) -> list[tuple[str, str]]:
    facts = [
        ("Kind", kind_words(source.kind)),
        ("Address", source.address),
        *option_rows(source),
        ("Added by", source.added_by.email if source.added_by else ""),
        ("Added", moment_words(source.created_at)),
    ]
    return [(name, value) for name, value in facts if value]


def _initial(request: HttpRequest) -> dict[str, Any]:
    return {"collection": request.GET.get("collection", ""), "kind": request.GET.get("kind", "site"), "every_hours": 24}


# ------------------------------------------------------------------------------------------- what is done


def _sync(request: HttpRequest, source: Source) -> str:
    services.sync_source(by=actor(request), source=source)
    return "It is synced as soon as a worker is free."


def _pause(request: HttpRequest, source: Source) -> str:
    services.change_source(by=actor(request), source=source, paused=True)
    return "Paused: it is synced only when you ask. Its documents stay and are found."


def _resume(request: HttpRequest, source: Source) -> str:
    services.change_source(by=actor(request), source=source, paused=False)
    return f"It goes on: {schedule_words(source.every_hours).lower()}."


def _schedule(request: HttpRequest, source: Source) -> str:
    hours = request.POST.get("every_hours", "")
    if not (hours.isascii() and hours.isdigit() and len(hours) < 6):
        raise Refused("bad_hours", "Choose how often the source is synced.")
    services.change_source(by=actor(request), source=source, every_hours=int(hours))
    return f"Saved: {schedule_words(source.every_hours).lower()}."

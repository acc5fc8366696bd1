"""Documents in the admin: where each stands, why it failed, and what can be done about it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.views.decorators.http import require_POST, require_safe

from apps.documents import selectors, services
from apps.documents.admin.common import DeletesAreShort, actor, as_uuid, counted, moment_words, size_words, told
from apps.documents.downloads import as_download
from apps.documents.models import UNFINISHED, Document, State, Version
from apps.users.admin_base import Admin

# The upload page (static/js/upload.js) says the same.
WORDS: dict[str, str] = {
    State.EXTRACTING: "reading",
    State.CHUNKING: "cutting into passages",
    State.EMBEDDING: "indexing",
    State.READY_WITH_WARNINGS: "ready, with warnings",
}
STEPS: dict[str, str] = {State.EXTRACTING: "page", State.EMBEDDING: "passage"}


class StateFilter(admin.SimpleListFilter):
    """The state of the newest version."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, capfirst(_words(state))) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:
        return queryset.filter(latest__state=self.value()) if self.value() else queryset


def state_links(query: QueryDict) -> list[dict[str, Any]]:
    """For each state that documents are in, how many, and the address of the list narrowed to it."""
    rows = Document.objects.present()
    if collection := as_uuid(query.get("collection__id__exact")):
        rows = rows.filter(collection=collection)
    counts = dict(rows.order_by().values_list("latest__state").annotate(n=Count("pk")))
    chosen = query.get("status", "")

    def link(state: str, words: str, count: int) -> dict[str, Any]:
        narrowed = query.copy()
        for name in ("status", "p"):
            narrowed.pop(name, None)
        if state:
            narrowed["status"] = state
        return {"url": f"?{narrowed.urlencode()}", "words": words, "count": count, "chosen": state == chosen}

    there = [link(state.value, _words(state), counts[state]) for state in State if counts.get(state)]
    return [link("", "in all", sum(counts.values())), *there]


def _words(state: str) -> str:
    return WORDS.get(state, state)


def _progress(version: Version) -> str:
    """The state in the words of the upload page, with how far it is while it lasts."""
    done, total = version.progress_done, version.progress_total
    if version.state in STEPS and total:
        return f"{capfirst(_words(version.state))} {STEPS[version.state]} {done:,} of {total:,}"
    return capfirst(_words(version.state))


@admin.register(Document)
class DocumentAdmin(DeletesAreShort, Admin):
    """Documents by their newest version. They come in by the upload page of their collection."""

    list_display = (
        "name", "collection", "status", "size", "page_total", "chunk_total", "updated",
    )  # fmt: skip
    list_display_links = ("name",)
    list_before_template = "admin/documents/states.html"
    list_filter = (StateFilter, ("collection", admin.RelatedOnlyFieldListFilter))
    list_filter_sheet = False
    list_fullwidth = True
    list_per_page = 50
    search_fields = ("title", "latest__file_name")
    ordering = ("-updated_at",)
    actions = ("retry_selected", "cancel_selected")
    change_form_outer_before_template = "admin/documents/document_actions.html"
    fields = (
        "title", "collection", "story", "file", "numbers", "times", "uploaded_by", "passages",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        rows: QuerySet[Document] = super().get_queryset(request).filter(deleted_at__isnull=True)
        return rows.select_related("latest", "collection", "uploaded_by", "current")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Document | None = None) -> tuple[str, ...]:
        """All: a document changes by its file, not by hand."""
        return self.fields

    def get_urls(self) -> list[URLPattern]:
        def page(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
            return self.admin_site.admin_view(view)

        return [
            path("<uuid:pk>/original", page(require_safe(self.original)), name="documents_document_original"),
            path("<uuid:pk>/retry", page(require_POST(self.retry_one)), name="documents_document_retry"),
            path("<uuid:pk>/cancel", page(require_POST(self.cancel_one)), name="documents_document_cancel"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With the states and their counts above the list."""
        return super().changelist_view(request, {**(extra_context or {}), "states": state_links(request.GET)})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With a button for what can be done about the state it is in."""
        document = self.get_object(request, object_id)
        act = ""
        if document is not None and self.has_change_permission(request, document):
            state = _latest(document).state
            act = "cancel" if state in UNFINISHED else "retry" if state in (State.FAILED, State.CANCELLED) else ""
        url = reverse(f"admin:documents_document_{act}", args=[object_id]) if act else ""
        context = {"act": act, "act_url": url, "show_save": False, "show_save_and_continue": False}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})

    # --------------------------------------------------------------------------------------- columns

    @admin.display(description="name", ordering="title")
    def name(self, document: Document) -> SafeString:
        return format_html('<span class="title-cell">{}</span>', document.title)

    @admin.display(description="updated", ordering="updated_at")
    def updated(self, document: Document) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', moment_words(document.updated_at))

    @admin.display(description="status", ordering="latest__state")
    def status(self, document: Document) -> SafeString:
        latest = _latest(document)
        reason = latest.error_message or "; ".join(latest.warnings)
        return format_html('<span class="state state-{}" title="{}">{}</span>', latest.state, reason, _progress(latest))

    @admin.display(description="size", ordering="latest__size")
    def size(self, document: Document) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', size_words(_latest(document).size))

    @admin.display(description="pages", ordering="latest__page_count")
    def page_total(self, document: Document) -> int | None:
        return _latest(document).page_count or None

    @admin.display(description="passages", ordering="latest__chunk_count")
    def chunk_total(self, document: Document) -> int | None:
        return _latest(document).chunk_count or None

    # ------------------------------------------------------------------------------------- the page

    @admin.display(description="status")
    def story(self, document: Document) -> SafeString:
        """The state, and where it failed the reason and what to do."""
        latest = _latest(document)
        reason = format_html("<span>{}</span>", latest.error_message) if latest.error_message else ""
        hint = format_html('<span class="hint">{}</span>', latest.error_hint) if latest.error_hint else ""
        warnings = "; ".join(latest.warnings)
        position = selectors.queue_position(latest)
        place = f"Place {position} in the queue" if position else warnings
        return format_html(
            '<div class="state-story">{}{}{}<span class="hint">{}</span></div>',
            self.status(document), reason, hint, place,
        )  # fmt: skip

    @admin.display(description="original")
    def file(self, document: Document) -> SafeString | str:
        latest = _latest(document)
        if not latest.stored_as:
            return latest.file_name
        url = reverse("admin:documents_document_original", args=[document.pk])
        details = f"{size_words(latest.size)}, {latest.media_type}, version {latest.number}"
        return format_html('<a href="{}">{}</a> ({})', url, latest.file_name, details)

    @admin.display(description="pages and passages")
    def numbers(self, document: Document) -> str:
        latest = _latest(document)
        tries = counted(latest.attempts, "attempt") if latest.attempts > 1 else ""
        parts = (counted(latest.page_count, "page"), counted(latest.chunk_count, "passage"), tries)
        return ", ".join(part for part in parts if part) or "none yet"

    @admin.display(description="times")
    def times(self, document: Document) -> str:
        latest = _latest(document)
        moments = (("queued", latest.queued_at), ("begun", latest.started_at), ("finished", latest.finished_at))
        told_times = [f"{name} {moment_words(moment)}" for name, moment in moments if moment]
        if latest.started_at and latest.finished_at:
            told_times.append(f"took {(latest.finished_at - latest.started_at).total_seconds():.1f} s")
        return ", ".join(told_times)

    @admin.display(description="first passages")
    def passages(self, document: Document) -> SafeString | str:
        """What was read, so that a bad extraction shows."""
        first = document.current.chunks.order_by("ordinal")[:3] if document.current else []
        text = "\n\n".join(f"p. {chunk.page}: {chunk.text[:400]}" for chunk in first)
        return format_html('<div class="first-passages">{}</div>', text or "none yet")

    def original(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """The file itself, for those who may look at documents here."""
        latest = _latest(self._document(request, pk, self.has_view_permission))
        try:
            file = default_storage.open(latest.stored_as, "rb")
        except (OSError, ValueError) as error:
            raise Http404("The file is not there any more.") from error
        return as_download(file, file_name=latest.file_name, media_type=latest.media_type)

    def _document(self, request: HttpRequest, pk: UUID, allowed: Callable[..., bool]) -> Document:
        document = self.get_object(request, str(pk))
        if document is None:
            raise Http404("There is no such document.")
        if not allowed(request, document):
            raise PermissionDenied
        return document

    # --------------------------------------------------------------------------------------- writes

    @admin.action(description="Try selected documents again", permissions=["change"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        again = 0
        for document in queryset.filter(latest__state__in=(State.FAILED, State.CANCELLED)):
            with told(request):
                services.retry(by=actor(request), document=document)
                again += 1
        words = "1 document is" if again == 1 else f"{again} documents are"
        self.message_user(request, f"{words} tried again; those that are ready were left alone.")

    @admin.action(description="Cancel selected documents", permissions=["change"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        cancelled = 0
        for document in queryset.filter(latest__state__in=UNFINISHED):
            with told(request):
                services.cancel(by=actor(request), document=document)
                cancelled += 1
        words = "1 document was" if cancelled == 1 else f"{cancelled} documents were"
        self.message_user(request, f"{words} cancelled.")

    def retry_one(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Queues a document again, from its page."""
        return self._one(request, pk, services.retry, "It is queued again.")

    def cancel_one(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Stops a document, from its page."""
        return self._one(request, pk, services.cancel, "It is cancelled.")

    def _one(self, request: HttpRequest, pk: UUID, service: Callable[..., Document], done: str) -> HttpResponse:
        document = self._document(request, pk, self.has_change_permission)
        with told(request):
            service(by=actor(request), document=document)
            messages.success(request, done)
        return redirect("admin:documents_document_change", pk)

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        services.delete(by=actor(request), document=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        for document in queryset:
            with told(request):
                services.delete(by=actor(request), document=document)


def _latest(document: Document) -> Version:
    """The newest version; there is one from the moment a document is made."""
    assert document.latest is not None
    return document.latest

"""The list of documents in the admin: where each stands, and what can be done with many of them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.documents import services
from apps.documents.admin.bulk import BulkActions
from apps.documents.admin.common import (
    DeletesAreShort,
    actor,
    as_uuid,
    latest_of,
    moment_words,
    progress_words,
    size_words,
)
from apps.documents.admin.document_page import DocumentPage
from apps.documents.admin.filters import (
    COLLECTION,
    SourceFilter,
    StateFilter,
    TagFilter,
    TypeFilter,
    filter_bar,
    state_links,
)
from apps.documents.models import Collection, Document
from apps.users.admin_base import Admin


@admin.register(Document)
class DocumentAdmin(DeletesAreShort, BulkActions, DocumentPage, Admin):
    """Documents by their newest version. They come in by the upload page of their collection."""

    list_display = (
        "name", "collection", "status", "size", "page_total", "chunk_total", "owner", "updated",
    )  # fmt: skip
    list_display_links = ("name",)
    list_before_template = "admin/documents/states.html"
    change_list_template = "admin/documents/document_list.html"
    list_filter = (StateFilter, ("collection", admin.RelatedOnlyFieldListFilter), TagFilter, TypeFilter, SourceFilter)
    list_fullwidth = True
    list_per_page = 50
    search_fields = ("title", "latest__file_name", "key")
    ordering = ("-updated_at",)
    fields = ("title",)
    readonly_fields = ("title",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        rows: QuerySet[Document] = super().get_queryset(request).filter(deleted_at__isnull=True)
        return rows.select_related("latest", "collection", "uploaded_by", "current", "parent").prefetch_related("tags")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With the states and their counts, the way to upload, and the filters, above the list."""
        above = {"upload_url": self._upload_url(request), "bar": filter_bar(request, self)}
        page = super().changelist_view(request, {**(extra_context or {}), **above})
        context = getattr(page, "context_data", None) or {}
        if "cl" in context:  # not where an action answered
            found = context["cl"].get_queryset(request, exclude_parameters=[StateFilter.parameter_name])
            context["states"] = state_links(request.GET, found)
        return page

    def _upload_url(self, request: HttpRequest) -> str:
        """Of the collection that the list is of, else of the collections to choose from; "" for who may not."""
        if not self.admin_site.get_model_admin(Collection).has_change_permission(request):
            return ""
        chosen = as_uuid(request.GET.get(COLLECTION))
        if chosen and Collection.objects.filter(pk=chosen).exists():
            return reverse("admin:documents_collection_upload", args=[chosen])
        return reverse("admin:documents_collection_changelist")

    # --------------------------------------------------------------------------------------- columns

    @admin.display(description="name", ordering="title")
    def name(self, document: Document) -> SafeString:
        """The title; below it, small, what it lies within, its folder, why it failed, and its tags."""
        within = format_html("<small>within {}</small>", document.parent.title) if document.parent else ""
        folder = format_html("<small>{}</small>", _where(document)) if _where(document) else ""
        tags = format_html_join("", '<span class="tag">{}</span>', ((tag.name,) for tag in document.tags.all()))
        reason = latest_of(document).error_message
        failed = format_html('<small class="is-bad">{}</small>', reason) if reason else ""
        below = (within, folder, failed, tags)
        return format_html('<span class="title-cell">{}{}{}{}{}</span>', document.title, *below)

    @admin.display(description="updated", ordering="updated_at")
    def updated(self, document: Document) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', moment_words(document.updated_at))

    @admin.display(description="uploaded by", ordering="uploaded_by__email")
    def owner(self, document: Document) -> SafeString | str:
        if document.uploaded_by is None:
            return ""
        address = document.uploaded_by.email
        return format_html('<span class="owner-cell" title="{}">{}</span>', address, address)

    @admin.display(description="status", ordering="latest__state")
    def status(self, document: Document) -> SafeString:
        latest = latest_of(document)
        reason = latest.error_message or "; ".join(latest.warnings)
        words = progress_words(latest)
        state = format_html('<span class="state state-{}" title="{}">{}</span>', latest.state, reason, words)
        if document.current is None or document.current_id == latest.pk:
            return state
        return format_html("{}<small>version {} serves</small>", state, document.current.number)

    @admin.display(description="size", ordering="latest__size")
    def size(self, document: Document) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', size_words(latest_of(document).size))

    @admin.display(description="pages", ordering="latest__page_count")
    def page_total(self, document: Document) -> int | None:
        return latest_of(document).page_count or None

    @admin.display(description="passages", ordering="latest__chunk_count")
    def chunk_total(self, document: Document) -> int | None:
        return latest_of(document).chunk_count or None

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        services.delete(by=actor(request), document=obj)


def _where(document: Document) -> str:
    """Its folder, or its address where that is not its title already."""
    if "://" in document.folder:
        return document.folder if document.folder != document.title else ""
    return f"in {document.folder}" if document.folder else ""

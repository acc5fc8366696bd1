"""The list of sources in the admin: where documents come from by themselves, and how that goes."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.documents import access, selectors, services
from apps.documents.admin.common import actor, moment_words, told
from apps.documents.admin.filters import COLLECTION, Select, select_bar
from apps.documents.admin.source_form import KINDS, kind_words
from apps.documents.admin.source_pages import SourcePages, schedule_of, standing
from apps.documents.models import Document, Source, SourceKind, State
from apps.users.admin_base import Admin


@admin.register(Source)
class SourceAdmin(SourcePages, Admin):
    """Sources of the collections that a person may edit: a manager's are all. Who may upload to a collection here
    may manage its sources; others of the staff need the permission for sources as well."""

    list_display = ("place", "collection", "status", "schedule", "synced", "document_total")
    list_display_links = ("place",)
    list_before_template = "admin/documents/filter_bar.html"
    change_list_template = "admin/documents/document_list.html"
    list_filter = ("kind", ("collection", admin.RelatedOnlyFieldListFilter))
    list_fullwidth = True
    search_fields = ("address", "collection__name")
    actions = ("sync_selected", "pause_selected", "resume_selected")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        pages = Document.objects.present().filter(source=OuterRef("pk"), source__kind=SourceKind.PAGE)
        failed = pages.filter(latest__state=State.FAILED)
        rows = selectors.manageable_sources(actor(request)).select_related("collection", "added_by")
        return rows.annotate(
            page_failure=Subquery(failed.values("latest__error_message")[:1]),
            page_read=Subquery(pages.values("current__finished_at")[:1]),
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With the filters above the list."""
        collections = access.editable(actor(request)).order_by("name").values_list("pk", "name")
        choices: list[Select] = [
            (COLLECTION, "Collection", [(str(pk), name) for pk, name in collections]),
            ("kind__exact", "Kind", [(kind, kind_words(kind)) for kind in KINDS]),
        ]
        return super().changelist_view(request, {**(extra_context or {}), "bar": select_bar(request, choices)})

    # ----------------------------------------------------------------------------------- who may what

    def _may(self, request: HttpRequest, source: Source | None, allowed: bool) -> bool:
        by = actor(request)
        if access.is_manager(by):
            return True
        return allowed and (source is None or access.editable(by).filter(pk=source.collection_id).exists())

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Source | None = None) -> bool:
        return self._may(request, obj, super().has_view_permission(request, obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, None, super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Source | None = None) -> bool:
        return self._may(request, obj, super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Source | None = None) -> bool:
        return self._may(request, obj, super().has_delete_permission(request, obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Not Django's deletion of many: each is asked about its documents, on its own page."""
        return {name: each for name, each in super().get_actions(request).items() if name != "delete_selected"}

    # --------------------------------------------------------------------------------------- columns

    @admin.display(description="address", ordering="address")
    def place(self, source: Source) -> SafeString:
        return format_html(
            '<span class="title-cell">{}<small>{}</small></span>', source.address, kind_words(source.kind)
        )

    @admin.display(description="status")
    def status(self, source: Source) -> SafeString:
        now = standing(source)
        below = now["reason"] or now["outcome"]
        return format_html(
            '<span class="title-cell"><span class="state state-{}">{}</span><small class="{}">{}</small></span>',
            now["status"],
            now["words"],
            "is-bad" if now["reason"] else "",
            below,
        )

    @admin.display(description="schedule", ordering="every_hours")
    def schedule(self, source: Source) -> str:
        return schedule_of(source)

    @admin.display(description="last synced", ordering="synced_at")
    def synced(self, source: Source) -> SafeString | str:
        return format_html('<span class="nowrap">{}</span>', moment_words(source.synced_at)) if source.synced_at else ""

    @admin.display(description="documents", ordering="document_count")
    def document_total(self, source: Any) -> SafeString:
        url = f"{reverse('admin:documents_document_changelist')}?source={source.pk}"
        return format_html('<a href="{}">{}</a>', url, f"{source.document_count:,}")

    # --------------------------------------------------------------------------------- many at once

    @admin.action(description="Sync selected sources now", permissions=["change"])
    def sync_selected(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        count = 0
        for source in queryset:
            with told(request):
                services.sync_source(by=actor(request), source=source)
                count += 1
        self.message_user(request, f"{_are(count)} synced as soon as a worker is free.")

    @admin.action(description="Pause selected sources", permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        self.message_user(request, f"{_are(self._set_paused(request, queryset, True))} paused.")

    @admin.action(description="Resume selected sources", permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        self.message_user(request, f"{_are(self._set_paused(request, queryset, False))} synced by schedule again.")

    def _set_paused(self, request: HttpRequest, queryset: QuerySet[Source], paused: bool) -> int:
        count = 0
        for source in queryset:
            with told(request):
                services.change_source(by=actor(request), source=source, paused=paused)
                count += 1
        return count


def _are(count: int) -> str:
    return "1 source is" if count == 1 else f"{count:,} sources are"

"""What is done with many documents at once from their list; a page asks first where something is to be chosen."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.documents import services
from apps.documents.admin.common import actor, as_uuid, told
from apps.documents.models import UNFINISHED, Collection, Document, State

LISTED = 20
"""Titles on the page that asks; the rest is a number."""


class BulkActions(ModelAdmin):
    """Retry, cancel, move, tag and delete what is chosen in the list."""

    actions = ("retry_selected", "cancel_selected", "move_selected", "tag_selected")

    @admin.action(description="Try selected documents again", permissions=["change"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        again = _each(
            request,
            queryset.filter(latest__state__in=(State.FAILED, State.CANCELLED)),
            lambda document: services.retry(by=actor(request), document=document),
        )
        self.message_user(request, f"{_are(again)} tried again; those that are ready were left alone.")

    @admin.action(description="Cancel selected documents", permissions=["change"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        cancelled = _each(
            request,
            queryset.filter(latest__state__in=UNFINISHED),
            lambda document: services.cancel(by=actor(request), document=document),
        )
        self.message_user(request, f"{_were(cancelled)} cancelled.")

    @admin.action(description="Move selected documents to…", permissions=["change"])
    def move_selected(self, request: HttpRequest, queryset: QuerySet[Document]) -> HttpResponse | None:
        """Asks for the collection, then moves. What lies within a document goes along with it."""
        to = Collection.objects.filter(pk__in=filter(None, [as_uuid(request.POST.get("to"))])).first()
        if to is None:
            return self._ask(request, queryset, "move_selected", collections=Collection.objects.order_by("name"))
        with_parents = queryset.filter(parent__isnull=False).count()
        moved = _each(
            request,
            queryset.filter(parent__isnull=True),
            lambda document: services.move(by=actor(request), document=document, to=to),
        )
        left = " Those that lie within another document go where that one goes." if with_parents else ""
        self.message_user(request, f"{_were(moved)} moved to {to.name}.{left}")
        return None

    @admin.action(description="Add tags to selected documents", permissions=["change"])
    def tag_selected(self, request: HttpRequest, queryset: QuerySet[Document]) -> HttpResponse | None:
        """Asks for the tags, then adds them to those that are there."""
        names = [name for name in request.POST.get("tags", "").split(",") if name.strip()]
        if not names:
            return self._ask(request, queryset, "tag_selected")

        def add(document: Document) -> None:
            services.change_tags(by=actor(request), document=document, add=names)

        tagged = _each(request, queryset, add)
        self.message_user(request, f"{_were(tagged)} tagged {', '.join(sorted({name.strip() for name in names}))}.")
        return None

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        """What lies within a document goes with it, so it may be gone when its own turn comes."""
        _each(request, queryset.order_by("pk"), lambda document: services.delete(by=actor(request), document=document))

    def _ask(self, request: HttpRequest, queryset: QuerySet[Document], action: str, **more: Any) -> HttpResponse:
        across = request.POST.get("select_across") == "1"
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Move documents" if action == "move_selected" else "Tag documents",
            "action": action,
            "checkbox": ACTION_CHECKBOX_NAME,
            # All that the list finds are named by its address, not one by one: forms have at most 1,000 fields.
            "ids": request.POST.getlist(ACTION_CHECKBOX_NAME)[:1] if across else queryset.values_list("pk", flat=True),
            "across": across,
            "count": queryset.count(),
            "titles": list(queryset.values_list("title", flat=True)[:LISTED]),
            "unlisted": max(0, queryset.count() - LISTED),
            **more,
        }
        return TemplateResponse(request, "admin/documents/bulk.html", context)


def _each(request: HttpRequest, documents: QuerySet[Document], act: Callable[[Document], object]) -> int:
    """Acts on one after the other; refusals are told on the page. Gives how many it was done to."""
    done = 0
    for pk in list(documents.values_list("pk", flat=True)):
        document = documents.model.objects.present().select_related("collection").filter(pk=pk).first()
        if document is None:
            continue
        with told(request):
            act(document)
            done += 1
    return done


def _are(count: int) -> str:
    return "1 document is" if count == 1 else f"{count:,} documents are"


def _were(count: int) -> str:
    return "1 document was" if count == 1 else f"{count:,} documents were"

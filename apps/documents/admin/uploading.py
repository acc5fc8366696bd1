"""The upload page of a collection: the page itself, one file at a time, and how far they all are."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from apps.documents import selectors, services
from apps.documents.admin.common import actor, as_uuid
from apps.documents.errors import DocumentsError, Refused
from apps.documents.models import UNFINISHED, Collection, Document, State
from engines import parsing

SHOWN_AT_FIRST = 200
"""Rows of documents that are still on their way when the page is opened (again)."""
RECENT = timedelta(days=1)
MOST_ASKED = 2000


class UploadPages(ModelAdmin):
    """Adds `<collection>/upload/` and what its script calls to the admin of collections."""

    def get_urls(self) -> list[URLPattern]:
        def page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
            return self.admin_site.admin_view(view)

        return [
            path("<uuid:pk>/upload/", page(require_safe(self.upload_page)), name="documents_collection_upload"),
            path("<uuid:pk>/upload/file", page(require_POST(self.upload_file)), name="documents_collection_file"),
            path("<uuid:pk>/upload/progress", page(require_POST(self.progress)), name="documents_collection_progress"),
            path("<uuid:pk>/upload/act", page(require_POST(self.act)), name="documents_collection_act"),
            *super().get_urls(),
        ]

    def _collection(self, request: HttpRequest, pk: UUID) -> Collection:
        collection = Collection.objects.filter(pk=pk).first()
        if collection is None:
            raise Http404("There is no such collection.")
        if not self.has_change_permission(request, collection):
            raise PermissionDenied
        return collection

    def upload_page(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Where files are dropped; it begins with the documents that are still on their way."""
        collection = self._collection(request, pk)
        urls = {name: reverse(f"admin:documents_collection_{name}", args=[pk]) for name in ("file", "progress", "act")}
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Upload to {collection.name}",
            "collection": collection,
            "file_url": urls["file"],
            "progress_url": urls["progress"],
            "act_url": urls["act"],
            "formats": ", ".join(each.name for each in parsing.FORMATS),
            "limit_bytes": int(settings.MAX_UPLOAD_MB * 1_000_000),
            "limit_words": f"{settings.MAX_UPLOAD_MB:g} MB",
            "documents": selectors.documents_json(_on_their_way(collection)),
        }
        return TemplateResponse(request, "admin/documents/upload.html", context)

    def upload_file(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Takes one file: 202 with its document, or a refusal in one sentence."""
        collection = self._collection(request, pk)
        file = request.FILES.get("file")
        try:
            if file is None:
                raise Refused("no_file", "No file arrived; choose it again.")
            same: Any = request.POST.get("duplicates", "skip")
            uploaded = services.upload(by=actor(request), collection=collection, file=file, duplicates=same)
        except DocumentsError as error:
            return _refusal(error)
        body = {"document": _json(uploaded.document.pk), "created": uploaded.created}
        return JsonResponse(body, status=202)

    def progress(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """How far the documents `ids` of this collection are; deleted ones are not among them."""
        collection = self._collection(request, pk)
        asked = _posted(request).get("ids")
        ids = [known for text in (asked if isinstance(asked, list) else [])[:MOST_ASKED] if (known := as_uuid(text))]
        found = _present().filter(collection=collection, pk__in=ids)
        return JsonResponse({"documents": selectors.documents_json(found)})

    def act(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Retries or cancels a document of this collection."""
        collection = self._collection(request, pk)
        posted = _posted(request)
        service = {"retry": services.retry, "cancel": services.cancel}.get(str(posted.get("act")))
        document = _present().filter(collection=collection, pk__in=filter(None, [as_uuid(posted.get("id"))])).first()
        if service is None or document is None:
            raise Http404("There is no such document.")
        try:
            service(by=actor(request), document=document)
        except DocumentsError as error:
            return _refusal(error)
        return JsonResponse({"document": _json(document.pk)})


def _present() -> QuerySet[Document]:
    return Document.objects.present().select_related("latest", "current")


def _on_their_way(collection: Collection) -> QuerySet[Document]:
    """What is unfinished, and what failed within a day."""
    failed = Q(latest__state=State.FAILED, latest__finished_at__gte=timezone.now() - RECENT)
    rows = _present().filter(Q(latest__state__in=UNFINISHED) | failed, collection=collection)
    return rows.order_by("created_at")[:SHOWN_AT_FIRST]


def _json(pk: UUID) -> dict[str, Any]:
    return selectors.document_json(_present().get(pk=pk))


def _posted(request: HttpRequest) -> dict[str, Any]:
    try:
        posted = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return posted if isinstance(posted, dict) else {}


def _refusal(error: DocumentsError) -> JsonResponse:
    body = {"code": error.code, "message": error.message, "hint": error.hint}
    return JsonResponse(body, status=error.status)

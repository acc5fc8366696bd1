"""The upload page of a collection: the page itself, one file at a time, and how far they all are."""

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from apps.documents import selectors, services
from apps.documents.admin.common import actor, as_uuid
from apps.documents.admin.retrying import with_permanence
from apps.documents.admin.streams import progress_events
from apps.documents.errors import Conflict, DocumentsError, Refused
from apps.documents.models import UNFINISHED, Collection, Document, Source, State
from engines import parsing

SHOWN_AT_FIRST = 500
"""Rows of documents that are still on their way when the page is opened (again); of failed ones as many."""
RECENT = timedelta(days=1)
MOST_ASKED = 1000
MOST_ACTED_ON = 50
"""In one request, so that each is short; the page sends as many as it takes."""


class UploadPages(ModelAdmin):
    """Adds `<collection>/upload/` and what its script calls to the admin of collections."""

    def get_urls(self) -> list[URLPattern]:
        def page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
            return self.admin_site.admin_view(view)

        return [
            path("<uuid:pk>/upload/", page(require_safe(self.upload_page)), name="documents_collection_upload"),
            path("<uuid:pk>/upload/file", page(require_POST(self.upload_file)), name="documents_collection_file"),
            path("<uuid:pk>/upload/page", page(require_POST(self.upload_from_web)), name="documents_collection_page"),
            path("<uuid:pk>/upload/progress", page(require_POST(self.progress)), name="documents_collection_progress"),
            # Not wrapped: the admin's wrapper is for views that are not asynchronous. It asks for permission itself.
            path("<uuid:pk>/upload/events", progress_events, name="documents_collection_events"),
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
        """Where files, text and addresses are given; it begins with the documents that are still on their way."""
        collection = self._collection(request, pk)
        waiting = _present().filter(collection=collection, latest__state__in=UNFINISHED)
        begun = list(waiting.order_by("latest__turn", "latest__pk")[:SHOWN_AT_FIRST])
        names = ("file", "page", "progress", "events", "act")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": collection,
            "title": f"Upload to {collection.name}",
            "collection": collection,
            "urls": {name: reverse(f"admin:documents_collection_{name}", args=[pk]) for name in names},
            "may_add_sources": self.admin_site.get_model_admin(Source).has_add_permission(request),
            "formats": ", ".join(each.name for each in parsing.FORMATS if each.is_taken),
            "limit_bytes": int(settings.MAX_UPLOAD_MB * 1_000_000),
            "limit_words": f"{settings.MAX_UPLOAD_MB:g} MB",
            "documents": _rows([*_failed_lately(collection), *begun]),
            "opened": int(timezone.now().timestamp()),
            "serving": _present().filter(collection=collection, current__isnull=False).count(),
            "more": max(0, waiting.count() - len(begun)),
        }
        return TemplateResponse(request, "admin/documents/upload.html", context)

    def upload_from_web(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Takes the address `url` of one page or file: as `upload_file`; a worker fetches it."""
        collection = self._collection(request, pk)
        try:
            document = services.add_page(by=actor(request), collection=collection, url=request.POST.get("url", ""))
        except DocumentsError as error:
            return _refusal(error)
        known = _json(document.pk)
        return JsonResponse({"document": known, "created": known["status"] == State.QUEUED}, status=202)

    def upload_file(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Takes one file, pasted text too: 202 with its document, or a refusal in one sentence."""
        collection = self._collection(request, pk)
        file = request.FILES.get("file")
        try:
            if file is None:
                raise Refused("no_file", "No file arrived; choose it again.")
            same: Any = request.POST.get("duplicates", "skip")
            named = {name: request.POST.get(name, "") for name in ("title", "path")}
            uploaded = services.upload(by=actor(request), collection=collection, file=file, duplicates=same, **named)
        except DocumentsError as error:
            return _refusal(error)
        notice = selectors.namesake_notice(uploaded.document) if uploaded.created and same == "skip" else ""
        body = {
            "document": _json(uploaded.document.pk),
            "created": uploaded.created,
            "replaced": uploaded.replaced,
            "notice": notice,
        }
        return JsonResponse(body, status=202)

    def progress(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """How far the documents `ids` of this collection are; deleted ones are not among them."""
        collection = self._collection(request, pk)
        asked = _posted(request).get("ids")
        ids = [known for text in (asked if isinstance(asked, list) else [])[:MOST_ASKED] if (known := as_uuid(text))]
        found = _present().filter(collection=collection, pk__in=ids)
        return JsonResponse({"documents": _rows(found)})

    def act(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Retries or cancels the documents `ids` of this collection; gives those that are there, as they are then,
        and what was refused. A document that cannot be tried again, because it is ready, is left as it is."""
        collection = self._collection(request, pk)
        posted = _posted(request)
        service = {"retry": services.retry, "cancel": services.cancel}.get(str(posted.get("act")))
        asked = posted.get("ids")
        ids = [known for text in (asked if isinstance(asked, list) else [])[:MOST_ACTED_ON] if (known := as_uuid(text))]
        if service is None or not ids:
            raise Http404("There is nothing to do.")
        refused = []
        for document in _present().filter(collection=collection, pk__in=ids):
            try:
                service(by=actor(request), document=document)
            except Conflict:
                continue
            except DocumentsError as error:
                refused.append({"id": str(document.pk), "message": error.message})
        found = _present().filter(collection=collection, pk__in=ids)
        return JsonResponse({"documents": _rows(found), "refused": refused})


def _present() -> QuerySet[Document]:
    return Document.objects.present().select_related("latest", "collection", "parent")


def _failed_lately(collection: Collection) -> list[Document]:
    """What failed within a day, the newest failures of them."""
    since = timezone.now() - RECENT
    failed = _present().filter(collection=collection, latest__state=State.FAILED, latest__finished_at__gte=since)
    return list(failed.order_by("-latest__finished_at")[:SHOWN_AT_FIRST])


def _rows(documents: Iterable[Document]) -> list[dict[str, Any]]:
    return with_permanence(selectors.progress_rows(documents))


def _json(pk: UUID) -> dict[str, Any]:
    return _rows(_present().filter(pk=pk))[0]


def _posted(request: HttpRequest) -> dict[str, Any]:
    try:
        posted = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return posted if isinstance(posted, dict) else {}


def _refusal(error: DocumentsError) -> JsonResponse:
    body = {"code": error.code, "message": error.message, "hint": error.hint}
    return JsonResponse(body, status=error.status)

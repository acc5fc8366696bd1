"""What is done to one document from its page. Every write is a POST and goes through a service."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from apps.documents import services
from apps.documents.admin.common import actor, as_uuid
from apps.documents.errors import DocumentsError, Refused
from apps.documents.models import Collection, Document

Act = Callable[[HttpRequest, Document], str]


class DocumentActions(ModelAdmin):
    """Adds `<document>/retry` and its like to the admin of documents."""

    def get_urls(self) -> list[URLPattern]:
        acts: dict[str, Act] = {
            "retry": _retry,
            "cancel": _cancel,
            "rename": _rename,
            "move": _move,
            "tag": _tag,
            "replace": _replace,
            "activate": _activate,
        }
        return [
            path(f"<uuid:pk>/{name}", self._page(act), name=f"documents_document_{name}") for name, act in acts.items()
        ] + super().get_urls()

    def _page(self, act: Act) -> Callable[..., HttpResponseBase]:
        def view(request: HttpRequest, pk: UUID) -> HttpResponse:
            document = self.document_for(request, pk, self.has_change_permission)
            try:
                messages.success(request, act(request, document))
            except DocumentsError as error:
                messages.error(request, f"{error.message} {error.hint}".strip())
            return redirect("admin:documents_document_change", pk)

        return self.admin_site.admin_view(require_POST(view))

    def document_for(self, request: HttpRequest, pk: UUID, allowed: Callable[..., bool]) -> Document:
        """A present document, for those who may. Raises Http404 and PermissionDenied."""
        document = self.get_object(request, str(pk))
        if document is None:
            raise Http404("There is no such document.")
        if not allowed(request, document):
            raise PermissionDenied
        return document


def _retry(request: HttpRequest, document: Document) -> str:
    services.retry(by=actor(request), document=document)
    return "It is queued again."


def _cancel(request: HttpRequest, document: Document) -> str:
    services.cancel(by=actor(request), document=document)
    return "It is cancelled."


def _rename(request: HttpRequest, document: Document) -> str:
    renamed = services.rename(by=actor(request), document=document, title=request.POST.get("title", ""))
    return f"It is called “{renamed.title}” now."


def _move(request: HttpRequest, document: Document) -> str:
    to = Collection.objects.filter(pk__in=filter(None, [as_uuid(request.POST.get("to"))])).first()
    if to is None:
        raise Refused("no_collection", "Choose the collection to move it to.")
    services.move(by=actor(request), document=document, to=to)
    return f"It is in {to.name} now."


def _tag(request: HttpRequest, document: Document) -> str:
    services.tag(by=actor(request), document=document, names=request.POST.get("tags", "").split(","))
    return "Its tags are saved."


def _replace(request: HttpRequest, document: Document) -> str:
    file: Any = request.FILES.get("file")
    if file is None:
        raise Refused("no_file", "No file arrived; choose it again.")
    replaced = services.replace(by=actor(request), document=document, file=file)
    if replaced.latest_id == document.latest_id:
        return "The document has exactly this file already; there is no new version."
    return "The new version is queued; the one before serves until it is ready."


def _activate(request: HttpRequest, document: Document) -> str:
    version = as_uuid(request.POST.get("version"))
    if version is None:
        raise Refused("no_version", "Choose the version that is to serve.")
    services.activate(by=actor(request), document=document, version=version)
    return "This version serves now."

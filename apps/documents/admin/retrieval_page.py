"""The retrieval page of a collection: which passages a question finds, and why; beside it another setting's."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe
from unfold.decorators import action

from apps.documents import selectors
from apps.documents.admin.common import actor
from apps.documents.admin.retrieval_form import Forms, SettingForm
from apps.documents.admin.retrieval_rows import Asked, found_lists
from apps.documents.errors import DocumentsError
from apps.documents.models import UNFINISHED, Collection, Document
from rag.errors import SearchUnavailable

if TYPE_CHECKING:
    from apps.users.models import User


class RetrievalPage(ModelAdmin):
    """Adds `<collection>/retrieval/` to the admin of collections. All it is asked stands in its address."""

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(require_safe(self.retrieval_page))
        return [path("<uuid:pk>/retrieval/", page, name="documents_collection_retrieval"), *super().get_urls()]

    def has_retrieval_permission(self, request: HttpRequest, obj: Collection | str | None = None) -> bool:
        """Who may change the collection, and may read its documents here: the page shows what stands in them."""
        documents = self.admin_site.get_model_admin(Document)
        return self.has_change_permission(request) and documents.has_view_permission(request)

    @action(description="Try retrieval", url_path="to-retrieval", permissions=["retrieval"], icon="search")
    def go_to_retrieval(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """From the page of a collection to its retrieval page."""
        return redirect("admin:documents_collection_retrieval", object_id)

    def retrieval_page(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The form, and below it what the question in the address finds."""
        collection = Collection.objects.filter(pk=pk).first()
        if collection is None:
            raise Http404("There is no such collection.")
        if not self.has_retrieval_permission(request, collection):
            raise PermissionDenied
        forms = Forms.of(collection, request.GET)
        standing = _standing(collection)
        found: dict[str, Any] = {}
        status = 200
        if standing["serving"] and forms.are_asked and forms.are_valid():
            found, status = _found(actor(request), collection, forms)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": collection,
            "title": f"Try retrieval in {collection.name}",
            "collection": collection,
            "forms": forms,
            **standing,
            **found,
        }
        return TemplateResponse(request, "admin/documents/retrieval.html", context, status=status)


def _standing(collection: Collection) -> dict[str, int]:
    """How many of its documents can be found, and how many are on their way."""
    present = Document.objects.present().filter(collection=collection)
    return {
        "serving": present.filter(current__isnull=False).count(),
        "coming": present.filter(Q(current__isnull=True) & Q(latest__state__in=UNFINISHED)).count(),
    }


def _found(by: "User", collection: Collection, forms: Forms) -> tuple[dict[str, Any], int]:
    """What each setting finds, or the one sentence why nothing can be said; and the status of the answer."""
    question = forms.question.cleaned_data

    def asked(form: SettingForm) -> Asked:
        mode, narrowing = form.cleaned_data["mode"], form.narrowing()
        found = selectors.search_in(user=by, collection=collection, **question, mode=mode, narrowing=narrowing)
        return Asked(form.words(), mode, found)

    try:
        return {"lists": found_lists(question["query"], [asked(form) for form in forms.settings()])}, 200
    except DocumentsError as error:
        return {"problem": f"{error.message} {error.hint}".strip()}, error.status
    except SearchUnavailable as error:
        return {"problem": error.message}, 503

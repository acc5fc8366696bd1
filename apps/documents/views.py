"""What a signed-in person sees of a document: a page as image and text, a passage marked on it, the file."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.documents import selectors
from apps.documents.downloads import FileInPieces, as_download
from apps.documents.errors import DocumentsError, NotFound
from apps.documents.sourcepage import Span, source_page

if TYPE_CHECKING:
    from apps.users.models import User

PRIVATE = "private, max-age=300"


def readable(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """For signed-in people; what is foreign or gone is 404, other refusals are JSON with one sentence."""

    @wraps(view)
    def guarded(request: HttpRequest, document_id: UUID, **arguments: int) -> HttpResponseBase:
        try:
            return view(request, document_id, **arguments)
        except NotFound as error:
            raise Http404(error.message) from error
        except DocumentsError as error:
            response = JsonResponse({"code": error.code, "message": error.message}, status=error.status)
            if (seconds := getattr(error, "retry_after", None)) is not None:
                response.headers["Retry-After"] = str(seconds)
            return response

    return login_required(require_safe(guarded))


def _user(request: HttpRequest) -> "User":
    return cast("User", request.user)


def _version(request: HttpRequest) -> str | None:
    return request.GET.get("version") or None


@readable
def source(request: HttpRequest, document_id: UUID) -> HttpResponseBase:
    """The source panel at `page`, with characters `start` to `end` of page `at` marked."""
    document = selectors.document_of(_user(request), document_id)
    span = Span.from_query(request.GET)
    context = source_page(user=_user(request), document=document, version=_version(request), span=span)
    return render(request, "documents/source.html", context)


@readable
def page_image(request: HttpRequest, document_id: UUID, number: int) -> HttpResponseBase:
    """The page as a PNG, rendered at its first request."""
    document = selectors.document_of(_user(request), document_id)
    path = selectors.page_image(_user(request), document, _version(request), number)
    return FileInPieces(path.open("rb"), content_type="image/png", headers={"Cache-Control": PRIVATE})


@readable
def page_text(request: HttpRequest, document_id: UUID, number: int) -> HttpResponseBase:
    """The page as it was extracted, as JSON."""
    document = selectors.document_of(_user(request), document_id)
    return JsonResponse(selectors.page_text(_user(request), document, number, _version(request)))


@readable
def original(request: HttpRequest, document_id: UUID) -> HttpResponseBase:
    """The file as it was uploaded: always a download, never shown, so that nothing in it can run here."""
    document = selectors.document_of(_user(request), document_id)
    found = selectors.original(_user(request), document, _version(request))
    return as_download(found.file, file_name=found.file_name, media_type=found.media_type)

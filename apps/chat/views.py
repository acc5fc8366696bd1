"""The chat's pages, and the small JSON that their scripts call."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import close_old_connections
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST, require_safe

from apps.chat import selectors, services
from apps.chat.errors import ChatError, NotFound
from apps.chat.models import Answer, Conversation
from apps.chat.presenting import FEEDBACK_REASONS, grouped, shown, thread
from apps.documents import selectors as documents

if TYPE_CHECKING:
    from apps.users.models import User

LISTED = 200
"""Conversations in the sidebar; the search finds the older ones."""
STARTERS = 5
SSE_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


def _user(request: HttpRequest) -> "User":
    return cast("User", request.user)


def refusable(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answers a refusal with its status and `{code, message}`; what is foreign or gone is 404."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except ChatError as error:
            body = {"code": error.code, "message": error.message}
            response = JsonResponse(body, status=error.status)
            if (seconds := getattr(error, "retry_after", None)) is not None:
                response.headers["Retry-After"] = str(seconds)
            return response

    return guarded


# -------------------------------------------------------------------------------------------- pages


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """An empty chat, with questions to start from."""
    return render(request, "chat/page.html", _page(request, None))


@require_safe
@login_required
def conversation(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """A conversation with all its answers."""
    try:
        own = selectors.conversation_of(_user(request), conversation_id)
    except NotFound as error:
        raise Http404(error.message) from error
    return render(request, "chat/page.html", _page(request, own))


def _page(request: HttpRequest, own: Conversation | None) -> dict[str, Any]:
    user = _user(request)
    collections = list(documents.collections_of(user))
    answers = selectors.answers_of(own) if own else []
    return {
        "conversation": own,
        "current": own.pk if own else None,
        "groups": grouped(selectors.conversations_of(user)[:LISTED]),
        "collections": collections,
        "chosen": [each.pk for each in collections if own is not None and str(each.pk) in own.collections],
        "starters": _starters(collections),
        "answers": thread([shown(selectors.answer_json(answer, user)) for answer in answers]),
        "feedback_reasons": FEEDBACK_REASONS,
        "question_limit": settings.MAX_QUESTION_CHARS,
    }


def _starters(collections: list[Any]) -> list[dict[str, Any]]:
    """The first question of each collection, then the second of each, and so on; all of them stay in the
    page, because the picker narrows them."""
    depth = max((len(each.starter_questions) for each in collections), default=0)
    rounds = [(each, n) for n in range(depth) for each in collections if n < len(each.starter_questions)]
    return [{"collection": each, "question": each.starter_questions[n]} for each, n in rounds[: STARTERS * 4]]


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """For the pages that do not name it: the admin, the API's documentation."""
    return redirect(static("img/icon.svg"), permanent=True)


@require_GET
@login_required
def conversations(request: HttpRequest) -> HttpResponse:
    """The sidebar's list, narrowed by `q`."""
    query = request.GET.get("q", "")[:200]
    found = selectors.conversations_of(_user(request), query)[:LISTED]
    current = request.GET.get("current", "")
    context = {"groups": grouped(found), "query": query, "current": _uuid(current)}
    return render(request, "chat/conversations.html", context)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# ------------------------------------------------------------------------------------------- writes


@require_POST
@login_required
@refusable
def ask(request: HttpRequest) -> HttpResponse:
    """Asks a question, or with `again` the question of an answer once more."""
    again = _uuid(request.POST.get("again", ""))
    if again is not None:
        asked = services.ask_again(by=_user(request), answer=again)
    else:
        asked = services.ask(
            by=_user(request),
            question=request.POST.get("question", ""),
            collections=_chosen(request),
            conversation=_uuid(request.POST.get("conversation", "")),
        )
    url = reverse("chat:conversation", args=[asked.conversation_id])
    if "application/json" not in request.headers.get("Accept", ""):
        return redirect(url)
    body = {"answer": str(asked.pk), "conversation": str(asked.conversation_id), "url": url}
    return JsonResponse({**body, "html": _article(request, asked)}, status=202)


def _chosen(request: HttpRequest) -> list[UUID]:
    """The collections ticked; none ticked means all of the person's."""
    ticked = [pk for text in request.POST.getlist("collections") if (pk := _uuid(text))]
    return ticked or list(documents.collections_of(_user(request)).values_list("pk", flat=True))


def _article(request: HttpRequest, answer: Answer) -> str:
    variants = [each for each in selectors.answers_of(answer.conversation) if _root(each) == _root(answer)]
    place = [each.pk for each in variants].index(answer.pk)
    row = {**shown(selectors.answer_json(answer, _user(request))), "variant": place + 1, "variants": len(variants)}
    context = {"answer": row, "feedback_reasons": FEEDBACK_REASONS}
    return render_to_string("chat/answer.html", context, request)


def _root(answer: Answer) -> UUID:
    return answer.again_of_id or answer.pk


@require_POST
@login_required
@refusable
def stop(request: HttpRequest, answer_id: UUID) -> HttpResponse:
    """Stops an answer that is being written."""
    services.stop(by=_user(request), answer=answer_id)
    return HttpResponse(status=204)


@require_POST
@login_required
@refusable
def feedback(request: HttpRequest, answer_id: UUID) -> HttpResponse:
    """Thumb up (`value=1`) or down (`value=-1`), with reasons and a comment."""
    services.give_feedback(
        by=_user(request),
        answer=answer_id,
        value={"1": 1, "-1": -1}.get(request.POST.get("value", ""), 0),
        reasons=request.POST.getlist("reasons"),
        comment=request.POST.get("comment", ""),
    )
    return HttpResponse(status=204)


@require_POST
@login_required
@refusable
def rename(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Gives a conversation another title."""
    services.rename(by=_user(request), conversation=conversation_id, title=request.POST.get("title", ""))
    return HttpResponse(status=204)


@require_POST
@login_required
@refusable
def pin(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Pins a conversation, or with an empty `pinned` unpins it."""
    services.pin(by=_user(request), conversation=conversation_id, pinned=bool(request.POST.get("pinned")))
    return HttpResponse(status=204)


@require_POST
@login_required
@refusable
def delete(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Deletes a conversation with its answers."""
    services.delete_conversation(by=_user(request), conversation=conversation_id)
    return HttpResponse(status=204)


# ------------------------------------------------------------------------------------------ answers


@require_GET
@login_required
@refusable
def answer(request: HttpRequest, answer_id: UUID) -> HttpResponse:
    """One answer as it stands in the thread."""
    return HttpResponse(_article(request, selectors.answer_of(_user(request), answer_id)))


@require_GET
async def events(request: HttpRequest, answer_id: UUID) -> HttpResponseBase:
    """The events of an answer as they happen, after `Last-Event-ID` or `after`."""
    user = cast("User", await request.auser())
    if not user.is_authenticated:
        return JsonResponse({"code": "signed_out", "message": "Your session has ended. Sign in again."}, status=401)
    try:
        await sync_to_async(selectors.answer_of)(user, answer_id)
    except NotFound as error:
        return JsonResponse({"code": error.code, "message": error.message}, status=404)
    # A stream may last minutes; the connection to the database goes back before it begins.
    await sync_to_async(close_old_connections)()
    last = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) < 10 else 0
    stream = selectors.stream(
        answer_id=answer_id, after=after, user_id=user.pk, session=request.session.session_key or ""
    )
    return StreamingHttpResponse(stream, content_type="text/event-stream", headers=SSE_HEADERS)

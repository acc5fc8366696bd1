"""Writes of the chat. Each is keyword-only and names its actor; what a person does not own is NotFound."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.chat import eventlog
from apps.chat.errors import ChatError, NotFound, Refused, ServiceUnavailable
from apps.chat.models import UNFINISHED, Answer, Conversation, Feedback
from apps.chat.selectors import answer_of, conversation_of
from apps.documents import selectors as documents
from apps.inference import selectors as inference
from engines import queues
from engines.queues import QueueUnavailable

if TYPE_CHECKING:
    from apps.users.models import User

__all__ = [
    "ChatError",
    "NotFound",
    "Refused",
    "ServiceUnavailable",
    "ask",
    "ask_again",
    "create_conversation",
    "delete_conversation",
    "give_feedback",
    "pin",
    "rename",
    "stop",
]

POLICIES = ("fast", "balanced", "best")
LONGEST_TITLE = 200
TITLE_FROM_QUESTION = 80
LONGEST_COMMENT = 4000
MOST_REASONS = 20
LONGEST_REASON = 100


def create_conversation(*, by: "User", collections: Iterable[UUID] = ()) -> Conversation:
    """An empty conversation that offers these collections for its first question. Raises NotFound."""
    return Conversation.objects.create(owner=by, collections=_own_collections(by, collections))


def rename(*, by: "User", conversation: Conversation | UUID, title: str) -> Conversation:
    """Gives a conversation the title its owner wants. Raises NotFound, Refused."""
    own = _own_conversation(by, conversation)
    title = " ".join(_storable(title).split())
    if not title or len(title) > LONGEST_TITLE:
        raise Refused("title", f"A title has 1 to {LONGEST_TITLE} characters.")
    # No save(): a new title does not make a conversation the newest.
    Conversation.objects.filter(pk=own.pk).update(title=title)
    own.title = title
    return own


def pin(*, by: "User", conversation: Conversation | UUID, pinned: bool = True) -> Conversation:
    """Keeps a conversation at the top of the list, or no longer. Raises NotFound."""
    own = _own_conversation(by, conversation)
    Conversation.objects.filter(pk=own.pk).update(pinned=pinned)
    own.pinned = pinned
    return own


def delete_conversation(*, by: "User", conversation: Conversation | UUID) -> None:
    """Takes a conversation and its answers away; what is being written is stopped. Raises NotFound."""
    own = _own_conversation(by, conversation)
    answers = list(own.answers.values_list("pk", "status"))
    with transaction.atomic():
        own.delete()
        transaction.on_commit(partial(_forget_events, answers))


def ask(
    *,
    by: "User",
    question: str,
    collections: Iterable[UUID],
    conversation: Conversation | UUID | None = None,
    documents: Iterable[UUID] = (),
    policy: str = "balanced",
    model: str = "",
) -> Answer:
    """Puts a question on the queue; its answer is written by a worker. Without a conversation it opens one.

    Raises Refused, NotFound, and ServiceUnavailable (within 2 s) when no queue takes it; then nothing is
    kept, and the same call may be made again.
    """
    question = _checked_question(question)
    if policy not in POLICIES:
        raise Refused("policy", f"There is no policy “{policy[:50]}”; choose one of: {', '.join(POLICIES)}.")
    if model and not inference.knows_model(model):
        known = ", ".join(inference.model_names()) or "none is set up"
        raise Refused("model", f"There is no model “{model[:200]}”; leave it out or choose one of: {known}.")
    asked = _own_collections(by, collections)
    if not asked:
        raise Refused("no_collection", "Choose at least one collection to ask.")
    narrowed = _own_documents(by, asked, documents)
    thread = None if conversation is None else _own_conversation(by, conversation)
    draft = Answer(question=question, collections=asked, documents=narrowed, policy=policy, model=model)
    return _queue(by, thread, draft)


def ask_again(*, by: "User", answer: Answer | UUID) -> Answer:
    """The same question once more, as a variant of the first answer. Raises NotFound, ServiceUnavailable."""
    own = answer_of(by, _id(answer))
    collections = _own_collections(by, [UUID(pk) for pk in own.collections])
    draft = Answer(
        again_of_id=own.again_of_id or own.pk,
        question=own.question,
        collections=collections,
        documents=_own_documents(by, collections, [UUID(pk) for pk in own.documents]),
        policy=own.policy,
        model=own.model,
    )
    return _queue(by, own.conversation, draft)


def stop(*, by: "User", answer: Answer | UUID) -> Answer:
    """Asks the writer to stop; it closes the engine's request and keeps what is there. Stopping twice, or
    what has ended, changes nothing. Raises NotFound."""
    own = answer_of(by, _id(answer))
    running = Answer.objects.filter(pk=own.pk, status__in=UNFINISHED)
    if running.update(stop_requested=True):
        eventlog.ask_to_stop(own.pk)
        own.stop_requested = True
    return own


def give_feedback(
    *, by: "User", answer: Answer | UUID, value: int, reasons: Sequence[str] = (), comment: str = ""
) -> Feedback:
    """What the reader thought of it: 1 or -1; a later one replaces it. Raises NotFound, Refused."""
    own = answer_of(by, _id(answer))
    if value not in (1, -1):
        raise Refused("value", "The value is 1 for a helpful answer and -1 for one that is not.")
    if len(comment) > LONGEST_COMMENT:
        raise Refused("comment", f"A comment has at most {LONGEST_COMMENT} characters.")
    if len(reasons) > MOST_REASONS or any(len(reason) > LONGEST_REASON for reason in reasons):
        raise Refused("reasons", f"Give at most {MOST_REASONS} reasons of up to {LONGEST_REASON} characters each.")
    told = {"value": value, "reasons": [_storable(r) for r in reasons], "comment": _storable(comment)}
    return Feedback.objects.update_or_create(answer=own, defaults=told)[0]


# ------------------------------------------------------------------------------------------- inside


def _queue(by: "User", thread: Conversation | None, draft: Answer) -> Answer:
    with transaction.atomic():
        opened = thread is None
        thread = thread or Conversation.objects.create(owner=by)
        thread.title = thread.title or _title(draft.question)
        thread.collections = draft.collections
        thread.save(update_fields=["title", "collections", "updated_at"])
        draft.conversation = thread
        draft.save()
        transaction.on_commit(partial(_send_or_take_back, draft, opened))
    return draft


def _send_or_take_back(answer: Answer, opened: bool) -> None:
    try:
        queues.send("chat.answer", str(answer.pk))
    except QueueUnavailable as error:
        if opened:
            answer.conversation.delete()
        else:
            Answer.objects.filter(pk=answer.pk).delete()
        raise _no_queue() from error


def _no_queue() -> ServiceUnavailable:
    return ServiceUnavailable(
        "unavailable", "Questions cannot be taken at the moment; ask again in a few seconds.", "Nothing was kept."
    )


def _forget_events(answers: Iterable[tuple[UUID, str]]) -> None:
    for pk, status in answers:
        if status in UNFINISHED:
            eventlog.ask_to_stop(pk)
        eventlog.forget(pk)


def _checked_question(question: str) -> str:
    question = _storable(question).strip()
    if not question:
        raise Refused("empty_question", "Write a question first.")
    if len(question) > settings.MAX_QUESTION_CHARS:
        raise Refused(
            "question_too_long",
            f"The question has {len(question):,} characters; at most {settings.MAX_QUESTION_CHARS:,} are taken. "
            "Shorten it, or put the text into a document and ask about that.",
            "The limit is the setting MAX_QUESTION_CHARS.",
        )
    return question


def _storable(text: str) -> str:
    """Without what a database refuses: NUL (PostgreSQL) and halves of surrogate pairs (UTF-8)."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _title(question: str) -> str:
    line = " ".join(question.split())
    if len(line) <= TITLE_FROM_QUESTION:
        return line
    return line[: TITLE_FROM_QUESTION - 1].rsplit(" ", 1)[0] + "…"


def _own_collections(by: "User", ids: Iterable[UUID]) -> list[str]:
    wanted = _ids(ids, "There is no collection {}, or you are not a member of it.")
    visible = documents.collections_of(by).filter(pk__in=wanted)
    seen = {str(pk) for pk in visible.values_list("pk", flat=True)}
    if missing := [pk for pk in wanted if pk not in seen]:
        raise NotFound(f"There is no collection {missing[0]}, or you are not a member of it.")
    return wanted


def _own_documents(by: "User", collections: Sequence[str], ids: Iterable[UUID]) -> list[str]:
    wanted = _ids(ids, "There is no document {} in the collections asked.")
    if not wanted:
        return []
    there = documents.documents_of(by).filter(pk__in=wanted, collection__in=[UUID(pk) for pk in collections])
    seen = {str(pk) for pk in there.values_list("pk", flat=True)}
    if missing := [pk for pk in wanted if pk not in seen]:
        raise NotFound(f"There is no document {missing[0]} in the collections asked.")
    return wanted


def _ids(ids: Iterable[UUID | str], unknown: str) -> list[str]:
    """Each once, in order; what is no id at all is as unknown as any other."""
    wanted: dict[str, None] = {}
    for pk in ids:
        try:
            wanted[str(UUID(str(pk)))] = None
        except ValueError:
            raise NotFound(unknown.format(str(pk)[:50])) from None
    return list(wanted)


def _own_conversation(by: "User", conversation: Conversation | UUID) -> Conversation:
    return conversation_of(by, conversation.pk if isinstance(conversation, Conversation) else conversation)


def _id(answer: Answer | UUID) -> UUID:
    return answer.pk if isinstance(answer, Answer) else answer

"""One answer, from taking it off the queue to its receipt, with the engines and the search it needs."""

from collections.abc import Callable, Sequence
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from apps.chat.answering.writer import Writer
from apps.chat.models import Answer, AnswerStatus
from apps.documents import selectors as documents
from apps.documents.services import DocumentsError
from apps.inference import selectors as inference
from apps.inference import services as inference_services
from engines import wiring
from rag.errors import SearchUnavailable
from rag.ports import ChatModel
from rag.types import Found, Turn

TURNS_REMEMBERED = 6
VARIANTS_LOOKED_AT = 3

Search = Callable[[str], Found]


def write(
    answer_id: UUID, worker_id: UUID, *, search: Search | None = None, models: Sequence[ChatModel] | None = None
) -> bool:
    """Writes a queued answer; False when there is nothing to do: it is written, gone, or somebody holds it.

    `search` and `models` stand in for the search process and the endpoints in use.
    """
    try:
        if not _lease(answer_id, worker_id):
            return False
        row = Answer.objects.select_related("conversation__owner").get(pk=answer_id)
        history = _history(row)
        chosen = _models(row) if models is None else models
        resting = models is None and not chosen and _any_endpoint(row)
    finally:
        close_old_connections()
    Writer(row, worker_id).run(history, search or _search(row), chosen, resting=resting)
    return True


def _lease(answer_id: UUID, worker_id: UUID) -> bool:
    """Takes the answer, unless somebody has: a redelivered task ends here."""
    free = Answer.objects.waiting().filter(pk=answer_id)
    return free.update(lease=worker_id, status=AnswerStatus.SEARCHING, started_at=timezone.now()) == 1


def _history(row: Answer) -> list[Turn]:
    """The thread the question stands in, oldest first; of an answer asked again, its newest variant."""
    first = row.again_of or row
    earlier = Answer.objects.filter(conversation=row.conversation_id).earlier_turns(before=first.created_at)
    turns: dict[UUID, Turn] = {}
    for old in earlier[: TURNS_REMEMBERED * VARIANTS_LOOKED_AT]:
        turn = Turn(question=old.question, answer=old.text)
        turns.setdefault(old.again_of_id or old.pk, turn)
    return list(turns.values())[:TURNS_REMEMBERED][::-1]


def _models(row: Answer) -> list[ChatModel]:
    """The endpoints in order; one that fails is passed over by other answers for some seconds."""
    return [inference_services.watched(model) for model in wiring.chat_models(inference.endpoints(row.model))]


def _any_endpoint(row: Answer) -> bool:
    """Whether there is an endpoint that would serve this answer, failed of late or not."""
    return any(not row.model or row.model in (spec.name, spec.model) for spec in inference.all_endpoints())


def _search(row: Answer) -> Search:
    """Searches with the rights that the owner has at that moment."""

    def search(query: str) -> Found:
        try:
            return documents.search(
                user=row.conversation.owner,
                # A stand-alone question can be longer than the question was.
                query=query[: settings.MAX_QUESTION_CHARS],
                collections=row.collections,
                documents=row.documents or None,
                limit=settings.ANSWER_PASSAGES,
            )
        except DocumentsError as error:
            # A collection was deleted, or the person left it, since they asked.
            raise SearchUnavailable(error.message) from error
        finally:
            close_old_connections()

    return search

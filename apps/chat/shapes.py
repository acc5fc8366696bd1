"""Conversations and answers as JSON: the same object in the API, in the pages and at the end of a stream."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from apps.chat.models import Answer, Conversation, Feedback
from apps.documents import selectors as documents
from rag.types import Passage

if TYPE_CHECKING:
    from apps.users.models import User


def conversation_json(conversation: Conversation) -> dict[str, Any]:
    """A conversation without its answers."""
    return {
        "id": str(conversation.pk),
        "title": conversation.title,
        "pinned": conversation.pinned,
        "collections": conversation.collections,
        "created_at": conversation.created_at.isoformat(),
        "updated_at": conversation.updated_at.isoformat(),
    }


def passage_json(passage: Passage) -> dict[str, Any]:
    """A source as it is shown beside an answer."""
    return {
        "chunk": str(passage.chunk),
        "collection": str(passage.collection),
        "document": {
            "id": str(passage.document),
            "title": passage.title,
            "folder": passage.folder,
            "version": str(passage.version),
        },
        "page": passage.page,
        "pages": passage.pages,
        "has_page_image": passage.has_page_image,
        "start": passage.start,
        "end": passage.end,
        "heading": passage.heading,
        "text": passage.text,
        "score": passage.score,
    }


def sources_json(user: "User", found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The sources of an answer, `[{chunk, score}]` as they are stored, with the words they have today:
    what was deleted since, or may no longer be read, is not among them."""
    passages = documents.passages_of(user=user, chunks=[UUID(row["chunk"]) for row in found])
    present = [(passages.get(UUID(row["chunk"])), row["score"]) for row in found]
    return [{**passage_json(passage), "score": score} for passage, score in present if passage]


def answer_json(answer: Answer, user: "User") -> dict[str, Any]:
    """An answer in the shape of the contract (docs/api.md). Quotes and sources are read from the documents
    as they are now; a footnote to a deleted document says when it went and has no quote."""
    return {
        "id": str(answer.pk),
        "conversation": str(answer.conversation_id),
        "again_of": str(answer.again_of_id) if answer.again_of_id else None,
        "status": answer.status,
        "question": answer.question,
        "standalone_question": answer.standalone_question,
        "collections": answer.collections,
        "documents": answer.documents,
        "policy": answer.policy,
        "model": answer.model,
        "text": answer.text,
        "refused": answer.refused,
        "citations": documents.citation_rows(user=user, citations=list(answer.citations.all())),
        "sentences": answer.sentences,
        "nearest": sources_json(user, answer.nearest),
        "notices": answer.notices,
        "receipt": answer.receipt,
        "error": {"code": answer.error_code, "message": answer.error_message} if answer.error_code else None,
        "feedback": feedback_json(answer),
        "created_at": answer.created_at.isoformat(),
        "finished_at": answer.finished_at.isoformat() if answer.finished_at else None,
    }


def feedback_json(answer: Answer) -> dict[str, Any] | None:
    """What the reader thought of an answer, None as long as they have not said."""
    try:
        feedback = answer.feedback
    except Feedback.DoesNotExist:
        return None
    return {"value": feedback.value, "reasons": feedback.reasons, "comment": feedback.comment}

"""Reads of conversations and answers. Permission is an argument of each."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import QuerySet

from apps.chat.errors import ChatError, NotFound, Refused, ServiceUnavailable
from apps.chat.models import Answer, Conversation
from apps.chat.shapes import answer_json, conversation_json, passage_json
from apps.chat.streams import stream, wait_until_done

if TYPE_CHECKING:
    from apps.users.models import User

__all__ = [
    "ChatError",
    "NotFound",
    "Refused",
    "ServiceUnavailable",
    "answer_json",
    "answer_of",
    "answers_of",
    "conversation_json",
    "conversation_of",
    "conversations_of",
    "passage_json",
    "stream",
    "wait_until_done",
    "whole_conversation_json",
]


def conversations_of(user: "User", q: str = "") -> QuerySet[Conversation]:
    """A person's conversations, pinned ones first, then the newest; `q` looks into titles and questions."""
    own = Conversation.objects.visible_to(user)
    words = q.replace("\0", "").strip()
    return own.matching(words) if words else own


def conversation_of(user: "User", conversation_id: UUID) -> Conversation:
    """One of a person's conversations. Raises NotFound."""
    conversation = Conversation.objects.visible_to(user).filter(pk=conversation_id).first()
    if conversation is None:
        raise NotFound("There is no such conversation; it may have been deleted.")
    return conversation


def answers_of(conversation: Conversation) -> QuerySet[Answer]:
    """The answers of a conversation in the order they were asked, with what their JSON needs."""
    return conversation.answers.prefetch_related("citations").select_related("feedback")


def answer_of(user: "User", answer_id: UUID) -> Answer:
    """One of a person's answers, with what its JSON needs. Raises NotFound."""
    own = Answer.objects.visible_to(user).filter(pk=answer_id)
    answer = own.select_related("conversation", "feedback").prefetch_related("citations").first()
    if answer is None:
        raise NotFound("There is no such answer; its conversation may have been deleted.")
    return answer


def whole_conversation_json(conversation: Conversation, user: "User") -> dict[str, Any]:
    """A conversation with all its answers."""
    answers = [answer_json(answer, user) for answer in answers_of(conversation)]
    return {**conversation_json(conversation), "answers": answers}

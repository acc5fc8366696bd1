"""Reads with names: a person sees only their own conversations and answers."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from apps.users.models import User


class ConversationQuerySet(models.QuerySet):
    """Conversations by who may see them."""

    def visible_to(self, user: "User") -> Self:
        """The person's own, while the account is active."""
        return self.filter(owner=user) if user.is_active else self.none()

    def matching(self, words: str) -> Self:
        """Those whose title or questions hold the words, in whatever case."""
        asked = self.model._default_manager.filter(answers__question__icontains=words).values("pk")
        return self.filter(models.Q(title__icontains=words) | models.Q(pk__in=asked))


class AnswerQuerySet(models.QuerySet):
    """Answers by who may see them and where they stand."""

    def visible_to(self, user: "User") -> Self:
        """Those in the person's own conversations."""
        return self.filter(conversation__owner=user) if user.is_active else self.none()

    def unfinished(self) -> Self:
        """Queued, searching or writing."""
        return self.filter(status__in=("queued", "searching", "writing"))

    def waiting(self) -> Self:
        """Queued, and nobody has taken them yet, oldest first."""
        return self.filter(status="queued", lease__isnull=True).order_by("created_at")

    def held_by_others(self, workers: set) -> Self:
        """Unfinished, with a lease of none of these workers."""
        return self.unfinished().filter(lease__isnull=False).exclude(lease__in=workers)

    def earlier_turns(self, *, before: datetime) -> Self:
        """Whole answers from before a moment, newest first: the thread a new question stands in."""
        return self.filter(status="done", created_at__lt=before).order_by("-created_at")

"""Conversations and answers. An answer's words are its own; its quotes stay in the documents."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from uuid_utils.compat import uuid7

from apps.chat.querysets import AnswerQuerySet, ConversationQuerySet


class Conversation(models.Model):
    """A thread of questions by one person."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conversations")
    title = models.CharField(max_length=200, blank=True)
    pinned = models.BooleanField(default=False)
    collections = models.JSONField(default=list, help_text="Ids last asked about; offered for the next question.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    objects = ConversationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-pinned", "-updated_at"]

    def __str__(self) -> str:
        return self.title or "New chat"


class AnswerStatus(models.TextChoices):
    """Where an answer is on its way; the last four are final."""

    QUEUED = "queued"
    SEARCHING = "searching"
    WRITING = "writing"
    DONE = "done"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    FAILED = "failed"


UNFINISHED = (AnswerStatus.QUEUED, AnswerStatus.SEARCHING, AnswerStatus.WRITING)


class Answer(models.Model):
    """A question and what was answered, with its receipt."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="answers")
    again_of = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="variants",
        help_text="The first answer to the same question, when it was asked again.",
    )
    question = models.TextField()
    standalone_question = models.TextField(blank=True)
    collections = models.JSONField(default=list, help_text="Ids of the collections asked, as strings.")
    documents = models.JSONField(default=list, blank=True, help_text="Ids it was narrowed to; empty means all.")
    policy = models.CharField(max_length=20, default="balanced")
    model = models.CharField(max_length=200, blank=True, help_text="The endpoint asked for by name, if any.")

    status = models.CharField(max_length=12, choices=AnswerStatus.choices, default=AnswerStatus.QUEUED, db_index=True)
    text = models.TextField(blank=True)
    refused = models.BooleanField(default=False)
    sentences = models.JSONField(default=list)
    nearest = models.JSONField(default=list, help_text="The sources shown, best first: [{chunk, score}].")
    notices = models.JSONField(default=list)
    receipt = models.JSONField(default=dict)
    error_code = models.CharField(max_length=50, blank=True)
    error_message = models.TextField(blank=True)

    lease = models.UUIDField(null=True, help_text="The worker that writes it (inference.Worker).")
    stop_requested = models.BooleanField(default=False)
    marks = models.JSONField(
        default=list,
        help_text="[seq, end] of each token event: lets the database resume a stream that Redis has lost.",
    )
    final_seq = models.PositiveIntegerField(default=0, help_text="Number of the last event, `done` or `error`.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    objects = AnswerQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["created_at", "id"]

    def __str__(self) -> str:
        return f"Answer {self.pk}"


class Citation(models.Model):
    """Footnote `n` of an answer: a span of a chunk. The quote itself is read from the chunk, so that it
    goes when the document goes. Ids are plain: what they name may be gone."""

    id = models.BigAutoField(primary_key=True)
    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, related_name="citations")
    n = models.PositiveSmallIntegerField()
    chunk = models.UUIDField()
    document = models.UUIDField(db_index=True)
    version = models.UUIDField()
    page = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["n"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["answer", "n"], name="citation_number_once")]

    def __str__(self) -> str:
        return f"[{self.n}] page {self.page}"


class Feedback(models.Model):
    """What a reader thought of an answer."""

    answer = models.OneToOneField(Answer, on_delete=models.CASCADE, related_name="feedback")
    value = models.SmallIntegerField(choices=[(1, "helpful"), (-1, "not helpful")])
    reasons = models.JSONField(default=list, blank=True)
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.get_value_display()

"""What operators see of the chat: how answers went and what readers thought, not what people wrote.

Conversations are private; a question and its answer are shown only where their reader gave feedback on them.
"""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Case, F, QuerySet, TextField, Value, When
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.timezone import localtime
from unfold.decorators import display

from apps.chat.models import Answer, Feedback
from apps.chat.presenting import FEEDBACK_REASONS
from apps.users.admin_base import ReadOnlyAdmin

SHORT = 90
"""Characters of a question in a list."""


@admin.register(Answer)
class AnswerAdmin(ReadOnlyAdmin):
    """How answers went: who asked, engine, time, reason. The question only where its reader gave feedback."""

    list_display = ("when", "asked_by", "outcome", "refusal", "engine", "seconds", "judged_question")
    list_display_links = ("when",)
    list_filter = ("status", "refused", "error_code")
    list_fullwidth = True
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    show_full_result_count = False
    fields = (
        "when", "asked_by", "outcome", "error_code", "refusal", "engine", "route", "seconds", "judged_question", "told",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Answer]:
        answers: QuerySet[Answer] = super().get_queryset(request)
        judged = Case(When(feedback__isnull=False, then=F("question")), default=Value(""), output_field=TextField())
        return (
            answers.select_related("conversation__owner")
            .defer("text", "question", "sentences", "marks", "nearest", "conversation__title")
            .annotate(judged=judged)
        )

    @display(description="Asked", ordering="created_at")
    def when(self, answer: Answer) -> str:
        return _moment(answer.created_at)

    @display(description="By", ordering="conversation__owner__email")
    def asked_by(self, answer: Answer) -> str:
        return answer.conversation.owner.email

    @display(description="Outcome", ordering="status")
    def outcome(self, answer: Answer) -> str:
        """The state, and for what failed why."""
        return ": ".join(
            part for part in (answer.get_status_display(), answer.error_message or answer.error_code) if part
        )

    @display(description="Refused", ordering="refused")
    def refusal(self, answer: Answer) -> str:
        return "refused" if answer.refused else ""

    @display(description="Engine")
    def engine(self, answer: Answer) -> str:
        return str(answer.receipt.get("engine", ""))

    @display(description="Route")
    def route(self, answer: Answer) -> str:
        return str(answer.receipt.get("route", ""))

    @display(description="Seconds")
    def seconds(self, answer: Answer) -> str:
        if answer.finished_at is None:
            return ""
        return f"{(answer.finished_at - answer.created_at).total_seconds():.1f}"

    @display(description="Question (with feedback only)")
    def judged_question(self, answer: Any) -> str:
        return Truncator(answer.judged).chars(SHORT)

    @display(description="Notices")
    def told(self, answer: Answer) -> str:
        return "; ".join(str(notice) for notice in answer.notices)


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    """What readers thought, with the question and the answer they judged."""

    list_display = ("when", "value", "why", "comment", "short_question")
    list_filter = ("value",)
    list_fullwidth = True
    ordering = ("-created_at",)
    search_fields = ("comment", "answer__question")
    list_select_related = ("answer",)
    fields = ("when", "value", "why", "comment", "question", "text")
    readonly_fields = ("when", "why", "question", "text")

    @display(description="When", ordering="created_at")
    def when(self, feedback: Feedback) -> str:
        return _moment(feedback.created_at)

    @display(description="Reasons")
    def why(self, feedback: Feedback) -> str:
        """In the words that the reader ticked; programs may send others, which are shown as they came."""
        words = dict(FEEDBACK_REASONS)
        return "; ".join(words.get(reason, reason) for reason in feedback.reasons)

    @display(description="Question")
    def short_question(self, feedback: Feedback) -> str:
        return Truncator(feedback.answer.question).chars(SHORT)

    @display(description="Question")
    def question(self, feedback: Feedback) -> str:
        return feedback.answer.question

    @display(description="Answer")
    def text(self, feedback: Feedback) -> str:
        return feedback.answer.text


def _moment(moment: datetime) -> str:
    """As moments are written all over the admin."""
    return f"{localtime(moment):%Y-%m-%d %H:%M}"

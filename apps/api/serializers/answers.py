"""Questions, answers, feedback, conversations."""

from rest_framework import serializers

from apps.api.serializers.common import Choice, Form, ListQuery
from apps.api.serializers.search import LONGEST_LIST

POLICIES = ("fast", "balanced", "best")
STATUSES = ("queued", "searching", "writing", "done", "interrupted", "stopped", "failed")


class Question(Form):
    question = serializers.CharField(allow_blank=True)
    collections = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=LONGEST_LIST, help_text="Ids of collections to read."
    )
    documents = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=1000, help_text="Ids to narrow it to."
    )
    conversation = serializers.UUIDField(required=False, help_text="Goes on with it; else a new one begins.")
    policy = Choice(choices=POLICIES, default="balanced")
    model = serializers.CharField(max_length=200, required=False, default="", help_text="An endpoint, by name.")
    stream = serializers.BooleanField(default=False, help_text="Answer with server-sent events.")
    wait = serializers.BooleanField(default=True, help_text="False: answer 202 at once and write on.")


class FeedbackForm(Form):
    value = Choice(choices=(1, -1))
    reasons = serializers.ListField(child=serializers.CharField(max_length=50), required=False, max_length=20)
    comment = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)


class EventsQuery(Form):
    last_event_id = serializers.CharField(required=False, help_text="As the header Last-Event-ID.")


class CitationShape(serializers.Serializer):
    n = serializers.IntegerField(help_text="The number in the text, [n].")
    chunk = serializers.UUIDField()
    document = serializers.UUIDField()
    version = serializers.UUIDField()
    title = serializers.CharField()
    folder = serializers.CharField(help_text="The one it lay in, as `Team/2024`; empty for none and for the web.")
    page = serializers.IntegerField(help_text="From 1; a part where the document has no page images.")
    pages = serializers.IntegerField(allow_null=True, help_text="Of the version; null where it is gone.")
    has_page_image = serializers.BooleanField()
    quote = serializers.CharField(help_text="Verbatim from the page; empty once the document was deleted.")
    available = serializers.BooleanField()
    deleted_at = serializers.DateTimeField(allow_null=True)
    start = serializers.IntegerField(help_text="Offset in the text of the page, in characters.")
    end = serializers.IntegerField()


class SentenceShape(serializers.Serializer):
    text = serializers.CharField()
    start = serializers.IntegerField(help_text="Offset in the answer's text, in characters.")
    end = serializers.IntegerField()
    citations = serializers.ListField(child=serializers.IntegerField())
    support = serializers.FloatField(help_text="0..1: the share of its content words that its sources contain.")


class ReceiptShape(serializers.Serializer):
    """Empty until the answer has ended."""

    engine = serializers.CharField(required=False)
    model = serializers.CharField(required=False)
    route = serializers.CharField(required=False, help_text="Why this engine.")
    cache = serializers.CharField(required=False)
    prompt_tokens = serializers.IntegerField(required=False)
    completion_tokens = serializers.IntegerField(required=False)
    cached_tokens = serializers.IntegerField(required=False)
    cost = serializers.FloatField(required=False)
    currency = serializers.CharField(required=False)
    milliseconds = serializers.DictField(child=serializers.FloatField(), required=False)


class AnswerErrorShape(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()


class FeedbackShape(serializers.Serializer):
    value = serializers.IntegerField()
    reasons = serializers.ListField(child=serializers.CharField())
    comment = serializers.CharField()


class AnswerShape(serializers.Serializer):
    id = serializers.UUIDField()
    conversation = serializers.UUIDField()
    status = serializers.ChoiceField(choices=STATUSES)
    question = serializers.CharField()
    text = serializers.CharField()
    refused = serializers.BooleanField(help_text="The documents do not answer it; `nearest` is what they have.")
    citations = CitationShape(many=True)
    sentences = SentenceShape(many=True)
    nearest = serializers.ListField(child=serializers.JSONField(), help_text="The sources it was written from.")
    notices = serializers.ListField(child=serializers.JSONField())
    receipt = ReceiptShape()
    error = AnswerErrorShape(allow_null=True)
    feedback = FeedbackShape(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class AcceptedShape(serializers.Serializer):
    id = serializers.UUIDField()
    conversation = serializers.UUIDField()
    status = serializers.ChoiceField(choices=STATUSES)


class ConversationsQuery(ListQuery):
    q = serializers.CharField(max_length=200, required=False, help_text="A part of a title or a question.")


class NewConversation(Form):
    title = serializers.CharField(max_length=200, required=False, help_text="Else the first question names it.")
    collections = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=LONGEST_LIST)


class ChangedConversation(Form):
    title = serializers.CharField(max_length=200, required=False)
    pinned = serializers.BooleanField(required=False)

    def validate(self, attrs: dict) -> dict:
        """At least one of the two."""
        if not attrs:
            raise serializers.ValidationError("Give a title or `pinned` to change.")
        return attrs


class ConversationShape(serializers.Serializer):
    id = serializers.UUIDField()
    title = serializers.CharField()
    pinned = serializers.BooleanField()
    collections = serializers.ListField(child=serializers.UUIDField(), help_text="Last asked about.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class WholeConversationShape(ConversationShape):
    answers = AnswerShape(many=True)

"""Search: what it takes and what it finds."""

from django.conf import settings
from rest_framework import serializers

from apps.api.serializers.common import Choice, Form

MODES = ("hybrid", "dense", "lexical")
LONGEST_LIST = 100


class SearchForm(Form):
    query = serializers.CharField(allow_blank=True)
    collections = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        min_length=1,
        max_length=LONGEST_LIST,
        help_text="Ids; without them all of yours are searched.",
    )
    documents = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=1000, help_text="Ids to narrow it to."
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=50),
        required=False,
        max_length=LONGEST_LIST,
        help_text="Only documents that bear every one of them.",
    )
    types = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        max_length=LONGEST_LIST,
        help_text="Only documents of one of these types, as endings (`pdf`) or media types.",
    )
    since = serializers.DateTimeField(required=False, help_text="Only documents whose text came then or later.")
    until = serializers.DateTimeField(required=False, help_text="Only documents whose text came before.")
    limit = serializers.IntegerField(min_value=1, max_value=settings.SEARCH_LIMIT_MAX, default=10)
    mode = Choice(choices=MODES, default="hybrid")


class SourceDocumentShape(serializers.Serializer):
    id = serializers.UUIDField()
    title = serializers.CharField()
    folder = serializers.CharField(help_text="The one it lay in, as `Team/2024`; empty for none and for the web.")
    version = serializers.UUIDField()


class ScoresShape(serializers.Serializer):
    dense = serializers.FloatField(allow_null=True, help_text="Cosine similarity, -1 to 1.")
    lexical = serializers.FloatField(allow_null=True, help_text="BM25.")
    reranked = serializers.FloatField(allow_null=True, help_text="The reranker's, 0 to 1; null without one.")
    named = serializers.FloatField(help_text="How well the question names the document; 0 where it does not.")


class PassageShape(serializers.Serializer):
    chunk = serializers.UUIDField()
    collection = serializers.UUIDField()
    document = SourceDocumentShape()
    page = serializers.IntegerField(help_text="From 1.")
    heading = serializers.CharField()
    text = serializers.CharField()
    score = serializers.FloatField()
    scores = ScoresShape()
    referred_from = serializers.CharField(
        help_text="Title of the passage that names this document, where that is why it was found; else empty."
    )
    start = serializers.IntegerField(help_text="Offset in the text of the page, in characters.")
    end = serializers.IntegerField()
    boxes = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(), min_length=4, max_length=4),
        help_text="x0, y0, x1, y1 of each line, as fractions of the page, origin top left.",
    )


class FoundShape(serializers.Serializer):
    results = PassageShape(many=True)
    timings = serializers.DictField(child=serializers.FloatField(), help_text="Milliseconds of each stage.")

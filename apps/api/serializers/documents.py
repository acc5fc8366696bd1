"""Documents: what uploads take, what a document looks like, its chunks."""

from typing import Any

from rest_framework import serializers

from apps.api.serializers.common import Choice, Form, ListQuery

STATES = (
    "queued",
    "extracting",
    "chunking",
    "embedding",
    "ready",
    "ready_with_warnings",
    "failed",
    "cancelled",
)
DUPLICATES = ("skip", "replace", "keep")
DUPLICATES_HELP = (
    "When the same bytes are in the collection: `skip` answers 200 with the document that is there, `replace` makes "
    "them its next version, `keep` makes a second document."
)
NO_URL_YET = "Footnote does not fetch addresses yet; download the document and send it as multipart field `file`."
NO_FILE = "Send one `file`, several `files`, or JSON with `text` and `title`."


class DocumentsQuery(ListQuery):
    status = Choice(choices=STATES, required=False)
    q = serializers.CharField(max_length=200, required=False, help_text="A part of the title.")


class NewFiles(Form):
    """multipart/form-data."""

    file = serializers.FileField(required=False, allow_empty_file=True, max_length=None)
    files = serializers.ListField(child=serializers.FileField(allow_empty_file=True), required=False, allow_empty=False)
    title = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)
    duplicates = Choice(choices=DUPLICATES, default="skip", help_text=DUPLICATES_HELP)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One way of sending files, not two."""
        if ("file" in attrs) == ("files" in attrs):
            raise serializers.ValidationError(NO_FILE)
        if "files" in attrs and attrs["title"]:
            raise serializers.ValidationError({"title": ["A title names one document; send it with `file`."]})
        return attrs


class NewText(Form):
    """application/json."""

    text = serializers.CharField(required=False, trim_whitespace=False)
    title = serializers.CharField(max_length=200, required=False, default="")
    url = serializers.CharField(required=False, help_text="Not possible yet; refused with a sentence.")
    duplicates = Choice(choices=DUPLICATES, default="skip", help_text=DUPLICATES_HELP)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Text with a title."""
        if "url" in attrs:
            raise serializers.ValidationError({"url": [NO_URL_YET]})
        if "text" not in attrs:
            raise serializers.ValidationError(NO_FILE)
        if not attrs["title"]:
            raise serializers.ValidationError({"title": ["Give the text a title; footnotes name the document by it."]})
        return attrs


class NewVersion(Form):
    """multipart/form-data."""

    file = serializers.FileField(allow_empty_file=True, max_length=None)


class PageImageQuery(Form):
    version = serializers.UUIDField(required=False, help_text="An earlier version, as a citation names it.")


class VersionQuery(ListQuery):
    version = serializers.UUIDField(required=False, help_text="An earlier version, as a citation names it.")


class ProgressShape(serializers.Serializer):
    stage = serializers.ChoiceField(choices=STATES)
    done = serializers.IntegerField()
    total = serializers.IntegerField()


class DocumentErrorShape(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()


class DocumentShape(serializers.Serializer):
    id = serializers.UUIDField()
    collection = serializers.UUIDField()
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=STATES)
    position = serializers.IntegerField(allow_null=True, help_text="In the queue, from 1, while queued.")
    progress = ProgressShape()
    pages = serializers.IntegerField()
    chunks = serializers.IntegerField()
    version = serializers.IntegerField(allow_null=True, help_text="The number of the newest version.")
    version_id = serializers.UUIDField()
    serving_version = serializers.IntegerField(allow_null=True, help_text="The number of the one that is found.")
    file_name = serializers.CharField()
    media_type = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    elapsed = serializers.FloatField(help_text="Seconds of work so far, or of waiting while queued.")
    has_page_images = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    error = DocumentErrorShape(allow_null=True)
    warnings = serializers.ListField(child=serializers.JSONField())


class RefusedFileShape(serializers.Serializer):
    file = serializers.CharField()
    error = DocumentErrorShape()


class UploadedFilesShape(serializers.Serializer):
    """What several `files` are answered with."""

    results = DocumentShape(many=True)
    refused = RefusedFileShape(many=True)


class ChunkShape(serializers.Serializer):
    id = serializers.UUIDField()
    text = serializers.CharField()
    page = serializers.IntegerField(help_text="From 1.")
    start = serializers.IntegerField(help_text="Offset in the text of the page, in characters.")
    end = serializers.IntegerField()
    heading = serializers.CharField()

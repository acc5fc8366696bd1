"""Documents: what uploads take, what a document looks like, its chunks."""

from typing import Any

from django.http import QueryDict
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
    "Same bytes in the collection: `skip` and `replace` answer 200 with the document that is there, `keep` makes a "
    "second one. Other bytes of the same file name and `path`: `replace` makes them that document's next version, "
    "`skip` and `keep` make a second document, and `skip` says so in `notice`."
)
NO_FILE = "Send one `file`, several `files`, or JSON with `url`, or with `text` and `title`."


class DocumentsQuery(ListQuery):
    status = Choice(choices=STATES, required=False)
    q = serializers.CharField(max_length=200, required=False, help_text="A part of the title.")
    tag = serializers.CharField(max_length=50, required=False, help_text="Documents with this tag.")


class NewFiles(Form):
    """multipart/form-data."""

    file = serializers.FileField(required=False, allow_empty_file=True, max_length=None)
    files = serializers.ListField(child=serializers.FileField(allow_empty_file=True), required=False, allow_empty=False)
    title = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)
    path = serializers.CharField(
        max_length=4000,
        required=False,
        default="",
        allow_blank=True,
        help_text="Where `file` lies in the folder it is from, as `Team/2024/plan.pdf`; told again as `key`.",
    )
    duplicates = Choice(choices=DUPLICATES, default="skip", help_text=DUPLICATES_HELP)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One way of sending files, not two, and none that would be dropped without a word."""
        sent = self.initial_data.getlist("file") if isinstance(self.initial_data, QueryDict) else []
        if len(sent) > 1:
            raise serializers.ValidationError({"file": [f"{len(sent)} files came as `file`; send them as `files`."]})
        if ("file" in attrs) == ("files" in attrs):
            raise serializers.ValidationError(NO_FILE)
        if "files" in attrs and attrs["title"]:
            raise serializers.ValidationError({"title": ["A title names one document; send it with `file`."]})
        if "files" in attrs and attrs["path"]:
            raise serializers.ValidationError({"path": ["A path is of one document; send it with `file`."]})
        return attrs


class NewText(Form):
    """application/json."""

    text = serializers.CharField(required=False, trim_whitespace=False)
    title = serializers.CharField(max_length=200, required=False, default="")
    url = serializers.CharField(max_length=600, required=False, help_text="A page or a file that Footnote fetches.")
    duplicates = Choice(choices=DUPLICATES, default="skip", help_text=DUPLICATES_HELP)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """An address, or text with a title."""
        if ("url" in attrs) == ("text" in attrs):
            raise serializers.ValidationError(NO_FILE)
        if "text" in attrs and not attrs["title"]:
            raise serializers.ValidationError({"title": ["Give the text a title; footnotes name the document by it."]})
        return attrs


class NewVersion(Form):
    """multipart/form-data."""

    file = serializers.FileField(allow_empty_file=True, max_length=None)


class DocumentChanges(Form):
    """What is left out stays as it is."""

    title = serializers.CharField(max_length=500, required=False)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=50), required=False, help_text="These and no others."
    )
    collection = serializers.UUIDField(required=False, help_text="Moves it, with its tags; its source stays behind.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """At least one change."""
        if not attrs:
            raise serializers.ValidationError("Send what is to change: title, tags or collection.")
        return attrs


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
    tags = serializers.ListField(child=serializers.CharField())
    parent_id = serializers.UUIDField(allow_null=True, help_text="The document it lies within, as in an archive.")
    source_id = serializers.UUIDField(allow_null=True, help_text="The source it comes from.")
    key = serializers.CharField(help_text="Its path within its parent, its source or the folder it was uploaded in.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    error = DocumentErrorShape(allow_null=True)
    warnings = serializers.ListField(child=serializers.JSONField())


class UploadedShape(DocumentShape):
    notice = serializers.CharField(help_text="That a document of this name was here before; empty for most.")


class RefusedFileShape(serializers.Serializer):
    file = serializers.CharField()
    error = DocumentErrorShape()


class UploadedFilesShape(serializers.Serializer):
    """What several `files` are answered with."""

    results = UploadedShape(many=True)
    refused = RefusedFileShape(many=True)


class VersionShape(serializers.Serializer):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    status = serializers.ChoiceField(choices=STATES)
    serves = serializers.BooleanField(help_text="Whether it is the one that is found.")
    file_name = serializers.CharField()
    media_type = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField()
    pages = serializers.IntegerField()
    chunks = serializers.IntegerField()
    warnings = serializers.ListField(child=serializers.JSONField())
    uploaded_by = serializers.CharField(allow_null=True)
    uploaded_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class EventShape(serializers.Serializer):
    at = serializers.DateTimeField()
    kind = serializers.CharField(
        help_text="added, replaced, ready, failed, cancelled, retried, renamed, moved, tagged or activated."
    )
    version = serializers.IntegerField(allow_null=True)
    by = serializers.CharField(allow_null=True, help_text="Null for what Footnote did by itself.")
    text = serializers.CharField()


class ChunkShape(serializers.Serializer):
    id = serializers.UUIDField()
    text = serializers.CharField()
    page = serializers.IntegerField(help_text="From 1.")
    start = serializers.IntegerField(help_text="Offset in the text of the page, in characters.")
    end = serializers.IntegerField()
    heading = serializers.CharField()

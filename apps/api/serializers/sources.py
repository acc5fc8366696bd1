"""Sources: what is given to add one, and what one looks like."""

from typing import Any

from rest_framework import serializers

from apps.api.serializers.common import Choice, Form

KINDS = ("page", "site", "folder", "bucket")
KEEP_OR_DELETE = ("keep", "delete")


class NewSource(Form):
    kind = Choice(choices=KINDS)
    address = serializers.CharField(max_length=600, help_text="A URL, a folder on the server, or bucket/prefix.")
    options = serializers.DictField(
        required=False, help_text="site: depth, limit, sitemap (an address, or `auto`); bucket: endpoint, region."
    )
    every_hours = serializers.IntegerField(default=0, min_value=0, help_text="0: synced only when asked.")


class SourceChanges(Form):
    """What is left out stays as it is."""

    every_hours = serializers.IntegerField(min_value=0, required=False, help_text="0: synced only when asked.")
    paused = serializers.BooleanField(required=False, help_text="Not synced by itself until it goes on.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """At least one change."""
        if not attrs:
            raise serializers.ValidationError("Send what is to change: every_hours or paused.")
        return attrs


class RemoveQuery(Form):
    documents = Choice(choices=KEEP_OR_DELETE, default="keep", help_text="What becomes of its documents.")


class SourceShape(serializers.Serializer):
    id = serializers.UUIDField()
    collection = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=KINDS)
    address = serializers.CharField()
    options = serializers.DictField()
    every_hours = serializers.IntegerField()
    paused = serializers.BooleanField()
    status = serializers.ChoiceField(choices=("idle", "syncing", "failed"))
    documents = serializers.IntegerField(allow_null=True, help_text="How many come from it.")
    seen = serializers.IntegerField(help_text="Entries of the newest sync so far.")
    outcome = serializers.DictField(help_text="How many were new, changed, unchanged, vanished, refused, and so on.")
    error = serializers.CharField()
    synced_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

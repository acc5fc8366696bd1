"""Collections and their members."""

from rest_framework import serializers

from apps.api.serializers.common import Choice, Form

ROLES = ("viewer", "editor", "owner")


class NewCollection(Form):
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    starter_questions = serializers.ListField(child=serializers.CharField(max_length=500), default=list)


class ChangedCollection(Form):
    name = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    starter_questions = serializers.ListField(child=serializers.CharField(max_length=500), required=False)

    def validate(self, attrs: dict) -> dict:
        """At least one of them."""
        if not attrs:
            raise serializers.ValidationError("Give a name, a description or starter questions to change.")
        return attrs


class MemberRole(Form):
    role = Choice(choices=ROLES)


class CollectionShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    description = serializers.CharField()
    starter_questions = serializers.ListField(child=serializers.CharField())
    revision = serializers.IntegerField(help_text="Grows with every change of what can be found in it.")
    documents = serializers.IntegerField()
    role = serializers.ChoiceField(choices=ROLES, help_text="Yours.")
    created_at = serializers.DateTimeField()


class MemberShape(serializers.Serializer):
    collection = serializers.UUIDField()
    member = serializers.CharField(help_text="E-mail address, or name of the group.")
    kind = serializers.ChoiceField(choices=("user", "group"))
    role = serializers.ChoiceField(choices=ROLES)

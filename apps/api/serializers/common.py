"""What the forms of all rooms share."""

from collections.abc import Mapping
from typing import Any, NoReturn

from rest_framework import serializers


class Form(serializers.Serializer):
    """A form that refuses what it does not know: a mistyped field is told, not passed over."""

    default_error_messages = {"invalid": "Send a JSON object with the fields of this call, not a {datatype}."}

    def to_internal_value(self, data: Any) -> Any:
        """The checked values. Raises ValidationError."""
        if isinstance(data, Mapping):
            known = [name for name, field in self.fields.items() if not field.read_only]
            unknown = sorted(str(name) for name in data if name not in known)
            if unknown:
                takes = f"this call takes: {', '.join(known)}." if known else "this call takes none."
                raise serializers.ValidationError({unknown[0][:50]: [f"There is no such field; {takes}"]})
        return super().to_internal_value(data)


class Choice(serializers.ChoiceField):
    """One of a few words; the refusal lists them."""

    def fail(self, key: str, **kwargs: Any) -> NoReturn:
        if key == "invalid_choice":
            words = ", ".join(str(word) for word in self.choices)
            raise serializers.ValidationError(f"“{str(kwargs['input'])[:50]}” is not possible; choose one of: {words}.")
        super().fail(key, **kwargs)


class ErrorShape(serializers.Serializer):
    """Every refusal."""

    code = serializers.CharField(help_text="Stable, for programs.")
    message = serializers.CharField(help_text="One sentence, for people.")
    status = serializers.IntegerField()
    details = serializers.JSONField(required=False, help_text="What is wrong with each field, or a hint.")


class Nothing(Form):
    """A call without fields."""


class ListQuery(Form):
    """How a list is paged; the paginator reads the values itself."""

    limit = serializers.CharField(required=False)
    cursor = serializers.CharField(required=False)

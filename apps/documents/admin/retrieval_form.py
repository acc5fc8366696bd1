"""What is asked on the retrieval page: a question, and one or two settings to find its passages with."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict
from django.utils import timezone

from apps.documents import selectors
from apps.documents.admin.common import type_words
from apps.documents.models import Collection, Document, Tag
from apps.documents.selectors import Narrowing
from engines import parsing
from rag.types import Mode

PASSAGES = 10
MODE_WORDS: dict[str, str] = {
    Mode.HYBRID: "Hybrid (both)",
    Mode.DENSE: "Dense (meaning)",
    Mode.LEXICAL: "Lexical (words)",
}
GONE = {"invalid_choice": "No document here has it."}
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)


class QuestionForm(forms.Form):
    """The question, and how many passages are wanted."""

    query = forms.CharField(
        label="Question",
        error_messages={"required": "Write a question first."},
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    limit = forms.IntegerField(
        label="Passages",
        required=False,
        min_value=1,
        max_value=settings.SEARCH_LIMIT_MAX,
        widget=forms.NumberInput(attrs={"placeholder": PASSAGES}),
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), f"From 1 to {settings.SEARCH_LIMIT_MAX}."),
    )

    def clean_limit(self) -> int:
        return self.cleaned_data["limit"] or PASSAGES


def _day(label: str) -> forms.DateField:
    """A day, as the browser's own calendar gives it."""
    message = f"Give a day from {FIRST_DAY.year} to {LAST_DAY.year}."
    within = [MinValueValidator(FIRST_DAY, message), MaxValueValidator(LAST_DAY, message)]
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return forms.DateField(label=label, required=False, validators=within, widget=widget)


class SettingForm(forms.Form):
    """How passages are looked for, and among which documents of the collection."""

    mode = forms.ChoiceField(label="Mode", required=False)
    tag = forms.ChoiceField(label="Tag", required=False, error_messages=GONE)
    type = forms.ChoiceField(label="Type", required=False, error_messages=GONE)
    since = _day("Changed since")
    until = _day("Changed until")

    def __init__(self, collection: Collection, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (("mode", self.modes()), ("tag", _tags(collection)), ("type", _types(collection))):
            field: Any = self.fields[name]
            field.choices = choices

    def modes(self) -> list[tuple[str, str]]:
        """The modes that can be chosen."""
        return list(MODE_WORDS.items())

    def clean_mode(self) -> str:
        return self.cleaned_data["mode"] or Mode.HYBRID.value

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", "This day is before the other.")
        return cleaned

    def narrowing(self) -> Narrowing:
        """The documents that are looked into; both days are within."""
        data = self.cleaned_data
        return selectors.narrowed_to(
            tags=[data["tag"]] if data["tag"] else [],
            types=[data["type"]] if data["type"] else [],
            since=_begin(data["since"]) if data["since"] else None,
            until=_begin(data["until"] + timedelta(days=1)) if data["until"] else None,
        )

    def words(self) -> str:
        """The setting in one line, as the heading of what it found."""
        data = self.cleaned_data
        said = [
            MODE_WORDS[data["mode"]].partition(" ")[0],
            f"tag {data['tag']}" if data["tag"] else "",
            type_words(data["type"]) if data["type"] else "",
            f"since {data['since']}" if data["since"] else "",
            f"until {data['until']}" if data["until"] else "",
        ]
        return " · ".join(part for part in said if part)


class OtherSettingForm(SettingForm):
    """The setting that is compared with; without a mode there is none."""

    def modes(self) -> list[tuple[str, str]]:
        return [("", "nothing"), *super().modes()]

    def clean_mode(self) -> str:
        return str(self.cleaned_data["mode"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not cleaned.get("mode") and any(cleaned.values()):
            self.add_error("mode", "Choose a mode to compare with.")
        return cleaned

    @property
    def is_open(self) -> bool:
        """Whether something of it was chosen."""
        return any(self.data.get(self.add_prefix(name)) for name in self.fields)


@dataclass(frozen=True, slots=True)
class Forms:
    """All that is asked on the page; without a question in the address nothing is."""

    question: QuestionForm
    setting: SettingForm
    other: OtherSettingForm

    @classmethod
    def of(cls, collection: Collection, query: QueryDict) -> "Forms":
        """From an address."""
        asked = query if "query" in query else None
        return cls(
            QuestionForm(asked, initial={"limit": PASSAGES}),
            SettingForm(collection, asked),
            OtherSettingForm(collection, asked, prefix="other"),
        )

    @property
    def are_asked(self) -> bool:
        return self.question.is_bound

    def are_valid(self) -> bool:
        """Whether a search can be made; each form is looked at, so that each tells what is wrong in it."""
        answers = [form.is_valid() for form in (self.question, self.setting, self.other)]
        return all(answers)

    def settings(self) -> list[SettingForm]:
        """One, or two to compare."""
        return [form for form in (self.setting, self.other) if form.cleaned_data["mode"]]


def _begin(day: date) -> datetime:
    """When a day begins, in the time zone of the settings."""
    return timezone.make_aware(datetime.combine(day, time()))


def _tags(collection: Collection) -> list[tuple[str, str]]:
    tags = Tag.objects.filter(documents__in=Document.objects.present().filter(collection=collection))
    return [("", "all"), *((name, name) for name in tags.order_by("name").values_list("name", flat=True).distinct())]


def _types(collection: Collection) -> list[tuple[str, str]]:
    """Of the files that serve, those whose format can be asked for."""
    serving = Document.objects.present().filter(collection=collection, current__isnull=False).order_by()
    types = serving.values_list("current__media_type", flat=True).distinct()
    known = [(each, type_words(each)) for each in types if parsing.by_media_type(each)]
    return [("", "all"), *sorted(known, key=lambda row: row[1].lower())]

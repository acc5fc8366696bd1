"""What is asked of whoever adds a source; the services decide whether it is taken."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings

from apps.documents import access
from apps.documents.models import Collection, Source, SourceKind
from apps.documents.services.sources import LONGEST_ADDRESS, MOST, MOST_HOURS

if TYPE_CHECKING:
    from apps.users.models import User

FOR_MANAGERS = (SourceKind.FOLDER, SourceKind.BUCKET)
BY_LINKS, BY_SITEMAP = "links", "sitemap"
KINDS: dict[str, tuple[str, str]] = {
    SourceKind.SITE: ("A website", "Its pages, followed by links or by its sitemap. robots.txt is kept."),
    SourceKind.PAGE: ("One page", "A page or a file on the web, looked at again on a schedule."),
    SourceKind.FOLDER: ("A folder", "Everything below a folder of the server."),
    SourceKind.BUCKET: ("A bucket", "The objects of an S3 bucket whose keys begin alike."),
}
SCHEDULES = {0: "Only when asked", 1: "Every hour", 6: "Every 6 hours", 24: "Every day", 168: "Every week"}


def kind_words(kind: str) -> str:
    """A kind as people call it."""
    return KINDS[kind][0] if kind in KINDS else kind


def schedule_words(hours: int) -> str:
    """How often, as a sentence begins."""
    return SCHEDULES.get(hours, f"Every {hours:,} hours")


def schedules(hours: int = 0) -> list[tuple[int, str]]:
    """What can be chosen, with what a source has already."""
    return [(each, schedule_words(each)) for each in sorted({*SCHEDULES, hours})]


class SourceForm(forms.Form):
    """A source to be: `given()` is what `services.add_source` takes. Fields of other kinds are left out."""

    collection = forms.ModelChoiceField(Collection.objects.none(), empty_label="choose…")
    kind = forms.ChoiceField(error_messages={"required": "Choose what kind of source it is."})
    address = forms.CharField(
        max_length=LONGEST_ADDRESS, error_messages={"required": "Say where it is: an address, a folder or a bucket."}
    )
    find = forms.ChoiceField(choices=[(BY_LINKS, "by their links"), (BY_SITEMAP, "by the sitemap")], required=False)
    depth = forms.IntegerField(min_value=0, max_value=MOST["depth"], required=False)
    limit = forms.IntegerField(min_value=1, max_value=MOST["limit"], required=False)
    sitemap = forms.CharField(max_length=LONGEST_ADDRESS, required=False)
    endpoint = forms.CharField(max_length=LONGEST_ADDRESS, required=False)
    region = forms.CharField(max_length=50, required=False)
    every_hours = forms.TypedChoiceField(choices=schedules, coerce=int)

    def __init__(self, by: "User", *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        collections: Any = self.fields["collection"]
        collections.queryset = access.editable(by).order_by("name")
        kinds: Any = self.fields["kind"]
        kinds.choices = [(kind, kind_words(kind)) for kind in kinds_for(by)]

    def given(self) -> dict[str, Any]:
        """Keyword arguments for `services.add_source`, but for `by`."""
        data = self.cleaned_data
        return {
            "collection": data["collection"],
            "kind": data["kind"],
            "address": data["address"],
            "options": {name: value for name, value in _options(data).items() if value not in (None, "")},
            "every_hours": data["every_hours"],
        }


def kinds_for(by: "User") -> list[str]:
    """The kinds that a person may add: those that read with the server's own rights are the managers'."""
    return [kind for kind in KINDS if kind not in FOR_MANAGERS or access.is_manager(by)]


def kind_cards(by: "User") -> list[dict[str, str]]:
    """The kinds with what they are, for the page."""
    return [{"value": kind, "name": KINDS[kind][0], "what": KINDS[kind][1]} for kind in kinds_for(by)]


def bounds() -> dict[str, Any]:
    """What the page tells of limits: most links deep, most pages, most hours, and the folders that are open."""
    return {"most": MOST, "hours": MOST_HOURS, "folders": settings.SOURCE_FOLDERS}


def _options(data: dict[str, Any]) -> dict[str, Any]:
    if data["kind"] == SourceKind.BUCKET:
        return {"endpoint": data["endpoint"], "region": data["region"]}
    if data["kind"] != SourceKind.SITE:
        return {}
    if data["find"] == BY_SITEMAP:
        return {"limit": data["limit"], "sitemap": data["sitemap"].strip() or "auto"}
    return {"limit": data["limit"], "depth": data["depth"]}


def option_rows(source: Source) -> list[tuple[str, str]]:
    """The options of a source, in words."""
    words: dict[str, tuple[str, Callable[[Any], str]]] = {
        "depth": ("Links deep", str),
        "limit": ("At most", lambda count: f"{count:,} pages"),
        "sitemap": ("Sitemap", lambda value: "found by itself" if value == "auto" else value),
        "endpoint": ("Endpoint", str),
        "region": ("Region", str),
    }
    return [
        (name, tell(source.options[option])) for option, (name, tell) in words.items() if source.options.get(option)
    ]

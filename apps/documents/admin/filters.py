"""What the list of documents is narrowed by: status, collection, tag and type, as one bar above it."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.text import capfirst

from apps.documents.admin.common import as_uuid, state_words, type_words
from apps.documents.models import Collection, Document, Source, State, Tag

COLLECTION = "collection__id__exact"
PASSED_ON = ("q", "o", "status")
"""Parts of the address that the bar keeps as they are."""
Select = tuple[str, str, Any]
"""Its name in the address, its label, its options as (value, words)."""


class StateFilter(admin.SimpleListFilter):
    """The state of the newest version."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, capfirst(state_words(state))) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:
        return queryset.filter(latest__state=self.value()) if self.value() else queryset


class TagFilter(admin.SimpleListFilter):
    """A tag by its word, whatever collection it is of."""

    title = "tag"
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        tags = Tag.objects.filter(documents__in=Document.objects.present()).order_by("name")
        if collection := as_uuid(request.GET.get(COLLECTION)):
            tags = tags.filter(collection=collection)
        return [(name, name) for name in tags.values_list("name", flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:
        if not self.value():
            return queryset
        return queryset.filter(pk__in=Document.objects.filter(tags__name=self.value()).values("pk"))


class TypeFilter(admin.SimpleListFilter):
    """The type of the newest file, as its content told it."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        documents = Document.objects.present().order_by()
        types = documents.values_list("latest__media_type", flat=True).distinct()
        return sorted(((each, type_words(each)) for each in types if each), key=lambda row: row[1].lower())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:
        return queryset.filter(latest__media_type=self.value()) if self.value() else queryset


class SourceFilter(admin.SimpleListFilter):
    """Where it comes from; offered only where the address names a source, as the list of sources does."""

    title = "source"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get("source", "")
        source = Source.objects.filter(pk__in=filter(None, [as_uuid(chosen)])).first()
        return [(chosen, source.address if source else "one that was removed")] if chosen else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:
        return queryset.filter(source__in=filter(None, [as_uuid(self.value())])) if self.value() else queryset


def state_links(query: QueryDict, documents: QuerySet[Document]) -> list[dict[str, Any]]:
    """For each state that `documents` are in, how many, and the address of the list narrowed to it. `documents`
    are what the list finds whatever their state."""
    plain = documents.order_by().prefetch_related(None)
    counts = dict(plain.values_list("latest__state").annotate(n=Count("pk")))
    chosen = query.get("status", "")

    def link(state: str, words: str, count: int) -> dict[str, Any]:
        narrowed = query.copy()
        for name in ("status", "p"):
            narrowed.pop(name, None)
        if state:
            narrowed["status"] = state
        return {"url": f"?{narrowed.urlencode()}", "words": words, "count": count, "chosen": state == chosen}

    there = [link(state.value, state_words(state), counts[state]) for state in State if counts.get(state)]
    return [link("", "in all", sum(counts.values())), *there]


def filter_bar(request: HttpRequest, model_admin: Any) -> dict[str, Any]:
    """The bar's selects with what is chosen in them, and what of the address it passes on."""
    collections = Collection.objects.order_by("name").values_list("pk", "name")
    choices: list[Select] = [
        (COLLECTION, "Collection", [(str(pk), name) for pk, name in collections]),
        ("tag", "Tag", TagFilter(request, {}, Document, model_admin).lookup_choices),
        ("type", "Type", TypeFilter(request, {}, Document, model_admin).lookup_choices),
        ("source", "Source", SourceFilter(request, {}, Document, model_admin).lookup_choices),
    ]
    return select_bar(request, choices)


def select_bar(request: HttpRequest, choices: Sequence[Select]) -> dict[str, Any]:
    """A bar of selects with what is chosen in them."""
    selects = [
        {"name": name, "label": label, "options": options, "chosen": request.GET.get(name, "")}
        for name, label, options in choices
        if options
    ]
    passed_on = [(name, request.GET[name]) for name in PASSED_ON if request.GET.get(name)]
    return {"selects": selects, "passed_on": passed_on, "narrowed": any(each["chosen"] for each in selects)}

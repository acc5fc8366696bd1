"""What a search is narrowed to beside collections and documents: tags, kinds of file, time."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.documents.errors import Refused
from apps.documents.models import Document
from engines.parsing import FORMATS


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Documents that bear every one of the tags, are of one of the media types, and were last changed in the time.

    `since` is within the time, `until` is not; both are ISO 8601 with a time zone, "" for no bound.
    """

    tags: tuple[str, ...] = ()
    media_types: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    def __bool__(self) -> bool:
        return bool(self.tags or self.media_types or self.since or self.until)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Narrowing":
        """The inverse of `to_json`, after a queue made lists of its tuples."""
        return cls(tuple(row["tags"]), tuple(row["media_types"]), row["since"], row["until"])

    def documents(self, collections: Sequence[UUID], among: Sequence[UUID] | None) -> list[UUID]:
        """The documents of the collections (and of `among`) that fit; read when the search is made."""
        fitting = Document.objects.present().filter(collection__in=collections, current__isnull=False)
        if among is not None:
            fitting = fitting.filter(pk__in=among)
        for tag in self.tags:
            fitting = fitting.filter(tags__name__iexact=tag)
        if self.media_types:
            fitting = fitting.filter(current__media_type__in=self.media_types)
        if self.since:
            fitting = fitting.filter(current__queued_at__gte=datetime.fromisoformat(self.since))
        if self.until:
            fitting = fitting.filter(current__queued_at__lt=datetime.fromisoformat(self.until))
        return list(fitting.order_by().values_list("pk", flat=True).distinct())


EVERYTHING = Narrowing()


def narrowed_to(
    *,
    tags: Sequence[str] = (),
    types: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> Narrowing:
    """A narrowing in people's words: `types` are endings (`pdf`) or media types. Raises Refused for one unknown."""
    named = tuple(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
    media_types = tuple(dict.fromkeys(found for kind in types for found in _media_types(kind)))
    return Narrowing(named, media_types, since.isoformat() if since else "", until.isoformat() if until else "")


def _media_types(kind: str) -> list[str]:
    wanted = kind.strip().lower().removeprefix(".")
    found = [
        media_type
        for each in FORMATS
        for media_type in (each.media_type, *each.other_media_types)
        if wanted == media_type or f".{wanted}" in each.extensions or wanted == each.name.lower()
    ]
    if not found:
        raise Refused("bad_type", f"There are no documents of the type {kind!r}; give an ending such as pdf or docx.")
    return found

"""A page of a document beside the passages that were made of it, a bounded number of them at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Substr
from django.urls import reverse

from apps.documents.admin.common import as_uuid, counted
from apps.documents.models import Chunk, Document, Page, Version
from apps.documents.selectors import unit
from rag.types import Kind, lines_from_json

PASSAGES_AT_ONCE = 100
"""A format without pages has all its passages on one: thousands are turned through in parts."""
CHARACTERS_AT_ONCE = 20_000
"""Of a page that has no passages yet."""
LARGEST = 10**9
KINDS = {Kind.TABLE_ROW.value: "table", Kind.LIST_ITEM.value: "list", Kind.CODE.value: "code"}


@dataclass(frozen=True, slots=True)
class View:
    """What the reader is open at: a page, a part of its passages, a version (None for the one that serves); the part
    with `passage`, where that stands on the page."""

    page: int
    part: int
    version: UUID | None
    passage: UUID | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "View":
        """From an address; what is not a number counts as 1."""
        ids = (as_uuid(query.get(name)) for name in ("version", "passage"))
        return cls(_number(query.get("page")), _number(query.get("part")), *ids)


def _number(text: str | None) -> int:
    return min(int(text), LARGEST) if text and text.isascii() and text.isdigit() and len(text) < 12 else 1


def reader(document: Document, view: View) -> dict[str, Any]:
    """The context of templates/admin/documents/reader.html; a page that is not there becomes the nearest one."""
    version = _chosen(document, view.version)
    pages = version.page_count or Page.objects.filter(version=version).count()
    number = max(1, min(view.page, pages))
    page = Page.objects.filter(version=version, number=number).defer("text").first()
    passages = Chunk.objects.filter(version=version, page=number)
    total = passages.count() if page else 0
    parts = max(1, -(-total // PASSAGES_AT_ONCE))
    part = max(1, min(_part_with(passages, view.passage) or view.part, parts))
    first = (part - 1) * PASSAGES_AT_ONCE
    shown = list(passages.order_by("ordinal")[first : first + PASSAGES_AT_ONCE]) if page else []
    pictured = version.has_page_images and page is not None and page.width > 0 and page.height > 0
    turn = _Turner(document, version, view.version is not None)
    return {
        "version": version,
        "is_current": version.pk == document.current_id,
        "there": page is not None,
        "unit": unit(pages, version.has_page_images) or "page",
        "number": number,
        "pages": pages,
        "parts": f"passages {first + 1:,} to {first + len(shown):,} of {total:,}" if parts > 1 else "",
        "count": counted(total, "passage") or "no passages",
        "image_url": turn.image(number) if pictured else "",
        "width": round(page.width) if page else 0,
        "height": round(page.height) if page else 0,
        "passages": [_passage(chunk) for chunk in shown],
        "plain": "" if shown or page is None else _plain(page),
        "previous": _previous(turn, number, part),
        "next": _next(turn, number, part, parts, pages),
        "page_url": turn.page_url,
        "version_query": turn.version_query,
    }


def _chosen(document: Document, version: UUID | None) -> Version:
    """The version named, else the one that serves, else the newest."""
    named = document.versions.filter(pk=version).first() if version else None
    chosen = named or document.current or document.latest
    assert chosen is not None
    return chosen


def _part_with(passages: QuerySet[Chunk], wanted: UUID | None) -> int | None:
    """The part of a page's passages that this one is in."""
    found = passages.filter(pk=wanted).first() if wanted else None
    if found is None:
        return None
    return passages.filter(ordinal__lt=found.ordinal).count() // PASSAGES_AT_ONCE + 1


@dataclass(frozen=True, slots=True)
class _Turner:
    document: Document
    version: Version
    named: bool
    """Whether the address named the version; then the pages it leads to do as well."""

    @property
    def version_query(self) -> str:
        return str(self.version.pk) if self.named else ""

    @property
    def page_url(self) -> str:
        return reverse("admin:documents_document_change", args=[self.document.pk])

    def image(self, number: int) -> str:
        url = reverse("admin:documents_document_page_image", args=[self.document.pk, number])
        return f"{url}?{urlencode({'version': self.version.pk})}"

    def link(self, number: int, part: int = 1) -> dict[str, str]:
        """The address for people and the one of the fragment."""
        more: dict[str, Any] = {"part": part} if part > 1 else {}
        more |= {"version": self.version.pk} if self.named else {}
        fragment = reverse("admin:documents_document_page", args=[self.document.pk, number])
        return {
            "href": f"?{urlencode({'page': number, **more})}#reader",
            "fragment": f"{fragment}?{urlencode(more)}" if more else fragment,
        }


def _previous(turn: _Turner, number: int, part: int) -> dict[str, str] | None:
    if part > 1:
        return turn.link(number, part - 1)
    return turn.link(number - 1) if number > 1 else None


def _next(turn: _Turner, number: int, part: int, parts: int, pages: int) -> dict[str, str] | None:
    if part < parts:
        return turn.link(number, part + 1)
    return turn.link(number + 1) if number < pages else None


def _passage(chunk: Chunk) -> dict[str, Any]:
    where = [chunk.heading, KINDS.get(chunk.kind, "")]
    return {
        "id": chunk.pk,
        "number": chunk.ordinal + 1,
        "text": chunk.text,
        "where": " · ".join(each for each in where if each),
        "header": chunk.header,
        "boxes": _percentages(chunk.lines),
    }


def _percentages(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    """[left, top, width, height] of each line once, in percent of the page's width and height."""
    boxes = {line.box for line in lines_from_json(rows)}
    return [
        [round(100 * x0, 2), round(100 * y0, 2), round(100 * (x1 - x0), 2), round(100 * (y1 - y0), 2)]
        for x0, y0, x1, y1 in sorted(boxes, key=lambda box: (box[1], box[0]))
    ]


def _plain(page: Page) -> str:
    """The beginning of the page's text, cut by the database: a page may be millions of characters long."""
    pages = Page.objects.filter(pk=page.pk)
    return pages.values_list(Substr("text", 1, CHARACTERS_AT_ONCE), flat=True).first() or ""

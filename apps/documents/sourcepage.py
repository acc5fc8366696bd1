"""What the source panel shows: one page of a document, and the cited span of it marked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.urls import reverse

from apps.documents import selectors
from apps.documents.models import Document, Version
from apps.documents.selectors.quoting import boxes, unit
from rag.types import lines_from_json

if TYPE_CHECKING:
    from apps.users.models import User

LARGEST_NUMBER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of page `at` are cited; `page` is the one to show."""

    page: int
    at: int
    start: int
    end: int
    n: int
    """The footnote's number, 0 for none."""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Span":
        """From an address; what is not a number counts as not given."""
        page = _number(query.get("page")) or 1
        return cls(
            page=page,
            at=_number(query.get("at")) or page,
            start=_number(query.get("start")),
            end=_number(query.get("end")),
            n=_number(query.get("n")),
        )


def _number(text: str | None) -> int:
    if not text or not text.isascii() or not text.isdigit():
        return 0
    return min(int(text), LARGEST_NUMBER) if len(text) <= 10 else LARGEST_NUMBER


def source_page(*, user: "User", document: Document, version: str | None, span: Span) -> dict[str, Any]:
    """The context of templates/documents/source.html. Raises NotFound for a page that is not there."""
    chosen = selectors.version_of(user, document, version)
    page = selectors.page_text(user, document, span.page, chosen.pk)
    marked = span.page == span.at
    start, end = (min(span.start, len(page["text"])), min(span.end, len(page["text"]))) if marked else (0, 0)
    here = {"version": chosen.pk}
    pictured = chosen.has_page_images and page["width"] > 0 and page["height"] > 0
    image = f"{reverse('documents:page_image', args=[document.pk, span.page])}?{urlencode(here)}"
    return {
        "title": document.title,
        "folder": document.folder_path,
        "n": span.n,
        "version": chosen,
        "is_current": chosen.pk == document.current_id,
        "unit": unit(page["pages"], chosen.has_page_images),
        "number": span.page,
        "pages": page["pages"],
        "age": f"uploaded {chosen.queued_at:%-d %B %Y}",
        "original_url": f"{reverse('documents:original', args=[document.pk])}?{urlencode(here)}",
        "image_url": image if pictured else "",
        "width": round(page["width"]),
        "height": round(page["height"]),
        "boxes": _percentages(user, document, chosen, span) if marked else [],
        "before": page["text"][:start],
        "quote": page["text"][start:end],
        "after": page["text"][max(start, end) :],
        "previous_url": _turned(document, chosen, span, span.page - 1) if span.page > 1 else "",
        "next_url": _turned(document, chosen, span, span.page + 1) if span.page < page["pages"] else "",
        "back_url": "" if marked else _turned(document, chosen, span, span.at),
    }


def _turned(document: Document, version: Version, span: Span, page: int) -> str:
    place = {"version": version.pk, "page": page, "at": span.at, "start": span.start, "end": span.end, "n": span.n}
    return f"{reverse('documents:source', args=[document.pk])}?{urlencode(place)}"


def _percentages(user: "User", document: Document, version: Version, span: Span) -> list[dict[str, float]]:
    """The boxes of the cited lines, in percent of the page's width and height, each once."""
    chunks = selectors.chunks_of(user, document, version.pk)
    touched = chunks.filter(page=span.page, start__lt=span.end, end__gt=span.start)
    found = {tuple(box) for chunk in touched for box in boxes(lines_from_json(chunk.lines), span.start, span.end)}
    return [
        {
            "left": round(100 * x0 - 0.4, 3),
            "top": round(100 * y0, 3),
            "width": round(100 * (x1 - x0) + 0.8, 3),
            "height": round(100 * (y1 - y0), 3),
        }
        for x0, y0, x1, y1 in sorted(found, key=lambda box: (box[1], box[0]))
    ]

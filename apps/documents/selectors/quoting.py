"""What footnotes point at, as it is today: quotes go when their document goes, or when a reader may no longer
see it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from apps.documents.changelog import DatabaseChangeLog
from apps.documents.models import Chunk, Collection, Document
from rag.types import Line, Passage, lines_from_json

if TYPE_CHECKING:
    from apps.users.models import User


class StoredCitation(Protocol):
    """A footnote as the chat room keeps it (apps.chat.models.Citation): ids and offsets into a page."""

    n: int
    chunk: UUID
    document: UUID
    version: UUID
    page: int
    start: int
    end: int


def citation_rows(user: "User", citations: Sequence[StoredCitation]) -> list[dict[str, Any]]:
    """A row for each citation, in the order given: where it points, and the words there now.

    `available` is False, and the quote empty, when the document was deleted (`deleted_at` says when, null
    if its whole collection went) or the reader may no longer see it (then the title is hidden too).
    Citations of earlier versions keep their quote. Two queries.
    """
    visible = Collection.objects.visible_to(user).values("pk")
    ids = {citation.document for citation in citations}
    documents = Document.objects.filter(pk__in=ids, collection__in=visible).select_related("current").in_bulk()
    wanted = {citation.chunk for citation in citations}
    chunks = Chunk.objects.filter(pk__in=wanted, version__document__in=documents).select_related("version").in_bulk()
    return [_row(each, documents.get(each.document), chunks.get(each.chunk)) for each in citations]


def _row(citation: StoredCitation, document: Document | None, chunk: Chunk | None) -> dict[str, Any]:
    deleted_at = document.deleted_at if document else None
    quote = chunk.text[citation.start - chunk.start : citation.end - chunk.start] if chunk and not deleted_at else ""
    return {
        "n": citation.n,
        "chunk": str(citation.chunk),
        "document": str(citation.document),
        "version": str(citation.version),
        "version_number": chunk.version.number if chunk else None,
        "newer_version": bool(document and document.current_id and document.current_id != citation.version),
        "uploaded_at": chunk.version.queued_at.isoformat() if chunk else None,
        "page": citation.page,
        "pages": chunk.version.page_count if chunk else None,
        "start": citation.start,
        "end": citation.end,
        "title": document.title if document else "",
        "folder": document.folder_path if document else "",
        "heading": chunk.heading if quote and chunk else "",
        "quote": quote,
        "boxes": boxes(lines_from_json(chunk.lines), citation.start, citation.end) if quote and chunk else [],
        "has_page_image": bool(chunk and chunk.version.has_page_images),
        "available": bool(quote),
        "deleted_at": deleted_at.isoformat() if deleted_at else None,
    }


def unit(pages: int | None, has_page_image: bool) -> str:
    """What a document is counted in: "page" where it has images of them, "part" where its text was cut into several,
    "" where there is nothing to count."""
    if has_page_image:
        return "page"
    return "part" if pages and pages > 1 else ""


def boxes(lines: Sequence[Line], start: int, end: int) -> list[list[float]]:
    """The boxes of the lines that a span of the page touches: x0, y0, x1, y1 as fractions of the page."""
    return [list(line.box) for line in lines if line.start < end and start < line.end]


def passages_of(user: "User", chunks: Sequence[UUID]) -> dict[UUID, Passage]:
    """Those of the chunks that are live and that the person may read."""
    collections = list(Collection.objects.visible_to(user).values_list("pk", flat=True))
    return dict(DatabaseChangeLog().passages(chunks, collections=collections, documents=None))

"""The steps of an ingestion, one after the other: extract, chunk, embed, publish.

Whatever a former try staged is replaced, and every vector it embedded is found again by the hash of its
text, so a try that was killed anywhere leaves the same result as a clean run.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import TypeVar
from uuid import UUID

from apps.documents import store
from apps.documents.ingestion import outcomes
from apps.documents.ingestion.embedding import embed
from apps.documents.ingestion.lease import Lease, LostLease, give_connection_back, patiently
from apps.documents.ingestion.progress import Progress
from apps.documents.models import Chunk, Page, State, Version
from engines import parsing, wiring
from rag import types
from rag.chunking import chunk_pages
from rag.errors import ParsingError
from rag.ports import Embedder

PAGES_AT_ONCE = 50
CHUNKS_AT_ONCE = 500

T = TypeVar("T")
logger = logging.getLogger(__name__)


def ingest(version_id: UUID, worker_id: UUID, *, embedder: Embedder | None = None) -> None:
    """Takes a version from its file to `ready`, `ready_with_warnings` or `failed`, or puts it back for later.

    Ends at once where another worker has it or there is nothing to do, so it may be called any number of
    times. `worker_id` is this process's heartbeat; `embedder` is the wiring's unless given.
    """
    lease = patiently(partial(Lease.take, version_id, worker_id))
    if lease is None:
        patiently(partial(outcomes.fail_if_tried_out, version_id))
        return
    try:
        _work(lease, embedder or wiring.embedder())
    except LostLease:
        logger.info("version %s was taken away; this try ends", version_id)
    except parsing.Cancelled:
        logger.info("version %s was cancelled while it was read", version_id)
    except ParsingError as error:
        patiently(partial(outcomes.refuse, lease, error))
    except Exception as error:
        logger.exception("version %s: try failed", version_id)
        patiently(partial(outcomes.try_again, lease, error))


def _work(lease: Lease, embedder: Embedder) -> None:
    version = patiently(lambda: Version.objects.select_related("document").get(pk=lease.version))
    progress = Progress(lease)
    patiently(partial(_clear, lease))
    warnings: list[str] = []
    pages = _extract(lease, version, progress, warnings)
    count = _chunk(lease, version.document.title, pages, embedder, progress)
    if count == 0:
        raise ParsingError(
            "no_text",
            f"No text was found in “{version.file_name}”.",
            "If it is a scan, upload a copy with a text layer (made by OCR).",
        )
    without = sum(1 for page in pages if not page.text.strip())
    if without:
        warnings.insert(0, f"{without} of {len(pages)} pages had no text.")
    for _ in range(3):
        embed(lease, embedder, progress)
        if patiently(partial(outcomes.publish, lease, embedder.model, len(pages), count, warnings)):
            return
    raise RuntimeError("its vectors vanished three times while it was published")


def _clear(lease: Lease) -> None:
    """What a former try staged goes; its vectors stay, they are found again by their text."""
    with lease.fenced(page_count=0, chunk_count=0):
        Chunk.objects.filter(version=lease.version).delete()
        Page.objects.filter(version=lease.version).delete()


def _extract(lease: Lease, version: Version, progress: Progress, warnings: list[str]) -> list[types.Page]:
    """The pages, stored as they come. Kept too: chunking needs blocks and boxes, which are not stored."""
    progress.enter(State.EXTRACTING)
    report = parsing.Report(total=partial(setattr, progress, "total"), warning=warnings.append)
    pages: list[types.Page] = []
    stored = 0
    give_connection_back()
    with store.local_copy(version.stored_as) as path:
        extracted = parsing.extract(
            path, version.media_type, limits=wiring.limits(), cancelled=lease.is_lost, report=report
        )
        for page in extracted:
            pages.append(_storable(page))
            if len(pages) - stored >= PAGES_AT_ONCE or progress.due:
                patiently(partial(_store_pages, lease, pages[stored:], progress.values(len(pages))))
                stored = len(pages)
                give_connection_back()
    last = {**progress.values(len(pages)), "has_page_images": any(page.width > 0 for page in pages)}
    patiently(partial(_store_pages, lease, pages[stored:], last))
    return pages


def _storable(page: types.Page) -> types.Page:
    """NUL and lone surrogates cannot be stored by PostgreSQL or encoded; a mark of the same length takes
    their place, so that every offset stays right."""
    text = page.text.replace("\0", "\ufffd")
    if not text.isascii():
        text = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return page if text == page.text else replace(page, text=text)


def _store_pages(lease: Lease, pages: list[types.Page], values: Mapping[str, object]) -> None:
    with lease.fenced(**values):
        Page.objects.bulk_create(
            Page(version_id=lease.version, number=page.number, text=page.text, width=page.width, height=page.height)
            for page in pages
        )


def _chunk(lease: Lease, title: str, pages: list[types.Page], embedder: Embedder, progress: Progress) -> int:
    progress.enter(State.CHUNKING, total=len(pages))
    give_connection_back()
    ordinal = 0
    for batch in _batches(_chunk_rows(lease, title, pages, embedder), CHUNKS_AT_ONCE):
        patiently(partial(_store_chunks, lease, batch, ordinal, progress.values(batch[-1].page)))
        ordinal += len(batch)
        give_connection_back()
    return ordinal


def _chunk_rows(lease: Lease, title: str, pages: list[types.Page], embedder: Embedder) -> Iterator[Chunk]:
    for chunk in chunk_pages(
        _while_held(lease, pages), title=title, count_tokens=embedder.count_tokens, max_tokens=embedder.max_tokens
    ):
        yield Chunk(
            version_id=lease.version,
            page=chunk.page,
            start=chunk.start,
            end=chunk.end,
            text=chunk.text,
            heading=chunk.heading,
            header=chunk.header,
            kind=chunk.kind.value,
            lines=[[line.start, line.end, *line.box] for line in chunk.lines],
            text_hash=sha256(chunk.for_embedding(title).encode()).hexdigest(),
        )


def _while_held(lease: Lease, pages: list[types.Page]) -> Iterator[types.Page]:
    for page in pages:
        if lease.is_lost():
            raise LostLease
        yield page


def _store_chunks(lease: Lease, chunks: list[Chunk], first: int, values: dict[str, int]) -> None:
    for ordinal, chunk in enumerate(chunks, start=first):
        chunk.ordinal = ordinal
    with lease.fenced(**values):
        Chunk.objects.bulk_create(chunks)


def _batches(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(items, size)):
        yield batch

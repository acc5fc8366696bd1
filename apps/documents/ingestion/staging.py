"""A version's pages and chunks, stored as the document is read, while the encoder is already at work on them."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TypeVar

from django.conf import settings

from apps.documents import store
from apps.documents.ingestion.embedding import EmbedAhead
from apps.documents.ingestion.lease import Lease, LostLease, give_connection_back, patiently
from apps.documents.ingestion.members import Members
from apps.documents.ingestion.progress import Progress
from apps.documents.ingestion.scans import Place
from apps.documents.models import Chunk, Page, State, Version
from engines import parsing, wiring
from rag import types
from rag.chunking import chunk_pages
from rag.ports import Embedder

PAGES_AT_ONCE = 50
CHUNKS_AT_ONCE = 200

T = TypeVar("T")
logger = logging.getLogger(__name__)

NAMED_SPANS = 8
"""So many pages without text, or runs of them, are named in the warning that counts them."""


class Staging:
    """Reads one version, page by page: no more than a few hundred thousand characters are held at a time.

    `pages`, `chunks` and `warnings` say what came of it once `read` has ended.
    """

    def __init__(self, lease: Lease, version: Version, embedder: Embedder, progress: Progress) -> None:
        self.pages = self.chunks = 0
        self.warnings: list[str] = []
        self._lease, self._version, self._embedder, self._progress = lease, version, embedder, progress
        self._title = version.document.title
        self._without_text: list[int] = []
        self._members = Members(lease, version)
        self._place = Place()

    def read(self) -> None:
        """Stores pages and chunks, embeds most of them, and puts the files within on their own way.

        Raises ParsingError, LostLease and MakeWay; what is staged until then is dropped by whoever catches them.
        """
        give_connection_back()
        with (
            store.local_copy(self._version.stored_as) as path,
            EmbedAhead(self._lease, self._embedder, self._title) as ahead,
            self._place,
        ):
            pages = self._stored(self._extracted(path))
            for batch in _batches(self._cut(pages), CHUNKS_AT_ONCE):
                patiently(partial(self._store_chunks, batch))
                ahead.add(batch)
                give_connection_back()
            self._progress.enter(State.EMBEDDING, total=self.chunks)
            ahead.finish()
        self._members.finish()
        self.warnings += self._members.warnings
        if self._without_text:
            which = spans(self._without_text, NAMED_SPANS)
            self.warnings.insert(0, f"{len(self._without_text)} of {self.pages} pages had no text: {which}.")

    def _extracted(self, path: Path) -> Iterator[types.Page]:
        report = parsing.Report(
            total=partial(setattr, self._progress, "total"),
            warning=self.warnings.append,
            scan=lambda _: self._place.take(self._progress.total),
            name=self._version.file_name,
        )
        return parsing.extract(
            path,
            self._version.media_type,
            limits=wiring.limits(),
            cancelled=self._lease.is_lost,
            report=report,
            folder=settings.FILE_UPLOAD_TEMP_DIR,
            within=self._members.take,
        )

    def _stored(self, extracted: Iterator[types.Page]) -> Iterator[types.Page]:
        """The pages on their way to be cut, each stored with the next batch."""
        waiting: list[types.Page] = []
        has_images = False
        for page in map(_storable, extracted):
            waiting.append(page)
            self.pages += 1
            if not page.text.strip():
                self._without_text.append(page.number)
            has_images = has_images or page.width > 0
            if len(waiting) >= PAGES_AT_ONCE or self._progress.due:
                patiently(partial(self._store_pages, waiting, self._progress.values(self.pages)))
                give_connection_back()
                waiting = []
            if self._lease.is_lost():
                raise LostLease
            yield page
        last = {**self._progress.values(self.pages), "has_page_images": has_images}
        patiently(partial(self._store_pages, waiting, last))
        self._progress.enter(State.CHUNKING, total=self.pages)

    def _store_pages(self, pages: list[types.Page], values: Mapping[str, object]) -> None:
        with self._lease.fenced(**values):
            Page.objects.bulk_create(
                Page(
                    version_id=self._lease.version,
                    number=page.number,
                    text=page.text,
                    width=page.width,
                    height=page.height,
                )
                for page in pages
            )

    def _cut(self, pages: Iterator[types.Page]) -> Iterator[Chunk]:
        for chunk in chunk_pages(
            pages, title=self._title, count_tokens=self._embedder.count_tokens, max_tokens=self._embedder.max_tokens
        ):
            yield Chunk(
                version_id=self._lease.version,
                page=chunk.page,
                start=chunk.start,
                end=chunk.end,
                text=chunk.text,
                heading=chunk.heading,
                header=chunk.header,
                kind=chunk.kind.value,
                lines=[[line.start, line.end, *line.box] for line in chunk.lines],
                text_hash=sha256(chunk.for_embedding(self._title).encode()).hexdigest(),
            )

    def _store_chunks(self, chunks: list[Chunk]) -> None:
        for ordinal, chunk in enumerate(chunks, start=self.chunks):
            chunk.ordinal = ordinal
        with self._lease.fenced(chunk_count=self.chunks + len(chunks)):
            Chunk.objects.bulk_create(chunks)
        self.chunks += len(chunks)


def _storable(page: types.Page) -> types.Page:
    """NUL and lone surrogates cannot be stored by PostgreSQL or encoded; a mark of the same length takes
    their place, so that every offset stays right."""
    text = page.text.replace("\0", "\ufffd")
    if not text.isascii():
        text = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return page if text == page.text else replace(page, text=text)


def _batches(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(items, size)):
        yield batch


def spans(numbers: Sequence[int], most: int) -> str:
    """Ascending numbers in words, `3, 7 to 9`; of more than `most` runs the first ones."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    named = [str(first) if first == last else f"{first} to {last}" for first, last in runs[:most]]
    return ", ".join(named) + (", ..." if len(runs) > most else "")

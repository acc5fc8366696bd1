"""What an index follows, read from the database (`rag.ports.ChangeLog`)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connections
from django.db.models import F, OuterRef, QuerySet, Subquery

from apps.documents.models import Change, Chunk, Collection, Embedding, Version, folder_of
from rag.ports import Change as LogEntry
from rag.ports import IndexRow, opening_of
from rag.types import Passage, lines_from_json

ROWS_AT_ONCE = 2000
"""Chunks per query while streaming; 2000 x (1 KB of text + 768 bytes of vector) is a few megabytes."""


class DatabaseChangeLog:
    """The log and the live chunks. Holds nothing; any number of threads may share one."""

    def revisions(self, collections: Sequence[UUID]) -> Mapping[UUID, int]:
        """The newest revision of each collection that exists; one query by primary key."""
        return dict(Collection.objects.filter(pk__in=collections).values_list("pk", "revision"))

    def changes(self, collection: UUID, after: int) -> Sequence[LogEntry]:
        """The log after a revision, oldest first; of one revision what went comes before what came."""
        rows = Change.objects.filter(collection=collection, revision__gt=after).order_by("revision", "id")
        return [
            LogEntry(row.revision, "add" if row.kind == "add" else "remove", row.document, row.version) for row in rows
        ]

    def snapshot(self, collection: UUID, model: str) -> tuple[int, Iterator[IndexRow]]:
        """The revision is read before the rows: a change in between is told again by the log after it."""
        revision = self.revisions([collection]).get(collection, 0)
        return revision, _stream(_live(Version.objects.filter(document__collection=collection)), model)

    def rows(self, versions: Sequence[UUID], model: str) -> Iterator[IndexRow]:
        """The chunks of those versions that are still live, version by version in the order of their text."""
        for begin in range(0, len(versions), ROWS_AT_ONCE):
            yield from _stream(_live(Version.objects.filter(pk__in=versions[begin : begin + ROWS_AT_ONCE])), model)

    def sizes(self, collection: UUID) -> Mapping[UUID, int]:
        """How many chunks each version has that serves now, those without a vector among them."""
        return dict(_live(Version.objects.filter(document__collection=collection)))

    def passages(
        self, chunks: Sequence[UUID], *, collections: Sequence[UUID], documents: Sequence[UUID] | None
    ) -> Mapping[UUID, Passage]:
        """Those of the chunks that are live and allowed; one query.

        The rows are looked up by the chunks' ids alone, and told apart here: with the conditions in the query SQLite,
        which has no statistics of a young database, reads every document of the collection for these few.
        """
        rows = Chunk.objects.filter(pk__in=chunks).order_by()
        allowed, wanted = set(collections), None if documents is None else set(documents)
        found = {}
        # Columns, not models: a search reads dozens of them.
        for current, deleted_at, *columns in rows.values_list(*LIVENESS, *PASSAGE.values()):
            passage = _passage(columns)
            live = current == passage.version and deleted_at is None
            if live and passage.collection in allowed and (wanted is None or passage.document in wanted):
                found[passage.chunk] = passage
        return found

    def let_go(self) -> None:
        """The thread's connection goes back to the pool: one whose thread ended with it would be lost to the pool."""
        connections.close_all()


LIVENESS = ("version__document__current", "version__document__deleted_at")
"""The columns that say whether a chunk serves."""
PASSAGE = {
    "chunk": "pk",
    "collection": "version__document__collection",
    "document": "version__document",
    "version": "version",
    "version_number": "version__number",
    "title": "version__document__title",
    "page": "page",
    "start": "start",
    "end": "end",
    "text": "text",
    "heading": "heading",
    "header": "header",
    "lines": "lines",
    "pages": "version__page_count",
    "has_page_image": "version__has_page_images",
    "folder": "version__document__key",
}
"""The fields of a passage, and the columns they come from."""


def _passage(values: Sequence[Any]) -> Passage:
    """The columns of PASSAGE in the words of the core."""
    row = dict(zip(PASSAGE, values, strict=True))
    return Passage(**{**row, "lines": lines_from_json(row["lines"]), "folder": folder_of(row["folder"])})


def _live(versions: QuerySet[Version]) -> list[tuple[UUID, int]]:
    """(version, chunks) of the versions that serve now."""
    serving = versions.filter(document__current=F("pk"), document__deleted_at__isnull=True)
    return list(serving.order_by("pk").values_list("pk", "chunk_count"))


def _stream(versions: Sequence[tuple[UUID, int]], model: str) -> Iterator[IndexRow]:
    """Short queries of whole versions, so that no cursor or transaction stays open while an index builds."""
    batch: list[UUID] = []
    size = 0
    for version, count in versions:
        if batch and size + count > ROWS_AT_ONCE:
            yield from _rows(batch, model)
            batch, size = [], 0
        batch.append(version)
        size += count
    if batch:
        yield from _rows(batch, model)


def _rows(versions: Sequence[UUID], model: str) -> list[IndexRow]:
    vector = Embedding.objects.filter(text_hash=OuterRef("text_hash"), model=model).values("vector")[:1]
    live = Chunk.objects.filter(
        version__in=versions, version__document__current=F("version"), version__document__deleted_at__isnull=True
    )
    chunks = live.annotate(vector=Subquery(vector)).select_related("version__document").defer("lines")
    ordered = chunks.filter(vector__isnull=False).order_by("version", "ordinal")  # else of another model's generation
    rows = []
    for _, group in groupby(ordered, key=attrgetter("version_id")):
        of_version = list(group)
        opening = opening_of(chunk.text for chunk in of_version)
        rows += [_index_row(chunk, "" if place else opening) for place, chunk in enumerate(of_version)]
    return rows


def _index_row(chunk: Any, opening: str) -> IndexRow:
    return IndexRow(
        chunk=chunk.pk,
        document=chunk.version.document_id,
        version=chunk.version_id,
        title=chunk.version.document.title,
        heading=chunk.heading,
        header=chunk.header,
        text=chunk.text,
        vector=np.frombuffer(chunk.vector, dtype="<f2").astype(np.float32),
        opening=opening,
    )

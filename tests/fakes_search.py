"""A change log in memory and an encoder without a model; the contract tests hold the encoder to the real one."""

import re
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import numpy as np

from rag.ports import Change, Embedder, IndexRow, Vectors, opening_of
from rag.types import Chunk, Passage

WORD = re.compile(r"\w+")


class FakeEmbedder:
    """Texts that share words get near vectors: each word is a fixed random direction, a text their sum."""

    model = "fake@1"
    max_tokens = 256

    def __init__(self, dimension: int = 32) -> None:
        self.dimension = dimension

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return np.array([self.embed_query(text) for text in texts], np.float32).reshape(-1, self.dimension)

    def embed_query(self, text: str) -> Vectors:
        words = WORD.findall(text.lower())[: self.max_tokens]
        total = np.full(self.dimension, 1e-3)
        for word in words:
            total += np.random.default_rng(zlib.crc32(word.encode())).standard_normal(self.dimension)
        return (total / np.linalg.norm(total)).astype(np.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(WORD.findall(text)) for text in texts]


@dataclass
class MemoryCollection:
    """A collection's truth: its log, and the rows of the versions that are live."""

    revision: int = 0
    changes: list[Change] = field(default_factory=list)
    live: dict[UUID, list[IndexRow]] = field(default_factory=dict)
    kept: dict[UUID, list[IndexRow]] = field(default_factory=dict)


class MemoryChangeLog:
    """A ChangeLog as the database would be, with the writes that tests need."""

    def __init__(self, embedder: Embedder | None = None) -> None:
        self.embedder: Embedder = embedder or FakeEmbedder()
        self.collections: dict[UUID, MemoryCollection] = {}
        self.reads: list[str] = []
        self._chunks: dict[UUID, tuple[UUID, IndexRow]] = {}
        self._lock = threading.Lock()

    # -- writes

    def create(self) -> UUID:
        """A new, empty collection."""
        collection = uuid4()
        self.collections[collection] = MemoryCollection()
        return collection

    def add(self, collection: UUID, *texts: str, document: UUID | None = None, title: str = "") -> UUID:
        """A document's first (or, with `document`, next) version, one chunk a text; gives the version."""
        vectors = self.embedder.embed_passages(texts)
        return self.add_vectors(collection, texts, vectors, document=document, title=title)

    def add_vectors(
        self, collection: UUID, texts: Sequence[str], vectors: Vectors, *, document: UUID | None = None, title: str = ""
    ) -> UUID:
        """`add` with vectors made elsewhere; they are rounded to float16 as the database does."""
        chunks = [Chunk(1, 0, len(text), text) for text in texts]
        return self._put(collection, document or uuid4(), chunks, vectors, title)[0]

    def add_chunks(
        self, collection: UUID, chunks: Sequence[Chunk], vectors: Vectors, *, title: str = ""
    ) -> list[IndexRow]:
        """A document's first version, cut elsewhere; gives its rows."""
        return self._put(collection, uuid4(), chunks, vectors, title)[1]

    def _put(
        self, collection: UUID, document: UUID, chunks: Sequence[Chunk], vectors: Vectors, title: str
    ) -> tuple[UUID, list[IndexRow]]:
        version = uuid4()
        rows = [
            IndexRow(
                chunk=uuid4(),
                document=document,
                version=version,
                title=title,
                heading=chunk.heading,
                header=chunk.header,
                text=chunk.text,
                vector=as_stored(vector),
                opening="" if place else opening_of(each.text for each in chunks),
            )
            for place, (chunk, vector) in enumerate(zip(chunks, vectors, strict=True))
        ]
        with self._lock:
            self._chunks |= {row.chunk: (collection, row) for row in rows}
            target = self.collections[collection]
            target.revision += 1
            for old in [version for version, rows in target.live.items() if rows and rows[0].document == document]:
                del target.live[old]
                target.changes.append(Change(target.revision, "remove", document, old))
            target.live[version] = target.kept[version] = rows
            target.changes.append(Change(target.revision, "add", document, version))
        return version, rows

    def remove(self, collection: UUID, version: UUID) -> None:
        """Takes a version away."""
        with self._lock:
            target = self.collections[collection]
            rows = target.live.pop(version)
            target.revision += 1
            target.changes.append(Change(target.revision, "remove", rows[0].document, version))

    def bring_back(self, collection: UUID, version: UUID) -> None:
        """Makes a version live again that was taken away, with the chunks it had."""
        with self._lock:
            target = self.collections[collection]
            target.revision += 1
            target.live[version] = target.kept[version]
            target.changes.append(Change(target.revision, "add", target.kept[version][0].document, version))

    def move(self, version: UUID, home: UUID, to: UUID) -> None:
        """Takes a version from one collection to another, with the chunks it has."""
        with self._lock:
            rows = self.collections[home].live.pop(version)
            for collection, kind in ((home, "remove"), (to, "add")):
                target = self.collections[collection]
                target.revision += 1
                target.changes.append(Change(target.revision, kind, rows[0].document, version))
            self.collections[to].live[version] = self.collections[to].kept[version] = rows
            self._chunks |= {row.chunk: (to, row) for row in rows}

    def rows_of(self, collection: UUID) -> list[IndexRow]:
        """All live rows of a collection."""
        with self._lock:
            return [row for rows in self.collections[collection].live.values() for row in rows]

    # -- the port

    def revisions(self, collections: Sequence[UUID]) -> Mapping[UUID, int]:
        self.reads.append("revisions")
        return {c: self.collections[c].revision for c in collections if c in self.collections}

    def changes(self, collection: UUID, after: int) -> Sequence[Change]:
        self.reads.append("changes")
        with self._lock:
            target = self.collections.get(collection, MemoryCollection())
            return [change for change in target.changes if change.revision > after]

    def snapshot(self, collection: UUID, model: str) -> tuple[int, Iterator[IndexRow]]:
        self.reads.append("snapshot")
        if collection not in self.collections:
            return 0, iter(())
        revision = self.collections[collection].revision
        return revision, iter(self.rows_of(collection))

    def rows(self, versions: Sequence[UUID], model: str) -> Iterator[IndexRow]:
        self.reads.append("rows")
        with self._lock:
            found = [row for c in self.collections.values() for v in versions for row in c.live.get(v, [])]
        return iter(found)

    def passages(
        self, chunks: Sequence[UUID], *, collections: Sequence[UUID], documents: Sequence[UUID] | None
    ) -> Mapping[UUID, Passage]:
        self.reads.append("passages")
        known = [self._chunks[chunk] for chunk in chunks if chunk in self._chunks]
        return {
            row.chunk: _passage(collection, row)
            for collection, row in known
            if collection in collections
            and row.version in self.collections[collection].live
            and (documents is None or row.document in documents)
        }

    def let_go(self) -> None:
        self.reads.append("let go")


def as_stored(vector: Vectors) -> Vectors:
    """Rounded to float16, as the database keeps it."""
    return vector.astype(np.float16).astype(np.float32)


def _passage(collection: UUID, row: IndexRow) -> Passage:
    return Passage(
        chunk=row.chunk,
        collection=collection,
        document=row.document,
        version=row.version,
        version_number=1,
        title=row.title,
        page=1,
        start=0,
        end=len(row.text),
        text=row.text,
        heading=row.heading,
        header=row.header,
    )

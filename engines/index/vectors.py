"""Rows of a collection by column, and the exact nearest of them to a query."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import faiss
import numpy as np
from numpy.typing import NDArray

from rag.ports import IndexRow, Vectors

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
Ordinals = NDArray[np.int32]
Ids = NDArray[np.uint8]
"""Shape (n, 16): UUIDs as bytes."""

SCANNED_ROWS = 5_000
"""So few allowed rows are compared one by one with the vectors themselves, exactly, whatever index there is."""
PROPOSED, PROPOSED_SHARE = 400, 8
"""Rows that an index of bits proposes, at least, and for each row wanted: of the ten nearest among 100,000 vectors of
texts .999 are then found, among 1,000,000 .995 (benchmarks/search.py)."""

# One query is one thread's work; the threads come from the callers.
faiss.omp_set_num_threads(1)


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that never change: row i of `chunks`, `document_of`, `version_of` and `vectors` belong together.

    `document_of` and `version_of` are positions in `documents` and `versions`. `vectors` has shape
    (n, dimension), float32 in memory, float16 mapped from a file; then `index` is FAISS' view of the same, which
    only proposes rows when it is not `exact`.
    """

    chunks: Ids
    documents: tuple[UUID, ...]
    document_of: Ordinals
    versions: tuple[UUID, ...]
    version_of: Ordinals
    vectors: NDArray[np.floating]
    index: faiss.Index | None = None
    exact: bool = True
    version_at: dict[UUID, int] = field(init=False)
    document_at: dict[UUID, int] = field(init=False)
    finder: "Finder" = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "finder", Finder(self.chunks))
        object.__setattr__(self, "version_at", {version: at for at, version in enumerate(self.versions)})
        object.__setattr__(self, "document_at", {document: at for at, document in enumerate(self.documents)})

    def __len__(self) -> int:
        return len(self.chunks)

    def of_versions(self, versions: Sequence[UUID]) -> Mask | None:
        """Marks the rows of those versions; None when there are none."""
        ordinals = [self.version_at[version] for version in versions if version in self.version_at]
        return marked(self.version_of, ordinals, len(self.versions)) if ordinals else None

    def of_documents(self, documents: Sequence[UUID]) -> Mask:
        """Marks the rows of those documents."""
        ordinals = [self.document_at[document] for document in documents if document in self.document_at]
        return marked(self.document_of, ordinals, len(self.documents))

    def cosines(self, rows: Rows, vector: Vectors) -> Vectors:
        """Of those rows to a query."""
        return np.asarray(self.vectors[rows], np.float32) @ vector

    def nearest(self, vector: Vectors, limit: int, allowed: Mask | None) -> tuple[Rows, Vectors]:
        """The `limit` rows with the highest cosine among the allowed ones, best first, and their cosines."""
        few = allowed is not None and np.count_nonzero(allowed) <= SCANNED_ROWS
        if self.index is None or few:
            return _nearest_in_memory(self.vectors, vector, limit, allowed)
        if self.exact:
            return _nearest_by_faiss(self.index, vector, limit, allowed)
        rows, _ = _nearest_by_faiss(self.index, vector, max(PROPOSED, PROPOSED_SHARE * limit), allowed)
        return _best(rows, self.cosines(rows, vector), limit)


class Finder:
    """Chunks to rows. What it needs for that, 12 bytes a row, is made when it is first asked."""

    def __init__(self, chunks: Ids) -> None:
        self._chunks = chunks
        self._sorted: tuple[NDArray[np.uint64], Ordinals] | None = None

    def rows(self, chunks: Sequence[UUID]) -> Rows:
        """The row of each chunk, in order; -1 for one that is not there."""
        found = np.full(len(chunks), -1, np.int64)
        if not len(self._chunks) or not chunks:
            return found
        keys, order = self._by_key()
        wanted = as_ids(chunks)
        asked = _keys(wanted)
        first = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
        rows = order[first]
        same = (self._chunks[rows] == wanted).all(axis=1)
        found[same] = rows[same]
        # Two ids may share their random half, as those made by hand do.
        for place in np.flatnonzero(~same & (keys[first] == asked)):
            alike = order[first[place] : np.searchsorted(keys, asked[place], "right")]
            equal = alike[(self._chunks[alike] == wanted[place]).all(axis=1)]
            if len(equal):
                found[place] = equal[0]
        return found

    def _by_key(self) -> tuple[NDArray[np.uint64], Ordinals]:
        if self._sorted is None:
            keys = _keys(self._chunks)
            order = np.argsort(keys, kind="stable").astype(np.int32)
            self._sorted = keys[order], order
        return self._sorted


def _keys(ids: Ids) -> NDArray[np.uint64]:
    """The random half of each UUID."""
    return np.ascontiguousarray(ids).view(np.uint64)[:, 1]


def marked(ordinal_of: Ordinals, ordinals: Sequence[int], count: int) -> Mask:
    """Which rows have one of the ordinals: one look-up a row, however many ordinals there are."""
    wanted = np.zeros(count, np.bool_)
    wanted[list(ordinals)] = True
    return wanted[ordinal_of]


def block_of(rows: Sequence[IndexRow], dimension: int) -> Block:
    """A block in memory. Raises ValueError when a vector has another dimension."""
    if wrong := next((row for row in rows if row.vector.shape != (dimension,)), None):
        raise ValueError(f"Chunk {wrong.chunk} has a vector of shape {wrong.vector.shape}, not ({dimension},).")
    documents, document_of = numbered([row.document for row in rows])
    versions, version_of = numbered([row.version for row in rows])
    vectors = np.stack([row.vector for row in rows]) if rows else np.empty((0, dimension))
    return Block(
        chunks=as_ids([row.chunk for row in rows]),
        documents=documents,
        document_of=document_of,
        versions=versions,
        version_of=version_of,
        vectors=np.ascontiguousarray(vectors, np.float32),
    )


def numbered(values: Sequence[UUID]) -> tuple[tuple[UUID, ...], Ordinals]:
    """The distinct values in the order they first come, and each value's position among them."""
    at: dict[UUID, int] = {}
    ordinals = np.fromiter((at.setdefault(value, len(at)) for value in values), np.int32, len(values))
    return tuple(at), ordinals


def joined(blocks: Sequence[tuple[Block, Mask | None]], *, dtype: type[np.floating]) -> Block:
    """One block with the alive rows of several, in memory; vectors as `dtype`."""
    documents: dict[UUID, int] = {}
    versions: dict[UUID, int] = {}
    parts = []
    for block, alive in blocks:
        keep = slice(None) if alive is None else alive
        parts.append(
            (
                block.chunks[keep],
                _renumbered(block.documents, block.document_of[keep], documents),
                _renumbered(block.versions, block.version_of[keep], versions),
                np.asarray(block.vectors[keep], dtype),
            )
        )
    chunks, document_of, version_of, vectors = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Block(chunks, tuple(documents), document_of, tuple(versions), version_of, vectors)


def _renumbered(values: Sequence[UUID], ordinals: Ordinals, into: dict[UUID, int]) -> Ordinals:
    table = np.zeros(len(values), np.int32)
    for old in np.unique(ordinals):
        table[old] = into.setdefault(values[old], len(into))
    return table[ordinals]


def as_ids(values: Sequence[UUID]) -> Ids:
    """UUIDs as bytes, shape (n, 16)."""
    return np.frombuffer(b"".join(value.bytes for value in values), np.uint8).reshape(-1, 16)


def as_uuids(ids: Ids) -> list[UUID]:
    """The inverse of `as_ids`."""
    data = np.ascontiguousarray(ids).tobytes()
    return [UUID(bytes=data[start : start + 16]) for start in range(0, len(data), 16)]


def _nearest_in_memory(
    vectors: NDArray[np.floating], vector: Vectors, limit: int, allowed: Mask | None
) -> tuple[Rows, Vectors]:
    rows = np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed)
    some = vectors if allowed is None else vectors[rows]
    return _best(rows, np.asarray(some, np.float32) @ vector, limit)


def _best(rows: Rows, scores: Vectors, limit: int) -> tuple[Rows, Vectors]:
    if len(rows) > limit:
        best = np.argpartition(-scores, limit - 1)[:limit]
        rows, scores = rows[best], scores[best]
    order = np.argsort(-scores, kind="stable")
    return rows[order], scores[order].astype(np.float32)


def _nearest_by_faiss(index: faiss.Index, vector: Vectors, limit: int, allowed: Mask | None) -> tuple[Rows, Vectors]:
    limit = min(limit, index.ntotal)
    if not limit:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    query = np.ascontiguousarray(vector.reshape(1, -1), np.float32)
    if allowed is None:
        scores, rows = index.search(query, limit)
    else:
        bits = np.packbits(allowed, bitorder="little")  # IDSelectorBitmap reads bit i % 8 of byte i / 8
        selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
        scores, rows = index.search(query, limit, params=faiss.SearchParameters(sel=selector))  # type: ignore[call-arg]
    found = rows[0] >= 0
    return rows[0][found], scores[0][found]

"""The lexical side of a collection: what an index on disk knows of it, and what came since, in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from itertools import groupby
from uuid import UUID

import tantivy
from tantivy import Occur, Query

from engines.index.wording import ANALYSER, SCHEMA, Statistics, analyser, document_of, one_of, terms_of
from rag.ports import IndexRow

WRITER_BYTES = 15_000_000
"""The least memory tantivy writes with; a writer lives only as long as one change."""


class MemoryIndex:
    """A tantivy index in memory for the rows of one collection. Changed under its owner's lock;
    searchers it gave out keep seeing what was there.
    """

    def __init__(self, collection: UUID) -> None:
        self._collection = collection
        self._index = tantivy.Index(SCHEMA)
        self._index.register_tokenizer(ANALYSER, analyser())
        self._index.config_reader("manual")
        self.bytes = 0
        """An estimate: an index over text takes about as much as the text."""

    def change(self, gone: Iterable[UUID], rows: Iterable[IndexRow]) -> tantivy.Searcher:
        """Drops versions, adds rows, in that order; gives a searcher that sees the result."""
        writer = self._index.writer(WRITER_BYTES, 1)
        for version in gone:
            writer.delete_documents_by_term("version", str(version))
        for row in rows:
            writer.add_document(document_of(self._collection, row))
            self.bytes += len(row.text) + len(row.title) + 200
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        return self._index.searcher()


@dataclass(frozen=True, slots=True)
class Lexical:
    """A collection's words at one revision: rows of the disk index less versions that are gone, and a delta."""

    collection: UUID
    base: tantivy.Searcher | None = None
    gone: frozenset[UUID] = frozenset()
    delta: tantivy.Searcher | None = None

    def without(self, versions: Iterable[UUID]) -> "Lexical":
        """Takes versions out of the base; the delta's owner takes them out of the delta."""
        return self if self.base is None else replace(self, gone=self.gone | frozenset(versions))

    def searchers(self) -> list[tantivy.Searcher]:
        return [searcher for searcher in (self.base, self.delta) if searcher is not None]

    def ids(self) -> set[UUID]:
        """Every chunk that a search could give."""
        found = set(_found(self.delta, Query.all_query(), 0)) if self.delta is not None else set()
        if self.base is not None:
            found |= set(_found(self.base, _within([self], None), 0))
        return found


def best(sides: Sequence[Lexical], text: str, limit: int, documents: Sequence[UUID] | None) -> list[tuple[UUID, float]]:
    """The best `limit` chunks of several collections by BM25, best first. Any text is fine."""
    terms = terms_of(text)
    if not terms:
        return []
    bases = _by_searcher([side for side in sides if side.base is not None])
    deltas = [side.delta for side in sides if side.delta is not None and side.delta.num_docs]
    statistics = Statistics([*(searcher for searcher, _ in bases), *deltas], terms)
    found: dict[UUID, float] = {}
    for searcher, of_it in bases:
        clauses = [(Occur.Must, _within(of_it, documents)), (Occur.Must, statistics.query(searcher))]
        found |= _found(searcher, Query.boolean_query(clauses), limit)
    for searcher in deltas:
        query = statistics.query(searcher)
        if documents is not None:
            query = Query.boolean_query([(Occur.Must, one_of("document", documents)), (Occur.Must, query)])
        found |= _found(searcher, query, limit)
    return nlargest(limit, found.items(), key=lambda hit: hit[1])


def _by_searcher(sides: Sequence[Lexical]) -> list[tuple[tantivy.Searcher, list[Lexical]]]:
    """Collections that see the same state of the disk index are asked together."""
    ordered = sorted(sides, key=lambda side: id(side.base))
    groups = [list(group) for _, group in groupby(ordered, key=lambda side: id(side.base))]
    return [(group[0].base, group) for group in groups if group[0].base is not None]


def _within(sides: Sequence[Lexical], documents: Sequence[UUID] | None) -> Query:
    """The rows of these collections, less what is gone, of these documents."""
    clauses = [(Occur.Must, one_of("collection", [side.collection for side in sides]))]
    if documents is not None:
        clauses.append((Occur.Must, one_of("document", documents)))
    if gone := [version for side in sides for version in side.gone]:
        clauses.append((Occur.MustNot, one_of("version", gone)))
    return Query.boolean_query(clauses)


def _found(searcher: tantivy.Searcher, query: Query, limit: int) -> dict[UUID, float]:
    """Chunk and score of the best `limit` rows; of all rows when it is 0."""
    result = searcher.search(query, limit or max(1, searcher.num_docs), count=False)
    return {UUID(bytes=bytes(searcher.doc(address).get_first("chunk") or b"")): score for score, address in result.hits}

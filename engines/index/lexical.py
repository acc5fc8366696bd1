"""The lexical side of a collection: what an index on disk knows of it, and what came since, in memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from itertools import groupby
from uuid import UUID

import tantivy
from tantivy import Occur, Query

from engines.index.analysis import own_terms
from engines.index.wording import (
    ANALYSER,
    MOST_TERMS,
    SCHEMA,
    Statistics,
    analyser,
    document_of,
    one_of,
    rows_of,
    terms_of,
)
from rag.ports import IndexRow

WRITER_BYTES = 15_000_000
"""The least memory tantivy writes with; a writer lives only as long as one change."""
PAGE = 10_000
"""Rows at once where all of a collection are listed."""
Scored = list[tuple[UUID, float]]


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

    def ids(self) -> set[UUID]:
        """Every chunk that a search could give."""
        return {chunk for page in self.pages() for chunk in page}

    def pages(self, *clauses: Query) -> Iterator[list[UUID]]:
        """Every chunk that a search could give and that matches every clause, a page at a time."""
        for part in parts_of([self]):
            query = part.within(None, *clauses)
            for begin in range(0, max(1, part.searcher.num_docs), PAGE):
                # Rows of equal score come in the order they lie in, which never changes for one searcher.
                result = part.searcher.search(query, PAGE, count=False, offset=begin)
                if not result.hits:
                    break
                yield [_chunk(part.searcher, address) for _, address in result.hits]


@dataclass(frozen=True, slots=True)
class Part:
    """One searcher and the rows in it that belong to the collections asked."""

    searcher: tantivy.Searcher
    sides: Sequence[Lexical] | None
    """None for a delta, all of whose rows belong."""

    def within(self, documents: Sequence[UUID] | None, *clauses: Query) -> Query:
        """The rows of the collections, less what is gone, of these documents, that match every clause."""
        must = list(clauses)
        if self.sides is not None:
            must.append(one_of("collection", [side.collection for side in self.sides]))
        if documents is not None:
            must.append(one_of("document", documents))
        without = [(Occur.MustNot, rows_of(side.collection, side.gone)) for side in self.sides or () if side.gone]
        if not must and not without:
            return Query.all_query()
        return Query.boolean_query([*((Occur.Must, clause) for clause in must), *without])


def parts_of(sides: Sequence[Lexical]) -> list[Part]:
    """The searchers behind several collections. Those that see the same state of the disk index are asked together."""
    ordered = sorted((side for side in sides if side.base is not None), key=lambda side: id(side.base))
    groups = [list(group) for _, group in groupby(ordered, key=lambda side: id(side.base))]
    bases = [Part(group[0].base, group) for group in groups if group[0].base is not None]
    deltas = [Part(side.delta, None) for side in sides if side.delta is not None and side.delta.num_docs]
    return [*bases, *deltas]


class Words:
    """A question's words, put to the lexical sides of several collections. Any text is fine."""

    def __init__(self, sides: Sequence[Lexical], text: str) -> None:
        self.terms = terms_of(text)
        self.parts = parts_of(sides) if self.terms else []
        statistics = Statistics([part.searcher for part in self.parts], self.terms)
        self._queries = [(part, statistics.query(part.searcher)) for part in self.parts]

    def best(self, limit: int, documents: Sequence[UUID] | None = None) -> Scored:
        """The best `limit` chunks of the collections (and documents) by BM25, best first."""
        return nlargest(limit, self._scored(limit, documents).items(), key=lambda hit: hit[1])

    def of(self, chunks: Sequence[UUID]) -> dict[UUID, float]:
        """BM25 of those of the chunks that hold a word of the question."""
        if not chunks:
            return {}
        return self._scored(len(chunks), None, one_of("chunk", [chunk.hex for chunk in chunks]))

    def _scored(self, limit: int, documents: Sequence[UUID] | None, *clauses: Query) -> dict[UUID, float]:
        found: dict[UUID, float] = {}
        for part, query in self._queries:
            if query is not None:
                found |= _found(part.searcher, part.within(documents, query, *clauses), limit)
        return found


def holding(sides: Sequence[Lexical], text: str, limit: int, documents: Sequence[UUID] | None) -> Scored:
    """The best `limit` chunks by BM25 of those whose text holds every word of `text`, in whatever order."""
    words = own_terms(text)[:MOST_TERMS]
    parts = parts_of(sides) if words else []
    statistics = Statistics([part.searcher for part in parts], words)
    found: dict[UUID, float] = {}
    for part in parts:
        query = statistics.query_for_all(part.searcher)
        if query is not None:
            found |= _found(part.searcher, part.within(documents, query), limit)
    return nlargest(limit, found.items(), key=lambda hit: hit[1])


def _found(searcher: tantivy.Searcher, query: Query, limit: int) -> dict[UUID, float]:
    """Chunk and score of the best `limit` rows."""
    result = searcher.search(query, limit, count=False)
    return {_chunk(searcher, address): score for score, address in result.hits}


def _chunk(searcher: tantivy.Searcher, address: tantivy.DocAddress) -> UUID:
    return UUID(hex=str(searcher.doc(address).get_first("chunk")))

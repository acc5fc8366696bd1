"""How text becomes terms, and a person's words a query: the same for every lexical index."""

import math
from collections.abc import Mapping, Sequence
from uuid import UUID

import tantivy
from tantivy import Filter, Occur, Query, TextAnalyzerBuilder, Tokenizer

from rag.ports import IndexRow

ANALYSER = "english_1"
"""In the schema of an index on disk: another way of analysing needs another name, so that old ones are rebuilt."""
WEIGHTS: Mapping[str, float] = {"title": 0.3, "heading": 0.3, "header": 0.3, "text": 1.0}
"""How much a word counts by where it stands (benchmarks/retrieval_squad.py measures them)."""
LONGEST_WORD = 60
MOST_TERMS = 200
"""Distinct words of a query that are looked up; a pasted page has a few hundred."""


def analyser() -> tantivy.TextAnalyzer:
    """Words of letters and digits, lower case, without accents, English endings taken off (Snowball)."""
    return (
        TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.remove_long(LONGEST_WORD))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
        .filter(Filter.stemmer("english"))
        .build()
    )


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in ("collection", "document", "version"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("chunk", stored=True)
    # One row a collection holds its revision, so that rows and revision change in one commit.
    builder.add_text_field("holds", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("revision", stored=True)
    for name in WEIGHTS:
        builder.add_text_field(name, tokenizer_name=ANALYSER, index_option="freq")
    return builder.build()


SCHEMA = _schema()
_ANALYSER = analyser()


def document_of(collection: UUID, row: IndexRow) -> tantivy.Document:
    """A chunk as an index takes it; its text is searched, not stored."""
    document = tantivy.Document()
    document.add_text("collection", str(collection))
    document.add_text("document", str(row.document))
    document.add_text("version", str(row.version))
    document.add_bytes("chunk", row.chunk.bytes)
    for name, value in (("title", row.title), ("heading", row.heading), ("header", row.header), ("text", row.text)):
        if value:
            document.add_text(name, value)
    return document


def terms_of(text: str) -> list[str]:
    """The distinct terms of any text, in order, at most MOST_TERMS. Empty when it holds no word."""
    # A lone surrogate cannot be handed to tantivy, which takes UTF-8.
    words = _ANALYSER.analyze(text.encode("utf-8", "ignore").decode())
    return list(dict.fromkeys(words))[:MOST_TERMS]


class Statistics:
    """In how many rows each term stands, over all the indexes that a search asks.

    A rare word of a large collection is not rare in one of three rows. Each index weighs words by its own
    numbers; `corrections` bring them to the numbers of all, so that scores of several indexes compare.
    """

    def __init__(self, searchers: Sequence[tantivy.Searcher], terms: Sequence[str]) -> None:
        self._terms = terms
        self._many = len(searchers) > 1
        if self._many:
            self._rows = sum(searcher.num_docs for searcher in searchers)
            self._frequencies = {
                (name, term): sum(searcher.doc_freq(name, term) for searcher in searchers)
                for name in WEIGHTS
                for term in terms
            }

    def query(self, searcher: tantivy.Searcher) -> Query:
        """Any of the terms in any field, weighed."""
        clauses = []
        for name, weight in WEIGHTS.items():
            for term in self._terms:
                if boost := weight * self._correction(searcher, name, term):
                    single = Query.term_query(SCHEMA, name, term, "freq")
                    clauses.append((Occur.Should, Query.boost_query(single, boost)))
        return Query.boolean_query(clauses)

    def _correction(self, searcher: tantivy.Searcher, name: str, term: str) -> float:
        """The term's weight over all indexes divided by its weight in this one; 0 where it does not stand."""
        if not self._many:
            return 1.0
        here = searcher.doc_freq(name, term)
        if not here:
            return 0.0
        return rarity(self._frequencies[name, term], self._rows) / rarity(here, searcher.num_docs)


def rarity(frequency: int, rows: int) -> float:
    """BM25's inverse document frequency as tantivy (and Lucene) compute it."""
    frequency = min(frequency, rows)  # deleted rows are counted until they are merged away
    return math.log(1 + (rows - frequency + 0.5) / (frequency + 0.5))


def one_of(name: str, values: Sequence[UUID]) -> Query:
    """Rows whose field is one of the ids; adds nothing to the score."""
    return Query.const_score_query(Query.term_set_query(SCHEMA, name, [str(value) for value in values]), 0.0)

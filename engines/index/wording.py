"""How a chunk becomes a row of a lexical index, and a person's words a query: the same for every lexical index."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import tantivy
from tantivy import Occur, Query, TextAnalyzerBuilder, Tokenizer

from engines.index.analysis import VERSION, query_terms, terms
from rag.ports import IndexRow

ANALYSER = VERSION
WEIGHTS: Mapping[str, float] = {"title": 0.3, "heading": 0.8, "header": 0.6, "text": 1.0}
"""How much a word counts by where it stands (benchmarks/retrieval.py measures them)."""
OPENING = "opening"
"""What `kind` is of a document's first chunk: it also tells the document: `name`, `about`, `key`, `lead`."""
MOST_TERMS = 200
"""Distinct words of a query that are looked up; a pasted page has a few hundred."""

Terms = tuple[str, ...]
"""What one word of a query stands for: its stems in the languages it may be in."""


def analyser() -> tantivy.TextAnalyzer:
    """Rows hold terms already, set apart by spaces."""
    return TextAnalyzerBuilder(Tokenizer.whitespace()).build()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in ("collection", "document", "version", "kind"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("chunk", stored=True, tokenizer_name="raw", index_option="basic")
    # One row a collection holds its revision, so that rows and revision change in one commit.
    builder.add_text_field("holds", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("revision", stored=True)
    for name in WEIGHTS:
        builder.add_text_field(name, tokenizer_name=ANALYSER, index_option="freq")
    builder.add_text_field("opens", stored=True, tokenizer_name="raw", index_option="basic")
    for name in ("name", "about"):
        builder.add_text_field(name, stored=True, tokenizer_name=ANALYSER, index_option="freq")
    builder.add_text_field("key", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("lead", tokenizer_name="raw", index_option="basic")
    return builder.build()


SCHEMA = _schema()


def document_of(collection: UUID, row: IndexRow) -> tantivy.Document:
    """A chunk as an index takes it; its text is searched, not stored."""
    document = tantivy.Document()
    document.add_text("collection", str(collection))
    document.add_text("document", str(row.document))
    document.add_text("version", str(row.version))
    document.add_text("chunk", row.chunk.hex)
    for name, value in (("title", row.title), ("heading", row.heading), ("header", row.header), ("text", row.text)):
        if value:
            document.add_text(name, " ".join(terms(value)))
    if row.opening:
        document.add_text("kind", OPENING)
        document.add_text("opens", str(row.document))
        document.add_text("name", " ".join(terms(row.title)))
        document.add_text("about", " ".join(terms(row.opening)))
        key = key_of(row.title)
        document.add_text("key", key)
        document.add_text("lead", " ".join(key.split()[:2]))
    return document


_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_WORDS = re.compile(r"[^\W_]+")


def key_of(title: str) -> str:
    """The words of a title as another text would name it: "Lothair II (king)" is "lothair ii"."""
    return " ".join(_WORDS.findall(_BRACKETS.sub(" ", title).lower()))


def terms_of(text: str) -> list[Terms]:
    """The distinct words of any text as terms, in order, at most MOST_TERMS. Empty when it holds no word."""
    return query_terms(text)[:MOST_TERMS]


class Statistics:
    """In how many rows each term stands, over all the indexes that a search asks.

    A rare word of a large collection is not rare in one of three rows. Each index weighs words by its own
    numbers; `_correction` brings them to the numbers of all, so that scores of several indexes compare.
    """

    def __init__(self, searchers: Sequence[tantivy.Searcher], words: Sequence[Terms]) -> None:
        self._words = words
        self._many = len(searchers) > 1
        if self._many:
            self._rows = sum(searcher.num_docs for searcher in searchers)
            distinct = {term for alternatives in words for term in alternatives}
            self._frequencies = {
                (name, term): sum(searcher.doc_freq(name, term) for searcher in searchers)
                for name in WEIGHTS
                for term in distinct
            }

    def query(self, searcher: tantivy.Searcher) -> Query | None:
        """Any of the words in any field, weighed; of a word's terms the best counts. None when no word is known."""
        each = [self._word(searcher, name, alternatives) for name in WEIGHTS for alternatives in self._words]
        clauses = [(Occur.Should, query) for query in each if query is not None]
        return Query.boolean_query(clauses) if clauses else None

    def query_for_all(self, searcher: tantivy.Searcher) -> Query | None:
        """Every one of the words in the text itself. None when one is not known."""
        each = [self._word(searcher, "text", alternatives) for alternatives in self._words]
        if None in each or not each:
            return None
        return Query.boolean_query([(Occur.Must, query) for query in each if query is not None])

    def _word(self, searcher: tantivy.Searcher, name: str, alternatives: Terms) -> Query | None:
        singles = [self._single(searcher, name, term, WEIGHTS[name]) for term in alternatives]
        known = [query for query in singles if query is not None]
        if not known:
            return None
        return known[0] if len(known) == 1 else Query.disjunction_max_query(known)

    def _single(self, searcher: tantivy.Searcher, name: str, term: str, weight: float) -> Query | None:
        """One term in one field; None where it does not stand."""
        here = searcher.doc_freq(name, term)
        if not here:
            return None
        boost = weight
        if self._many:
            boost *= rarity(self._frequencies[name, term], self._rows) / rarity(here, searcher.num_docs)
        return Query.boost_query(Query.term_query(SCHEMA, name, term, "freq"), boost)


def rarity(frequency: float, rows: float) -> float:
    """BM25's inverse document frequency as tantivy (and Lucene) compute it."""
    frequency = min(frequency, rows)  # deleted rows are counted until they are merged away
    return math.log(1 + (rows - frequency + 0.5) / (frequency + 0.5))


def rows_of(collection: UUID, versions: Iterable[UUID]) -> Query:
    """The rows that a collection has of those versions: one that was moved may have rows in two of them, until the
    index has followed both."""
    return Query.boolean_query(
        [(Occur.Must, one_of("collection", [collection])), (Occur.Must, one_of("version", list(versions)))]
    )


def one_of(name: str, values: Sequence[UUID | str]) -> Query:
    """Rows whose field is one of the values; adds nothing to the score."""
    return Query.const_score_query(Query.term_set_query(SCHEMA, name, [str(value) for value in values]), 0.0)

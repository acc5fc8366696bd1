"""Documents by what they are: which ones a question names, and which ones a text refers to.

A question about "CVS Health's FY2018 capital expenditure" is about one report among many that hold the same words.
What a document is stands in its title and its opening, so these are weighed against the question by themselves, over
documents rather than over chunks.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

import tantivy
from tantivy import Occur, Query

from engines.index.languages import is_little
from engines.index.lexical import Lexical, Scored, Words, parts_of
from engines.index.wording import OPENING, SCHEMA, Terms, key_of, one_of, rarity

CANDIDATES = 20
"""Documents that tantivy proposes; its own scores compare openings with other chunks, so they are weighed anew."""
FIELDS: Mapping[str, tuple[float, float]] = {"name": (2.0, 5.0), "about": (1.0, 120.0)}
"""Weight of a word, and the usual length in terms, of title and opening (benchmarks/retrieval.py)."""
_SATURATION, _LENGTH = 1.2, 0.75

LONGEST_TITLE = 8
"""Words of a title that is looked for in a text."""
SHARED_AT_MOST = 3
"""A title that more documents bear says nothing about which of them is meant."""
_SHORTEST_LONE = 4
_WORD = re.compile(r"[^\W_]+")


def named(words: Words, documents: Sequence[UUID] | None) -> Scored:
    """Documents whose title or opening holds words of the question, best first, by BM25 over documents."""
    searchers = [part.searcher for part in words.parts]
    rarities = _Rarities(searchers)
    found: dict[UUID, float] = {}
    for part in words.parts:
        wanted = [
            Query.boost_query(Query.term_query(SCHEMA, field, term, "freq"), weight)
            for field, (weight, _) in FIELDS.items()
            for alternatives in words.terms
            for term in alternatives
            if part.searcher.doc_freq(field, term)
        ]
        if not wanted:
            continue
        query = part.within(documents, Query.boolean_query([(Occur.Should, each) for each in wanted]))
        for _, address in part.searcher.search(query, CANDIDATES, count=False).hits:
            row = part.searcher.doc(address)
            score = sum(
                weight * _bm25(str(row.get_first(field) or "").split(), usual, words.terms, field, rarities)
                for field, (weight, usual) in FIELDS.items()
            )
            found[UUID(str(row.get_first("opens")))] = score
    return sorted(found.items(), key=lambda hit: -hit[1])


class _Rarities:
    """In how many documents' titles or openings a term stands, over all the indexes that a search asks."""

    def __init__(self, searchers: Sequence[tantivy.Searcher]) -> None:
        self._searchers = searchers
        self._documents = sum(searcher.doc_freq("kind", OPENING) for searcher in searchers)
        self._known: dict[tuple[str, str], float] = {}

    def __call__(self, field: str, term: str) -> float:
        if (field, term) not in self._known:
            frequency = sum(searcher.doc_freq(field, term) for searcher in self._searchers)
            self._known[field, term] = rarity(frequency, self._documents)
        return self._known[field, term]


def _bm25(row: Sequence[str], usual: float, words: Sequence[Terms], field: str, rarities: _Rarities) -> float:
    counts = Counter(row)
    norm = _SATURATION * (1 - _LENGTH + _LENGTH * len(row) / usual)
    total = 0.0
    for alternatives in words:
        scores = [
            rarities(field, term) * counts[term] * (_SATURATION + 1) / (counts[term] + norm)
            for term in alternatives
            if counts[term]
        ]
        total += max(scores, default=0.0)
    return total


def referred(
    sides: Sequence[Lexical], texts: Sequence[str], question: str, documents: Sequence[UUID] | None
) -> list[list[UUID]]:
    """For each text the documents whose whole title stands in it and not in the question."""
    asked = f" {key_of(question)} "
    keys = [{key for key in _keys_in(text) if f" {key} " not in asked} for text in texts]
    every = sorted(set().union(*keys))
    bearers: dict[str, set[UUID]] = {}
    for part in parts_of(sides) if every else ():
        query = part.within(documents, one_of("key", every))
        for _, address in part.searcher.search(query, len(every) * SHARED_AT_MOST, count=False).hits:
            row = part.searcher.doc(address)
            bearers.setdefault(str(row.get_first("key")), set()).add(UUID(str(row.get_first("opens"))))
    telling = {key: found for key, found in bearers.items() if len(found) <= SHARED_AT_MOST}
    return [sorted({document for key in some & telling.keys() for document in telling[key]}) for some in keys]


def _keys_in(text: str) -> Iterator[str]:
    """Everything in a text that may be a title: up to LONGEST_TITLE words, or one word written as a name is."""
    words = _WORD.findall(text)
    lower = [word.lower() for word in words]
    for start, word in enumerate(words):
        if len(word) >= _SHORTEST_LONE and not word[0].islower() and not is_little(word):
            yield lower[start]
        for end in range(start + 2, min(start + LONGEST_TITLE, len(words)) + 1):
            yield " ".join(lower[start:end])

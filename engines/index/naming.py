"""Documents by what they are: which ones a question names, and which ones a text refers to.

A question about "CVS Health's FY2018 capital expenditure" is about one report among many that hold the same words.
What a document is stands in its title and its opening, so these are weighed against the question by themselves, over
documents rather than over chunks.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from uuid import UUID

import tantivy
from tantivy import Occur, Query

from engines.index.languages import is_little
from engines.index.lexical import Lexical, Scored, Words, parts_of
from engines.index.wording import OPENING, SCHEMA, Terms, key_of, one_of, rarity

CANDIDATES = 20
"""Documents that tantivy proposes; its own scores compare openings with other chunks, so they are weighed anew."""
FIELDS: Mapping[str, tuple[float, float]] = {"name": (1.0, 5.0), "about": (1.0, 120.0)}
"""Weight of a word, and the usual length in terms, of title and opening (benchmarks/retrieval.py)."""
_SATURATION, _LENGTH = 1.2, 0.75

MOST_TITLES = 200
"""Titles that are looked for in the texts, of all that begin with two words that stand in them."""
SHARED_AT_MOST = 3
"""A title that more documents bear says nothing about which of them is meant."""
_SHORTEST_LONE = 4
_WORD = re.compile(r"[^\W_]+")


def named(words: Words, documents: Sequence[UUID] | None) -> Scored:
    """Documents whose title or opening holds words of the question, best first, by BM25 over documents."""
    rarities = _Rarities([part.searcher for part in words.parts])
    asked = frozenset(term for alternatives in words.terms for term in alternatives)
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
            found[UUID(str(row.get_first("opens")))] = sum(
                weight
                * _bm25(str(row.get_first(field) or "").split(), usual, words.terms, asked, partial(rarities, field))
                for field, (weight, usual) in FIELDS.items()
            )
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


def _bm25(
    row: Sequence[str], usual: float, words: Sequence[Terms], asked: frozenset[str], rarity_of: Callable[[str], float]
) -> float:
    counts = Counter(term for term in row if term in asked)
    norm = _SATURATION * (1 - _LENGTH + _LENGTH * len(row) / usual)
    scores = {term: rarity_of(term) * count * (_SATURATION + 1) / (count + norm) for term, count in counts.items()}
    return sum(max((scores.get(term, 0.0) for term in alternatives), default=0.0) for alternatives in words)


def referred(
    sides: Sequence[Lexical], texts: Sequence[str], question: str, documents: Sequence[UUID] | None
) -> list[list[UUID]]:
    """For each text the documents whose whole title stands in it and not in the question."""
    asked = f" {key_of(question)} "
    leads = sorted({lead for text in texts for lead in _leads_in(text)})
    bearers: dict[str, set[UUID]] = {}
    for part in parts_of(sides) if leads else ():
        query = part.within(documents, one_of("lead", leads))
        for _, address in part.searcher.search(query, MOST_TITLES, count=False).hits:
            row = part.searcher.doc(address)
            bearers.setdefault(str(row.get_first("key")), set()).add(UUID(str(row.get_first("opens"))))
    telling = {key: found for key, found in bearers.items() if len(found) <= SHARED_AT_MOST and f" {key} " not in asked}
    plain = [f" {' '.join(_WORD.findall(text.lower()))} " for text in texts]
    return [
        sorted({document for key, found in telling.items() if f" {key} " in text for document in found})
        for text in plain
    ]


def _leads_in(text: str) -> Iterator[str]:
    """What a title in a text may begin with: any two words, or one word that is written as a name is."""
    words = _WORD.findall(text)
    lower = [word.lower() for word in words]
    yield from (
        low
        for word, low in zip(words, lower, strict=True)
        if len(word) >= _SHORTEST_LONE and not word[0].islower() and not is_little(word)
    )
    yield from (f"{a} {b}" for a, b in pairwise(lower))

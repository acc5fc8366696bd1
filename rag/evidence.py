"""Is there enough in the passages to answer at all? One number and one threshold, both measured.

BM25 has no scale that holds across collections, so it is not used; the cosine of the encoder and the share
of the question's content words that one passage contains are. Where no passage has a cosine (lexical
mode), the words decide alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rag.citing import passage_words
from rag.types import Passage
from rag.words import content_words

COSINE, COVERAGE, BIAS = 29.0, 8.4, -13.5
THRESHOLD = 0.2
"""Logistic fit and threshold from benchmarks/extractive_squad.py: SQuAD's questions over its own passages
against questions about other corpora, on half of the articles, with all-MiniLM-L6-v2. Encoders whose cosines
lie higher refuse less. SQuAD 2.0's unanswerable questions are written to look answerable and pass."""
COVERAGE_ALONE = 0.34
"""One word in three. Chosen by eye, not fitted: a lexical search alone is asked for seldom, and by programs."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """`score` 0..1; `enough` says whether an engine should be asked."""

    score: float
    enough: bool
    cosine: float | None
    coverage: float


def weigh(question: str, passages: Sequence[Passage]) -> Evidence:
    """How likely it is that the passages are about what the question asks."""
    wanted = set(content_words(question))
    coverage = max((_coverage(wanted, passage) for passage in passages), default=0.0)
    cosine = max((passage.dense for passage in passages if passage.dense is not None), default=None)
    if not passages:
        return Evidence(0.0, False, None, 0.0)
    if cosine is None:
        return Evidence(coverage, coverage >= COVERAGE_ALONE, None, coverage)
    score = 1 / (1 + math.exp(-(COSINE * cosine + COVERAGE * coverage + BIAS)))
    return Evidence(score, score >= THRESHOLD, cosine, coverage)


def _coverage(wanted: set[str], passage: Passage) -> float:
    """A question made of stop words alone asks about whatever there is."""
    return len(wanted & passage_words(passage)) / len(wanted) if wanted else 1.0

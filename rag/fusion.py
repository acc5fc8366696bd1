"""One order out of two: a convex combination of cosine and BM25, each normalised within the query.

After Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval" (ACM TOIS 2023): it beats
reciprocal rank fusion, and hardly depends on how the scores are normalised. Three things are ours: every hit has both
scores, also one that only one leg found; the dense leg has less say where its encoder does not know the question's
words; and how well the question names the document counts beside what the chunk says.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.types import Hit
from rag.words import UNSPACED

DENSE_WEIGHT = 0.6
"""The dense leg's share where its encoder knows the words; the lexical leg has the rest (benchmarks/retrieval.py)."""
NAMED_WEIGHT = 0.3
"""How much it counts, beside both legs together, that the question names the document."""
_FALLING = ((0.33, 0.6), (0.40, 0.3), (0.60, 0.1), (0.90, 0.03))
_FALLING_UNSPACED = ((0.80, 0.6), (0.95, 0.2))
"""Tokens per letter, and the dense leg's share from there on. An encoder that knows a word reads it in one or two
tokens; one that does not spells it. Measured with all-MiniLM-L6-v2, which knows English: .25 (English), .38 (German),
.40 (Spanish), 1.0 (Arabic, Chinese)."""
_UNSPACED_LETTER = re.compile(rf"[{UNSPACED}]")


def share_of_dense(query: str, tokens: int) -> float:
    """The dense leg's weight, 0..1, for a query that its encoder reads as so many tokens."""
    letters = sum(letter.isalnum() for letter in query)
    if not letters:
        return DENSE_WEIGHT
    falling = _FALLING_UNSPACED if 2 * len(_UNSPACED_LETTER.findall(query)) > letters else _FALLING
    return min(DENSE_WEIGHT, _interpolated(tokens / letters, falling))


def _interpolated(value: float, points: Sequence[tuple[float, float]]) -> float:
    before = points[0]
    for point in points:
        if value < point[0]:
            share = (value - before[0]) / (point[0] - before[0]) if point[0] > before[0] else 0.0
            return before[1] + max(share, 0.0) * (point[1] - before[1])
        before = point
    return before[1]


def fuse(hits: Sequence[Hit], *, dense_weight: float = DENSE_WEIGHT) -> list[Hit]:
    """The hits with `score` filled, 0..1, best first.

    Where only one leg found anything, its normalised score alone decides. Equal scores keep a fixed order.
    """
    dense = normalised([hit.dense for hit in hits])
    lexical = normalised([hit.lexical for hit in hits])
    most = max((hit.named for hit in hits), default=0.0)
    share = _share(hits, dense_weight)
    whole = 1 + NAMED_WEIGHT if most > 0 else 1.0
    scored = [
        replace(hit, score=(share * by_meaning + (1 - share) * by_words + _by_name(hit, most)) / whole)
        for hit, by_meaning, by_words in zip(hits, dense, lexical, strict=True)
    ]
    return sorted(scored, key=lambda hit: (-hit.score, hit.chunk))


def _by_name(hit: Hit, most: float) -> float:
    return NAMED_WEIGHT * hit.named / most if most > 0 else 0.0


def _share(hits: Sequence[Hit], dense_weight: float) -> float:
    """The weight itself, or 1 or 0 when only one leg found anything."""
    has_dense = any(hit.dense is not None for hit in hits)
    has_lexical = any(hit.lexical is not None for hit in hits)
    if has_dense and has_lexical:
        return dense_weight
    return 1.0 if has_dense else 0.0


def normalised(scores: Sequence[float | None]) -> list[float]:
    """Scores mapped so that the lowest becomes 0 and the highest 1; what was not found is 0.

    If all that were found are equal they are all 1.
    """
    found = [score for score in scores if score is not None]
    if not found:
        return [0.0] * len(scores)
    low, high = min(found), max(found)
    if high == low:
        return [0.0 if score is None else 1.0 for score in scores]
    return [0.0 if score is None else (score - low) / (high - low) for score in scores]

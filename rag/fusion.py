"""One order out of two: a convex combination of cosine and BM25, each normalised within the query.

After Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval" (ACM TOIS 2023): it beats
reciprocal rank fusion, and hardly depends on how the scores are normalised.
"""

from collections.abc import Sequence
from dataclasses import replace

from rag.types import Hit

DENSE_WEIGHT = 0.5
"""The share of the dense leg; the lexical leg has the rest (benchmarks/retrieval_squad.py)."""


def fuse(hits: Sequence[Hit], *, dense_weight: float = DENSE_WEIGHT) -> list[Hit]:
    """The hits with `score` filled, 0..1, best first.

    Where only one leg found anything, its normalised score alone decides. Equal scores keep a fixed order.
    """
    dense = normalised([hit.dense for hit in hits])
    lexical = normalised([hit.lexical for hit in hits])
    share = share_of_dense(hits, dense_weight)
    scored = [
        replace(hit, score=share * by_meaning + (1 - share) * by_words)
        for hit, by_meaning, by_words in zip(hits, dense, lexical, strict=True)
    ]
    return sorted(scored, key=lambda hit: (-hit.score, hit.chunk))


def share_of_dense(hits: Sequence[Hit], dense_weight: float) -> float:
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

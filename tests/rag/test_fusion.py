"""Two rankings become one."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.fusion import fuse, normalised
from rag.types import Hit

A, B, C = (UUID(int=n) for n in (1, 2, 3))


def test_the_best_of_both_legs_comes_first() -> None:
    hits = [Hit(A, dense=0.9, lexical=3.0), Hit(B, dense=0.5, lexical=12.0), Hit(C, dense=0.8, lexical=11.0)]
    fused = fuse(hits, dense_weight=0.5)
    assert [hit.chunk for hit in fused] == [C, A, B]
    assert fused[0].score == pytest.approx((0.75 + 8 / 9) / 2)
    assert [hit.score for hit in fused[1:]] == pytest.approx([0.5, 0.5])


def test_a_leg_that_found_nothing_has_no_say() -> None:
    by_words = fuse([Hit(A, lexical=1.0), Hit(B, lexical=9.0)])
    by_meaning = fuse([Hit(A, dense=0.9), Hit(B, dense=0.1)])
    assert [(hit.chunk, hit.score) for hit in by_words] == [(B, 1.0), (A, 0.0)]
    assert [(hit.chunk, hit.score) for hit in by_meaning] == [(A, 1.0), (B, 0.0)]


def test_the_weight_moves_the_order() -> None:
    hits = [Hit(A, dense=0.9), Hit(B, lexical=5.0)]
    assert fuse(hits, dense_weight=0.9)[0].chunk == A
    assert fuse(hits, dense_weight=0.1)[0].chunk == B


def test_equal_scores_keep_a_fixed_order() -> None:
    hits = [Hit(C, dense=0.5), Hit(A, dense=0.5), Hit(B, dense=0.5)]
    assert [hit.chunk for hit in fuse(hits)] == [A, B, C]
    assert {hit.score for hit in fuse(hits)} == {1.0}


def test_nothing_gives_nothing() -> None:
    assert fuse([]) == []
    assert normalised([]) == []
    assert normalised([None, None]) == [0.0, 0.0]


scores = st.none() | st.floats(-1, 1, allow_nan=False)


@given(st.lists(st.tuples(scores, scores), max_size=30), st.floats(0, 1))
def test_scores_lie_between_0_and_1_and_the_order_follows_them(pairs: list[tuple], weight: float) -> None:
    hits = [Hit(UUID(int=n), dense, lexical) for n, (dense, lexical) in enumerate(pairs)]
    fused = fuse(hits, dense_weight=weight)
    assert {hit.chunk for hit in fused} == {hit.chunk for hit in hits}
    assert all(0 <= hit.score <= 1 + 1e-9 for hit in fused)
    assert [hit.score for hit in fused] == sorted((hit.score for hit in fused), reverse=True)


@given(st.lists(scores, max_size=30))
def test_normalising_keeps_the_order(values: list[float | None]) -> None:
    mapped = normalised(values)
    pairs = [(value, result) for value, result in zip(values, mapped, strict=True) if value is not None]
    for value, result in pairs:
        assert all(result >= other for lower, other in pairs if lower < value)

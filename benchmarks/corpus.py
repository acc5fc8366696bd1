"""As many passages as wanted: the real ones of the evaluation data first, then mixtures of them.

A mixture has the words of two real passages, half of each, and a vector between theirs with a little noise, so that
words and vectors stay about as alike as those of real texts are.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.client import DATA, read_jsonl
from rag.ports import Embedder, Vectors

SETS = ("squad", "multihop_hotpotqa", "multihop_2wiki", "conversation_mtrag_un", "ir_cacm")
LONGEST = 1000
"""Characters; about what the encoder reads."""
PER_DOCUMENT = 20
_NEAR, _FAR, _NOISE = 0.75, 0.35, 0.03


@dataclass(frozen=True, slots=True)
class Text:
    """A title, up to PER_DOCUMENT passages, and their vectors, shape (passages, dimension)."""

    title: str
    passages: list[str]
    vectors: Vectors


def texts(encoder: Embedder, count: int, *, cache: Path) -> Iterator[Text]:
    """Documents with `count` passages in all; the same each time."""
    titles, real, vectors = _real(encoder, cache)
    numbers = random.Random(1)
    randomly = np.random.default_rng(1)
    left = count
    number = 0
    while left > 0:
        size = min(PER_DOCUMENT, left)
        first = number * PER_DOCUMENT
        if first + size <= len(real):
            yield Text(f"{titles[first]} {number}", real[first : first + size], vectors[first : first + size])
        else:
            pairs = [(numbers.randrange(len(real)), numbers.randrange(len(real))) for _ in range(size)]
            mixed = [_mixed(real[a], real[b], f"row{number}x{n}") for n, (a, b) in enumerate(pairs)]
            near, far = ([pair[side] for pair in pairs] for side in (0, 1))
            noise = _NOISE * randomly.standard_normal((size, vectors.shape[1]))
            between = (_NEAR * vectors[near] + _FAR * vectors[far] + noise).astype(np.float32)
            between /= np.linalg.norm(between, axis=1, keepdims=True)
            yield Text(f"{titles[near[0]]} {number}", mixed, between)
        left -= size
        number += 1


def questions(count: int) -> list[str]:
    """Real questions of the same sets, some of each."""
    each = [[row["question"] for row in read_jsonl(DATA / name / "questions.jsonl")] for name in SETS]
    return list(islice((asked for some in zip(*each, strict=False) for asked in some), count))


def _real(encoder: Embedder, cache: Path) -> tuple[list[str], list[str], Vectors]:
    rows = [row for name in SETS for row in read_jsonl(DATA / name / "passages.jsonl")]
    titles = [row.get("title", "") for row in rows]
    passages = [row["text"][:LONGEST] for row in rows]
    kept = cache / "corpus.npy"
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(kept, encoder.embed_passages(passages))
    vectors: Vectors = np.load(kept)
    return titles, passages, vectors


def _mixed(one: str, other: str, name: str) -> str:
    a, b = one.split(), other.split()
    return " ".join([*a[: len(a) // 2], name, *b[len(b) // 2 :]])

"""One question put to both legs of the collections it is asked in."""

from collections.abc import Sequence
from functools import cached_property
from heapq import nlargest
from uuid import UUID

from engines.index.lexical import Scored, Words
from engines.index.naming import named
from engines.index.shelf import State
from rag.ports import Vectors
from rag.types import Hit

NAMED_DOCUMENTS = 3
"""So many documents that the question names best are also searched by themselves."""


class Question:
    """A question's words and vector over states that never change. `vector` may be None where no cosine is asked."""

    def __init__(self, states: Sequence[State], text: str, vector: Vectors | None) -> None:
        self._states, self._text, self._vector = states, text, vector

    @cached_property
    def _words(self) -> Words:
        return Words([state.lexical for state in self._states], self._text)

    def dense(self, limit: int, documents: Sequence[UUID] | None) -> list[Hit]:
        """The best `limit` chunks by cosine."""
        return [Hit(chunk, dense=cosine) for chunk, cosine in self._nearest(limit, documents)]

    def lexical(self, limit: int, documents: Sequence[UUID] | None) -> list[Hit]:
        """The best `limit` chunks by BM25."""
        return [Hit(chunk, lexical=score) for chunk, score in self._words.best(limit, documents)]

    def hybrid(self, limit: int, documents: Sequence[UUID] | None) -> list[Hit]:
        """The best of both legs, everywhere and in the documents that the question names, with both legs' scores."""
        names = dict(named(self._words, documents))
        within = list(names)[:NAMED_DOCUMENTS]
        scores = dict(self._words.best(limit, documents)) | dict(self._words.best(limit, within) if within else ())
        near = [*self._nearest(limit, documents), *(self._nearest(limit, within) if within else ())]
        chunks = list(dict.fromkeys([*(chunk for chunk, _ in near), *scores]))
        scores |= self._words.of([chunk for chunk in chunks if chunk not in scores])
        known = self._known(chunks)
        return [
            Hit(chunk, dense=known[chunk][1], lexical=scores.get(chunk), named=names.get(known[chunk][0], 0.0))
            for chunk in chunks
            if chunk in known
        ]

    def _nearest(self, limit: int, documents: Sequence[UUID] | None) -> Scored:
        if self._vector is None:
            return []
        found = [hit for state in self._states for hit in state.dense.nearest(self._vector, limit, documents)]
        return nlargest(limit, found, key=lambda hit: hit[1])

    def _known(self, chunks: Sequence[UUID]) -> dict[UUID, tuple[UUID, float]]:
        """Document and cosine of each chunk."""
        found: dict[UUID, tuple[UUID, float]] = {}
        if self._vector is not None:
            for state in self._states:
                found |= state.dense.known(chunks, self._vector)
        return found

"""The dense side of a collection: blocks that never change, and which of their rows are alive."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest
from uuid import UUID

import numpy as np

from engines.index.vectors import Block, Mask, as_uuids, joined
from rag.ports import Vectors

Scored = list[tuple[UUID, float]]


@dataclass(frozen=True, slots=True)
class Part:
    """A block and its alive rows (all, when `alive` is None)."""

    block: Block
    alive: Mask | None = None

    def count(self) -> int:
        """How many rows are alive."""
        return len(self.block) if self.alive is None else int(np.count_nonzero(self.alive))

    def without(self, versions: Sequence[UUID]) -> "Part":
        """The same rows less those of the versions."""
        gone = self.block.of_versions(versions)
        if gone is None:
            return self
        return Part(self.block, ~gone if self.alive is None else self.alive & ~gone)

    def allowed(self, documents: Sequence[UUID] | None) -> Mask | None:
        """Alive rows of those documents."""
        if documents is None:
            return self.alive
        wanted = self.block.of_documents(documents)
        return wanted if self.alive is None else wanted & self.alive


@dataclass(frozen=True, slots=True)
class Dense:
    """A collection's vectors at one revision; changing it gives a new one, so searches need no lock.

    `base` comes from a snapshot; `delta` holds what came after, largest block first.
    """

    base: Part | None = None
    delta: tuple[Part, ...] = ()

    def parts(self) -> tuple[Part, ...]:
        return self.delta if self.base is None else (self.base, *self.delta)

    def count(self) -> int:
        """Alive rows."""
        return sum(part.count() for part in self.parts())

    def unsettled(self) -> int:
        """Rows that a compaction would move or drop."""
        dead = 0 if self.base is None else len(self.base.block) - self.base.count()
        return dead + sum(part.count() for part in self.delta)

    def bytes(self) -> int:
        """Memory held by the delta's vectors; a mapped base belongs to the system's page cache."""
        return sum(part.block.vectors.nbytes for part in self.delta)

    def without(self, versions: Sequence[UUID]) -> "Dense":
        """Takes versions out of base and delta."""
        base = None if self.base is None else self.base.without(versions)
        delta = (part.without(versions) for part in self.delta)
        return Dense(base, tuple(part for part in delta if part.alive is None or part.alive.any()))

    def with_block(self, block: Block) -> "Dense":
        """Adds rows. Blocks of like size are joined, so there are only ever log2(rows) of them."""
        if not len(block):
            return self
        delta, new = list(self.delta), Part(block)
        while delta and delta[-1].count() <= 2 * new.count():
            last = delta.pop()
            new = Part(joined([(last.block, last.alive), (new.block, new.alive)], dtype=np.float32))
        return Dense(self.base, (*delta, new))

    def nearest(self, vector: Vectors, limit: int, documents: Sequence[UUID] | None) -> Scored:
        """The best `limit` alive chunks of those documents by cosine, best first."""
        found: Scored = []
        for part in self.parts():
            rows, scores = part.block.nearest(vector, limit, part.allowed(documents))
            found += zip(as_uuids(part.block.chunks[rows]), scores.tolist(), strict=True)
        return nlargest(limit, found, key=lambda hit: hit[1])

    def known(self, chunks: Sequence[UUID], vector: Vectors) -> dict[UUID, tuple[UUID, float]]:
        """Document and cosine of those of the chunks that are alive."""
        found: dict[UUID, tuple[UUID, float]] = {}
        for part in self.parts():
            rows = part.block.finder.rows(chunks)
            there = np.flatnonzero(rows >= 0)
            if part.alive is not None:
                there = there[part.alive[rows[there]]]
            cosines = part.block.cosines(rows[there], vector)
            for place, row, cosine in zip(there.tolist(), rows[there].tolist(), cosines.tolist(), strict=True):
                found[chunks[place]] = part.block.documents[part.block.document_of[row]], cosine
        return found

    def whole(self) -> Block:
        """All alive rows in one block with float16 vectors: the next snapshot."""
        return joined([(part.block, part.alive) for part in self.parts()], dtype=np.float16)

    def ids(self) -> set[UUID]:
        """Every alive chunk."""
        found: set[UUID] = set()
        for part in self.parts():
            chunks = part.block.chunks if part.alive is None else part.block.chunks[part.alive]
            found.update(as_uuids(chunks))
        return found

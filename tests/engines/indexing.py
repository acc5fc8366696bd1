"""What the tests of the index share: small collections of random words, and a way to ask them."""

import random
from pathlib import Path
from uuid import UUID

from engines.index.local import LocalIndex
from rag.types import Hit, Mode
from tests.fakes_search import FakeEmbedder, MemoryChangeLog

DIMENSION = 32
NAMES = "pump valve motor filter sensor cable relay switch battery panel bearing gasket hose nozzle piston rotor"
WORDS = NAMES.split()


def open_index(log: MemoryChangeLog, directory: Path, **options: object) -> LocalIndex:
    return LocalIndex(log, directory, model="fake@1", dimension=DIMENSION, **{"tidy": False, **options})


def ask(
    index: LocalIndex,
    text: str,
    *collections: UUID,
    documents: list[UUID] | None = None,
    limit: int = 10,
    mode: Mode = Mode.HYBRID,
) -> list[Hit]:
    vector = None if mode is Mode.LEXICAL else FakeEmbedder().embed_query(text)
    return index.search(text=text, vector=vector, collections=collections, documents=documents, limit=limit, mode=mode)


def chunks(hits: list[Hit]) -> set[UUID]:
    return {hit.chunk for hit in hits}


def fill(log: MemoryChangeLog, collection: UUID, rows: int, *, per_version: int = 5, seed: int = 1) -> list[UUID]:
    """Versions of random words; each chunk also has a word of its own, `unique<number>`."""
    random_words = random.Random(seed)
    texts = [f"{' '.join(random_words.choices(WORDS, k=12))} unique{seed}x{n}" for n in range(rows)]
    return [log.add(collection, *texts[at : at + per_version]) for at in range(0, rows, per_version)]


def live(log: MemoryChangeLog, collection: UUID) -> set[UUID]:
    return {row.chunk for row in log.rows_of(collection)}

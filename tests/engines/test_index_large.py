"""Collections so large that an index of bits proposes and the vectors decide."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from engines.index import shelf, snapshot, vectors
from engines.index.local import LocalIndex
from rag.types import Mode
from tests.engines.indexing import DIMENSION, ask, chunks, fill, live, open_index
from tests.fakes_search import MemoryChangeLog

ROWS, PER_DOCUMENT = 4000, 40
LIMIT = 10


@pytest.fixture(params=[0, 500], ids=["no row is scanned", "few rows are scanned"])
def large(
    request: pytest.FixtureRequest,
    log: MemoryChangeLog,
    collection: UUID,
    tmp_path: Path,
    small: int,
    monkeypatch: pytest.MonkeyPatch,
) -> LocalIndex:
    """4,000 random vectors, written as those of a large collection are."""
    monkeypatch.setattr(snapshot, "LARGE", 1000)
    monkeypatch.setattr(vectors, "SCANNED_ROWS", request.param)
    randomly = np.random.default_rng(1)
    for start in range(0, ROWS, PER_DOCUMENT):
        some = randomly.standard_normal((PER_DOCUMENT, DIMENSION)).astype(np.float32)
        some /= np.linalg.norm(some, axis=1, keepdims=True)
        log.add_vectors(collection, [f"row {start + n}" for n in range(PER_DOCUMENT)], some, title=f"Document {start}")
    index = open_index(log, tmp_path)
    assert index.compact(collection)
    block = index._states([collection])[0].dense.base.block
    assert not block.exact
    return index


def recall(log: MemoryChangeLog, index: LocalIndex, collection: UUID, documents: list[UUID] | None) -> float:
    """Of the ten nearest by the vectors themselves, the share found; every cosine is checked, too."""
    rows = [row for row in log.rows_of(collection) if documents is None or row.document in documents]
    matrix = np.stack([row.vector for row in rows])
    randomly = np.random.default_rng(2)
    shares = []
    for _ in range(30):
        vector = randomly.standard_normal(DIMENSION).astype(np.float32)
        vector /= np.linalg.norm(vector)
        cosines = matrix @ vector
        expected = {rows[place].chunk: cosines[place] for place in np.argsort(-cosines)[:LIMIT]}
        hits = index.search(
            text="", vector=vector, collections=[collection], documents=documents, limit=LIMIT, mode=Mode.DENSE
        )
        of = {row.chunk: cosine for row, cosine in zip(rows, cosines, strict=True)}
        assert [hit.dense for hit in hits] == pytest.approx([of[hit.chunk] for hit in hits], abs=1e-3)
        assert [hit.dense for hit in hits] == sorted((hit.dense for hit in hits), reverse=True)
        assert len(hits) == min(LIMIT, len(rows))
        shares.append(len(expected.keys() & chunks(hits)) / len(expected))
    return float(np.mean(shares))


def test_the_nearest_are_found_with_their_own_cosines(
    log: MemoryChangeLog, collection: UUID, large: LocalIndex
) -> None:
    assert recall(log, large, collection, None) > 0.95


@pytest.mark.parametrize("documents", [1, 10, 70])
def test_a_filter_loses_nothing(log: MemoryChangeLog, collection: UUID, large: LocalIndex, documents: int) -> None:
    every = list(dict.fromkeys(row.document for row in log.rows_of(collection)))
    assert recall(log, large, collection, every[:documents]) > 0.95


def test_what_is_gone_is_not_proposed_and_what_came_is(
    log: MemoryChangeLog, collection: UUID, large: LocalIndex
) -> None:
    for version in list(log.collections[collection].live)[:90]:
        log.remove(collection, version)
    vector = np.eye(DIMENSION, dtype=np.float32)[0]
    log.add_vectors(collection, ["new"], vector[None], title="New")
    assert recall(log, large, collection, None) > 0.95
    found = large.search(text="", vector=vector, collections=[collection], limit=5, mode=Mode.DENSE)
    assert found[0].dense == pytest.approx(1.0, abs=1e-3)
    assert large.ids(collection) == live(log, collection)


def test_a_large_collection_without_caches_is_given_them_at_its_first_search(
    log: MemoryChangeLog, collection: UUID, tmp_path: Path, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, collection, 120)
    monkeypatch.setattr(shelf.Shelf.__init__, "__kwdefaults__", {"most_in_memory": 100})
    index = open_index(log, tmp_path)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: chunks(ask(index, "unique1x7 pump", collection)), range(4)))
    assert found == [chunks(ask(index, "unique1x7 pump", collection))] * 4
    assert log.reads.count("snapshot") <= 9  # each thread's short look, and one reading of all
    assert index._states([collection])[0].dense.base is not None
    assert index.ids(collection) == live(log, collection)
    log.reads.clear()
    assert open_index(log, tmp_path).ids(collection) == live(log, collection)
    assert "snapshot" not in log.reads
    assert not index.compact(collection)

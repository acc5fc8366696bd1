"""Any history of adds, removes, compactions and restarts gives what a naive look at every row gives."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from engines.index import compaction
from engines.index.local import LocalIndex
from engines.index.wording import terms_of
from rag.types import Mode
from tests.fakes_search import FakeEmbedder, MemoryChangeLog

PROJECT = Path(__file__).resolve().parents[2]
WORDS = ("pump", "valve", "motor", "filters", "running", "relay")
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
DIMENSION = 8


class AnyHistory(RuleBasedStateMachine):
    """Two collections, two indexes on one folder (as two processes have them), and the oracle."""

    versions: Bundle[tuple[int, UUID]] = Bundle("versions")
    removed: Bundle[tuple[int, UUID]] = Bundle("removed")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.limits = pytest.MonkeyPatch()
        self.limits.setattr(compaction, "SMALL", 6)
        self.limits.setattr(compaction, "UNSETTLED_LEAST", 2)
        self.log = MemoryChangeLog(FakeEmbedder(DIMENSION))
        self.collections = [self.log.create(), self.log.create()]
        self.indexes = [self.open(), self.open()]

    def open(self) -> LocalIndex:
        return LocalIndex(self.log, Path(self.folder.name), model="fake@1", dimension=DIMENSION, tidy=False)

    def teardown(self) -> None:
        self.limits.undo()
        self.folder.cleanup()

    @rule(target=versions, which=st.integers(0, 1), chunks=st.lists(texts, min_size=1, max_size=5))
    def add(self, which: int, chunks: list[str]) -> tuple[int, UUID]:
        return which, self.log.add(self.collections[which], *chunks)

    @rule(target=versions, version=consumes(versions))
    def move(self, version: tuple[int, UUID]) -> tuple[int, UUID]:
        which, moved = version
        self.log.move(moved, self.collections[which], self.collections[1 - which])
        return 1 - which, moved

    @rule(target=removed, version=consumes(versions))
    def remove(self, version: tuple[int, UUID]) -> tuple[int, UUID]:
        self.log.remove(self.collections[version[0]], version[1])
        return version

    @rule(target=versions, version=consumes(removed))
    def bring_back(self, version: tuple[int, UUID]) -> tuple[int, UUID]:
        self.log.bring_back(self.collections[version[0]], version[1])
        return version

    @rule(index=st.integers(0, 1), which=st.integers(0, 1), force=st.booleans())
    def compact(self, index: int, which: int, force: bool) -> None:
        self.indexes[index].compact(self.collections[which], force=force)

    @rule(index=st.integers(0, 1))
    def restart(self, index: int) -> None:
        self.indexes[index] = self.open()

    @rule(index=st.integers(0, 1), text=texts, limit=st.integers(1, 8), both=st.booleans(), narrow=st.booleans())
    def dense(self, index: int, text: str, limit: int, both: bool, narrow: bool) -> None:
        collections = self.collections if both else self.collections[:1]
        rows = [row for collection in collections for row in self.log.rows_of(collection)]
        documents = [row.document for row in rows[::2]] if narrow else None
        vector = self.log.embedder.embed_query(text)
        expected = sorted(
            (float(row.vector @ vector) for row in rows if documents is None or row.document in documents), reverse=True
        )
        hits = self.indexes[index].search(
            text=text, vector=vector, collections=collections, documents=documents, limit=limit, mode=Mode.DENSE
        )
        found = sorted((hit.dense for hit in hits if hit.dense is not None), reverse=True)
        np.testing.assert_allclose(found, expected[:limit], atol=2e-3)

    @rule(index=st.integers(0, 1), text=texts, both=st.booleans(), narrow=st.booleans())
    def lexical(self, index: int, text: str, both: bool, narrow: bool) -> None:
        collections = self.collections if both else self.collections[:1]
        rows = [row for collection in collections for row in self.log.rows_of(collection)]
        documents = [row.document for row in rows[::2]] if narrow else None
        wanted = set(terms_of(text))
        expected = {
            row.chunk
            for row in rows
            if wanted & set(terms_of(row.text)) and (documents is None or row.document in documents)
        }
        hits = self.indexes[index].search(
            text=text, vector=None, collections=collections, documents=documents, limit=1000, mode=Mode.LEXICAL
        )
        assert {hit.chunk for hit in hits} == expected

    @invariant()
    def holds_what_is_live(self) -> None:
        for index in getattr(self, "indexes", []):
            for collection in self.collections:
                assert index.ids(collection) == {row.chunk for row in self.log.rows_of(collection)}


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


# ---------------------------------------------------------------------------- two processes, one folder

PROGRAM = """
import json, sys
from pathlib import Path
from uuid import UUID
import numpy as np
from engines.index import compaction
from engines.index.local import LocalIndex
from tests.fakes_search import FakeEmbedder, MemoryChangeLog

compaction.SMALL, compaction.UNSETTLED_LEAST = 40, 4
log = MemoryChangeLog(FakeEmbedder(8))
collection = UUID(sys.argv[2])
log.collections[collection] = type(log.collections[log.create()])()
index = LocalIndex(log, Path(sys.argv[1]), model="fake@1", dimension=8, tidy=True)
for step in range(12):
    version = log.add(collection, *[f"pump {n} of step {step}" for n in range(10)])
    if step % 3 == 2:
        log.remove(collection, version)
    index.compact(collection, force=step % 2 == 0)
    assert index.ids(collection) == {row.chunk for row in log.rows_of(collection)}
print(json.dumps({"folder": sys.argv[1]}))
"""


@pytest.fixture
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as path:
        yield path


def test_two_processes_write_one_folder_at_once(folder: str) -> None:
    collections = ["01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000002"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, folder, collection],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for collection in collections
    ]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert json.loads(out) == {"folder": folder}
    snapshots = sorted(path.parent.parent.name for path in Path(folder).rglob("vectors.f16"))
    assert snapshots == collections

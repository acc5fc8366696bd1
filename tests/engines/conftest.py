"""Fixtures of the index's tests: an empty log, one collection in it, an index over it."""

from pathlib import Path
from uuid import UUID

import pytest

from engines.index import compaction
from engines.index.local import LocalIndex
from tests.engines.indexing import open_index
from tests.fakes_search import MemoryChangeLog


@pytest.fixture
def log() -> MemoryChangeLog:
    return MemoryChangeLog()


@pytest.fixture
def collection(log: MemoryChangeLog) -> UUID:
    return log.create()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Collections count as large from 40 rows, so that caches on disk are met without thousands of rows."""
    monkeypatch.setattr(compaction, "SMALL", 40)
    monkeypatch.setattr(compaction, "UNSETTLED_LEAST", 4)
    return 40


@pytest.fixture
def index(log: MemoryChangeLog, tmp_path: Path) -> LocalIndex:
    return open_index(log, tmp_path)

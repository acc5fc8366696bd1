"""The caches of the index on disk can be deleted, damaged or outdated, and the memory is bounded; nothing is lost."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
import tantivy

from engines.index import compaction, shelf
from engines.index.lexical_disk import DiskIndex
from engines.index.local import LocalIndex
from rag.types import Mode
from tests.engines.indexing import DIMENSION, ask, chunks, fill, live, open_index
from tests.fakes_search import MemoryChangeLog


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_small_collections_leave_the_disk_alone(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, tmp_path: Path
) -> None:
    fill(log, collection, 30)
    ask(index, "pump", collection)
    assert not index.compact(collection)
    assert files(tmp_path) == []


def test_a_snapshot_serves_the_next_process_without_reading_the_rows_again(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, tmp_path: Path, small: int
) -> None:
    versions = fill(log, collection, 60)
    expected = ask(index, "pump unique1x7", collection)
    assert index.compact(collection)
    assert not index.compact(collection)
    log.remove(collection, versions[0])
    late = log.add(collection, "A late word about the pump.")
    log.reads.clear()
    other = open_index(log, tmp_path)
    assert other.ids(collection) == live(log, collection)
    assert "snapshot" not in log.reads
    assert {row.chunk for row in log.rows([late], "")} <= chunks(ask(other, "late", collection))
    again = ask(index, "pump unique1x7", collection)
    assert chunks(again) - chunks(expected) <= live(log, collection)


def test_compaction_changes_nothing_that_a_search_sees(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, small: int
) -> None:
    fill(log, collection, 80)
    before = {hit.chunk: hit for hit in ask(index, "pump valve unique1x7", collection, limit=80)}
    assert index.compact(collection)
    after = {hit.chunk: hit for hit in ask(index, "pump valve unique1x7", collection, limit=80)}
    assert before.keys() == after.keys()
    for chunk, hit in before.items():
        assert after[chunk].dense == pytest.approx(hit.dense, abs=1e-3)
        # A word that stands in every row weighs a little more on disk, where each collection has a row for itself.
        assert (after[chunk].lexical or 0.0) == pytest.approx(hit.lexical or 0.0, rel=0.05, abs=0.1)


def test_a_collection_that_shrank_or_went_loses_its_caches(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, tmp_path: Path, small: int
) -> None:
    versions = fill(log, collection, 60)
    index.compact(collection)
    assert list(tmp_path.rglob("vectors.f16"))
    for version in versions[:8]:
        log.remove(collection, version)
    assert index.compact(collection)
    assert not list(tmp_path.rglob("vectors.f16"))
    assert index.ids(collection) == live(log, collection)
    fill(log, collection, 60, seed=2)
    assert index.compact(collection)
    del log.collections[collection]
    assert ask(index, "pump", collection) == []
    assert index.compact(collection)
    assert not list(tmp_path.rglob("vectors.f16"))
    assert open_index(log, tmp_path).ids(collection) == set()


def test_deleting_the_folder_loses_nothing(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, tmp_path: Path, small: int
) -> None:
    versions = fill(log, collection, 60)
    index.compact(collection)
    shutil.rmtree(tmp_path)
    assert index.ids(collection) == live(log, collection)  # the running process, from what it has mapped
    log.remove(collection, versions[3])
    fill(log, collection, 20, seed=3)
    assert index.ids(collection) == live(log, collection)
    assert open_index(log, tmp_path).ids(collection) == live(log, collection)  # a new one, from the database
    assert index.compact(collection)  # and it is written anew
    assert index.ids(collection) == open_index(log, tmp_path).ids(collection) == live(log, collection)


def test_what_moved_between_collections_is_found_where_it_is_now(
    log: MemoryChangeLog, collection: UUID, tmp_path: Path, small: int
) -> None:
    there = log.create()
    moved, *_ = fill(log, collection, 60)
    fill(log, there, 60, seed=2)
    (row, *_) = log.rows([moved], "")
    index = open_index(log, tmp_path)
    for each in (collection, there):
        assert index.compact(each)
    log.move(moved, collection, there)
    # Its rows may lie in both collections until the index has followed both, and each takes away only its own.
    for each in (there, collection):
        assert index.compact(each, force=True)
        fresh = open_index(log, tmp_path)
        for asked in ([there], [collection, there]):
            assert row.chunk in chunks(ask(fresh, row.text, *asked, mode=Mode.LEXICAL))
        assert row.chunk not in chunks(ask(fresh, row.text, collection, mode=Mode.LEXICAL))


def test_a_database_that_fails_while_caches_are_taken_over_costs_no_words(
    log: MemoryChangeLog,
    collection: UUID,
    index: LocalIndex,
    tmp_path: Path,
    small: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(log, collection, 60)
    ask(index, "pump", collection)
    assert open_index(log, tmp_path).compact(collection)
    log.add(collection, "A late word about the pump.")
    ask(index, "pump", collection)

    def fail(*asked: object) -> None:
        raise OSError("the database is away")

    with monkeypatch.context() as away:
        away.setattr(log, "changes", fail)
        with pytest.raises(OSError, match="away"):
            index.compact(collection)
    log.add(collection, "A later word about the pump.")
    for text in ("unique1x7", "late", "later"):
        assert ask(index, text, collection, mode=Mode.LEXICAL)


def test_a_lexical_index_of_another_version_is_begun_anew(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, tmp_path: Path, small: int
) -> None:
    fill(log, collection, 60)
    index.compact(collection)
    folder = next(tmp_path.rglob("lexical"))
    shutil.rmtree(folder)
    folder.mkdir()
    tantivy.Index(tantivy.SchemaBuilder().add_text_field("other").build(), path=str(folder))
    DiskIndex(folder)._write_checksums()
    fresh = open_index(log, tmp_path)
    assert fresh.ids(collection) == live(log, collection)
    assert fresh.compact(collection)
    log.reads.clear()
    assert open_index(log, tmp_path).ids(collection) == live(log, collection)
    assert "snapshot" not in log.reads


def test_what_a_dead_writer_left_is_swept(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, tmp_path: Path, small: int
) -> None:
    fill(log, collection, 60)
    index.compact(collection)
    folder = next(tmp_path.rglob("vectors.f16")).parent.parent
    (folder / ".unfinished-abc").mkdir()
    (folder / ".unfinished-abc" / "vectors.f16").write_bytes(b"half")
    assert index.compact(collection, force=True)
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
    assert len(list(folder.iterdir())) == 1


def test_vectors_of_two_models_never_meet(log: MemoryChangeLog, collection: UUID, tmp_path: Path, small: int) -> None:
    fill(log, collection, 60)
    open_index(log, tmp_path).compact(collection)
    other = LocalIndex(log, tmp_path, model="other@2", dimension=DIMENSION, tidy=False)
    log.reads.clear()
    other.ids(collection)
    assert "snapshot" in log.reads
    assert len({path.parent.parent.parent.parent for path in tmp_path.rglob("vectors.f16")}) == 1
    other.compact(collection)
    assert len({path.parent.parent.parent.parent for path in tmp_path.rglob("vectors.f16")}) == 2


# -------------------------------------------------------------------------------- memory and threads


def test_the_least_recently_searched_leave_memory_and_come_back(log: MemoryChangeLog, tmp_path: Path) -> None:
    index = open_index(log, tmp_path, memory_mb=shelf.EMPTY_SHELF_BYTES * 3 / 1e6)
    collections = [log.create() for _ in range(6)]
    for number, each in enumerate(collections):
        fill(log, each, 10, seed=number)
    for each in collections:
        ask(index, "pump", each)
    log.reads.clear()
    ask(index, "pump", collections[-1])
    assert log.reads == ["revisions"]
    assert index.ids(collections[0]) == live(log, collections[0])
    assert "snapshot" in log.reads
    assert chunks(ask(index, "pump", *collections, limit=100)) == set().union(*(live(log, c) for c in collections))


def test_a_large_collection_is_compacted_by_itself(
    log: MemoryChangeLog, collection: UUID, tmp_path: Path, small: int
) -> None:
    index = open_index(log, tmp_path, tidy=True)
    fill(log, collection, 60)
    ask(index, "pump", collection)
    index.close()
    assert log.reads[-1] == "let go"  # else the database's pool has a connection less after each
    assert list(tmp_path.rglob("vectors.f16"))
    assert open_index(log, tmp_path).ids(collection) == live(log, collection)


def test_searches_go_on_while_documents_come_and_go_and_compactions_run(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, small: int
) -> None:
    steady = fill(log, collection, 60)
    kept = {row.chunk for row in log.rows(steady, "")}
    stop = threading.Event()

    def search() -> int:
        times = 0
        while not stop.is_set():
            found = chunks(ask(index, "pump unique1x7 valve", collection, limit=1000, mode=Mode.DENSE))
            assert kept <= found
            assert ask(index, "unique1x7", collection, mode=Mode.LEXICAL)
            times += 1
        return times

    with ThreadPoolExecutor(5) as pool:
        searches = [pool.submit(search) for _ in range(4)]
        try:
            for seed in range(2, 14):
                come = fill(log, collection, 10, seed=seed)
                assert index.compact(collection, force=True)
                log.remove(collection, come[0])
        finally:
            stop.set()
        assert all(future.result() > 0 for future in searches)
    assert index.ids(collection) == live(log, collection)


def test_a_search_does_not_wait_for_a_compaction(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, collection, 60)
    ask(index, "pump", collection)
    writing, go_on = threading.Event(), threading.Event()
    write = compaction.snapshots.write

    def slow_write(*args: object, **options: object) -> Path:
        writing.set()
        assert go_on.wait(10)
        return write(*args, **options)

    monkeypatch.setattr(compaction.snapshots, "write", slow_write)
    with ThreadPoolExecutor(1) as pool:
        compacting = pool.submit(index.compact, collection)
        assert writing.wait(10)
        late = log.add(collection, "A late word about the pump.")
        found = chunks(ask(index, "late", collection, mode=Mode.LEXICAL))
        assert not compacting.done()
        go_on.set()
        assert compacting.result()
    assert found == {row.chunk for row in log.rows([late], "")}
    assert index.ids(collection) == live(log, collection)

"""What can be wrong with an index is told by its kind, and a rebuild mends it while searches go on."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest

from engines.index import lexical, rebuilding, shelf
from engines.index import snapshot as snapshots
from engines.index.lexical_disk import Changes, DiskIndex
from engines.index.local import LocalIndex
from engines.index.vectors import Block, joined
from engines.index.verification import Fault, Report
from rag.ports import IndexRow
from rag.types import Mode
from tests.engines.indexing import ask, chunks, fill, live, open_index
from tests.fakes_search import FakeEmbedder, MemoryChangeLog

pytestmark = pytest.mark.usefixtures("small")


@pytest.fixture
def versions(log: MemoryChangeLog, collection: UUID, index: LocalIndex) -> list[UUID]:
    """Sixty chunks in twelve versions, with caches on the disk."""
    filled = fill(log, collection, 60)
    assert index.compact(collection)
    return filled


def told(report: Report) -> dict[Fault, int]:
    return {fault: tally.count for fault, tally in report.faults.items()}


def verified(log: MemoryChangeLog, collection: UUID, directory: Path) -> Report:
    """As a command that begins finds it, though a running process may hold something else."""
    return open_index(log, directory).verify(collection)


def write_other(directory: Path, change: Callable[[Block], Block]) -> None:
    """Puts a whole snapshot in the place of the newest one, with other rows in it."""
    folder = next(directory.rglob("vectors.f16")).parent
    old = snapshots.read(folder, model="fake@1", dimension=32)
    assert old is not None
    written = snapshots.write(folder.parent, change(old.block), revision=old.revision, model="fake@1")
    snapshots.remove_older(folder.parent, written)


def change_words(directory: Path, collection: UUID, gone: list[UUID], rows: list[IndexRow]) -> None:
    """Changes the lexical index on the disk behind the log's back."""
    disk = DiskIndex(next(directory.rglob("lexical")))
    view = disk.view()
    assert view is not None
    disk.change(collection, lambda known: Changes(collection, known, gone, rows))


def without_row(block: Block, row: int) -> Block:
    keep = np.ones(len(block), np.bool_)
    keep[row] = False
    return joined([(block, keep)], dtype=np.float16)


# --------------------------------------------------------------------------------------- what is told


def test_what_is_in_order_is_said_so(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path
) -> None:
    log.remove(collection, versions[0])
    log.bring_back(collection, versions[0])
    log.remove(collection, versions[1])
    fill(log, collection, 10, seed=2)
    done: list[int] = []
    report = open_index(log, tmp_path).verify(collection, progress=done.append)
    assert report.in_order
    assert (report.rows, sum(done), report.gone) == (65, 65, False)


@pytest.mark.parametrize("rows", [0, 3])
def test_small_collections_are_compared_too(log: MemoryChangeLog, index: LocalIndex, tmp_path: Path, rows: int) -> None:
    tiny = log.create()
    fill(log, tiny, rows)
    report = index.verify(tiny)
    assert report.in_order
    assert report.rows == rows
    assert index.verify(uuid4()).gone


def test_a_row_that_the_snapshot_lacks(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path
) -> None:
    lost: list[str] = []

    def lose(block: Block) -> Block:
        lost.append(str(UUID(bytes=block.chunks[7].tobytes())))
        return without_row(block, 7)

    write_other(tmp_path, lose)
    report = verified(log, collection, tmp_path)
    assert told(report) == {Fault.VECTOR_MISSING: 1}
    assert report.faults[Fault.VECTOR_MISSING].first == lost
    assert report.mendable


def test_a_row_that_the_database_lacks(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path
) -> None:
    kept = [change for change in log.collections[collection].changes if change.version != versions[2]]
    log.collections[collection].changes = kept
    foreign = {row.chunk for row in log.collections[collection].live.pop(versions[2])}
    report = verified(log, collection, tmp_path)
    assert told(report) == {Fault.VECTOR_FOREIGN: 5, Fault.WORDS_FOREIGN: 5}
    assert set(report.faults[Fault.VECTOR_FOREIGN].first) < {str(chunk) for chunk in foreign}
    assert len(report.faults[Fault.WORDS_FOREIGN].first) == 3


def test_a_vector_that_differs_by_a_bit(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path
) -> None:
    def nudge(block: Block) -> Block:
        vectors = np.array(block.vectors)
        vectors.view(np.uint16)[11, 3] ^= 1
        return replace(block, vectors=vectors, index=None)

    write_other(tmp_path, nudge)
    assert told(verified(log, collection, tmp_path)) == {Fault.VECTOR_DIFFERENT: 1}


def test_a_row_under_another_document(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path
) -> None:
    def misplace(block: Block) -> Block:
        return replace(block, documents=(uuid4(), *block.documents[1:]), index=None)

    write_other(tmp_path, misplace)
    assert told(verified(log, collection, tmp_path)) == {Fault.VECTOR_DIFFERENT: 5}


def test_vectors_that_a_search_does_not_find(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Block, "nearest", lambda *_: (np.empty(0, np.int64), np.empty(0, np.float32)))
    assert set(told(verified(log, collection, tmp_path))) == {Fault.VECTOR_NOT_FOUND}


def test_chunks_of_the_same_words_are_in_order(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, tmp_path: Path
) -> None:
    log.add(collection, *["The same footer on every page."] * 80)
    index.compact(collection)
    assert verified(log, collection, tmp_path).in_order


@pytest.mark.parametrize("page", [7, 10_000])
def test_rows_that_the_lexical_index_lacks_or_has_twice(
    log: MemoryChangeLog,
    collection: UUID,
    versions: list[UUID],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    page: int,
) -> None:
    monkeypatch.setattr(lexical, "PAGE", page)
    rows = list(log.rows([versions[4]], ""))
    change_words(tmp_path, collection, [versions[4]], rows[1:])
    report = verified(log, collection, tmp_path)
    assert told(report) == {Fault.WORDS_MISSING: 1}
    assert report.faults[Fault.WORDS_MISSING].first == [str(rows[0].chunk)]
    change_words(tmp_path, collection, [], rows[:2])
    assert told(verified(log, collection, tmp_path)) == {Fault.WORDS_FOREIGN: 1}


def test_rows_that_lost_their_words(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path
) -> None:
    emptied = [replace(row, text="") for row in log.rows(versions, "")]
    change_words(tmp_path, collection, versions, emptied)
    assert set(told(verified(log, collection, tmp_path))) == {Fault.WORDS_NOT_FOUND}


@pytest.mark.parametrize("name", ["vectors.f16", "chunks.ids", "index.faiss", "manifest.json"])
def test_a_damaged_file_is_named(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path, name: str
) -> None:
    path = next(tmp_path.rglob(name))
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.unlink()
    path.write_bytes(content)
    report = verified(log, collection, tmp_path)
    assert told(report) == {Fault.DAMAGED: 1}
    assert report.faults[Fault.DAMAGED].first[0].endswith(f"/{name}")
    path.unlink()
    assert told(verified(log, collection, tmp_path)) == {Fault.DAMAGED: 1}


def test_a_damaged_lexical_index_is_named(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path
) -> None:
    next(tmp_path.rglob("*.term")).unlink()
    report = verified(log, collection, tmp_path)
    assert report.faults[Fault.DAMAGED].first == ["lexical index"]


def test_caches_of_a_newer_revision_than_the_database(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path
) -> None:
    state = log.collections[collection]
    state.revision, state.changes = 11, state.changes[:11]
    del state.live[versions[-1]]
    assert told(verified(log, collection, tmp_path)) == {Fault.FUTURE: 2}
    assert open_index(log, tmp_path).rebuild(collection) == 55
    assert verified(log, collection, tmp_path).in_order


def test_chunks_without_a_vector_are_counted(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path
) -> None:
    stale = uuid4()
    report = open_index(log, tmp_path).verify(collection, sizes=lambda: {**dict.fromkeys(versions, 5), stale: 4})
    assert told(report) == {Fault.NO_VECTOR: 4}
    assert not report.mendable


def test_what_comes_and_goes_meanwhile_is_no_fault(
    log: MemoryChangeLog,
    collection: UUID,
    versions: list[UUID],
    index: LocalIndex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shelf, "ROWS_AT_A_TIME", 10)
    late = log.add(collection, "Come before it began.", document=uuid4())
    read = log.snapshot

    def interfering(asked: UUID, model: str) -> tuple[int, Iterator[IndexRow]]:
        log.remove(collection, versions[0])
        revision, rows = read(asked, model)
        first = [next(rows) for _ in range(10)]
        log.add(collection, "Come while it was read.")
        log.remove(collection, late)
        log.remove(collection, versions[-1])
        fill(log, collection, 5, seed=3)
        return revision, iter([*first, *rows, *log.rows_of(collection)[-5:]])

    monkeypatch.setattr(log, "snapshot", interfering)
    report = open_index(log, tmp_path).verify(collection, sizes=lambda: dict.fromkeys([*versions, late], 5))
    assert told(report) == {}
    assert report.rows == 50


# ------------------------------------------------------------------------------------------- rebuilding


def test_a_rebuild_mends_what_a_running_process_holds(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path
) -> None:
    write_other(tmp_path, lambda block: without_row(block, 7))
    rows = list(log.rows([versions[4]], ""))
    change_words(tmp_path, collection, [versions[4]], rows[1:])
    running = open_index(log, tmp_path)
    words = rows[0].text
    assert rows[0].chunk not in chunks(ask(running, words, collection, limit=60, mode=Mode.LEXICAL))
    nearest = {"collections": [collection], "limit": 60, "mode": Mode.DENSE, "text": ""}
    vector = FakeEmbedder().embed_query("pump")
    assert len(running.search(vector=vector, **nearest)) == 59
    done: list[int] = []
    assert open_index(log, tmp_path).rebuild(collection, progress=done.append) == sum(done) == 60
    assert rows[0].chunk in chunks(ask(running, words, collection, limit=60, mode=Mode.LEXICAL))
    assert len(running.search(vector=vector, **nearest)) == 60
    assert running.ids(collection) == live(log, collection)
    assert verified(log, collection, tmp_path).in_order
    log.reads.clear()
    ask(running, "pump", collection)
    assert log.reads == ["revisions"]
    assert len(list(tmp_path.rglob("vectors.f16"))) == 1


def test_a_rebuilt_small_collection_is_read_again(log: MemoryChangeLog, collection: UUID, tmp_path: Path) -> None:
    version = fill(log, collection, 5)[0]
    running = open_index(log, tmp_path)
    assert len(running.ids(collection)) == 5
    log.collections[collection].live[version].pop()  # behind the log's back, as by hand in the database
    assert len(running.ids(collection)) == 5
    assert open_index(log, tmp_path).rebuild(collection) == 0
    assert running.ids(collection) == live(log, collection)


@pytest.mark.parametrize("name", ["*.term", "vectors.f16", "manifest.json"])
def test_a_rebuild_mends_damaged_files(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], index: LocalIndex, tmp_path: Path, name: str
) -> None:
    other = log.create()
    fill(log, other, 60, seed=2)
    index.compact(other)
    next(tmp_path.rglob(name)).unlink()
    command = open_index(log, tmp_path)
    for each in (collection, other):
        assert command.rebuild(each) == 60
    for each in (collection, other):
        assert verified(log, each, tmp_path).in_order
        held = open_index(log, tmp_path).held(each)
        assert held.snapshot is not None
        assert held.lexical is not None
        assert (held.snapshot.rows, held.lexical.rows) == (60, 60)


def test_a_rebuild_that_is_broken_off_leaves_what_was_there(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "ROWS_AT_A_TIME", 20)

    def break_off(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_index(log, tmp_path).rebuild(collection, progress=break_off)
    log.reads.clear()
    assert open_index(log, tmp_path).ids(collection) == live(log, collection)
    assert "snapshot" not in log.reads
    assert open_index(log, tmp_path).rebuild(collection) == 60


def test_a_disk_that_does_not_give_back_what_was_written_is_said(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding.snapshots, "read", lambda *_, **__: None)
    with pytest.raises(OSError, match="does not read back"):
        index.rebuild(collection)


def test_searches_go_on_while_caches_are_rebuilt(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], index: LocalIndex, tmp_path: Path
) -> None:
    kept = live(log, collection)
    stop = threading.Event()

    def search() -> int:
        times = 0
        while not stop.is_set():
            assert kept <= chunks(ask(index, "pump valve", collection, limit=1000, mode=Mode.DENSE))
            assert ask(index, "unique1x7", collection, mode=Mode.LEXICAL)
            times += 1
        return times

    with ThreadPoolExecutor(3) as pool:
        searches = [pool.submit(search) for _ in range(3)]
        try:
            command = open_index(log, tmp_path)
            for seed in range(2, 8):
                fill(log, collection, 10, seed=seed)
                command.rebuild(collection)
                index.compact(collection)
        finally:
            stop.set()
        assert all(future.result() > 0 for future in searches)
    assert verified(log, collection, tmp_path).in_order
    assert index.ids(collection) == live(log, collection)


# ----------------------------------------------------------------------------------------- what is held


def test_what_the_disk_holds(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], tmp_path: Path, index: LocalIndex
) -> None:
    late = log.add(collection, "A late word.")
    log.remove(collection, versions[0])
    held = open_index(log, tmp_path).held(collection)
    assert held.snapshot is not None
    assert held.lexical is not None
    assert (held.snapshot.revision, held.snapshot.rows, held.added) == (12, 60, (late,))
    assert held.snapshot.bytes == sum(path.stat().st_size for path in next(tmp_path.rglob("snapshot-*")).iterdir())
    assert held.snapshot.written_at > 0
    assert (held.lexical.revision, held.lexical.rows) == (12, 60)
    tiny = log.create()
    fill(log, tiny, 3)
    assert open_index(log, tmp_path).held(tiny) == type(held)()
    next(tmp_path.rglob("manifest.json")).write_text("[]")
    assert open_index(log, tmp_path).held(collection).snapshot is None


def test_a_compaction_that_waits_comes_after_the_other(
    log: MemoryChangeLog, collection: UUID, versions: list[UUID], index: LocalIndex, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with rebuilding.locked(next(tmp_path.rglob(f"locks/{collection}.lock"))):
            assert not index.compact(collection, force=True)
            waiting = pool.submit(index.compact, collection, force=True, wait=True)
            time.sleep(0.1)
            assert not waiting.done()
        assert waiting.result(10)

"""A hundred caches cut short or with a bit turned over: each is noticed and written anew, and no result is wrong."""

import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from engines.files import locked
from engines.index import lexical_disk
from engines.index import snapshot as snapshots
from engines.index.lexical_disk import CHECKSUMS
from engines.index.local import LocalIndex
from rag.types import Mode
from tests.engines.indexing import ask, fill, live, open_index
from tests.fakes_search import MemoryChangeLog

QUESTIONS = ("pump unique1x7", "valve hose")
DAMAGES, GROUPS = 100, 4
Results = dict[tuple[str, Mode], dict[UUID, tuple[float | None, float | None]]]


def content(directory: Path) -> list[Path]:
    """Every file that has any, locks left out."""
    files = (path for path in directory.rglob("*") if path.suffix != ".lock" and path.is_file())
    return sorted(path for path in files if path.stat().st_size)


def damage(path: Path, how: str, randomly: random.Random) -> None:
    """Cuts the file, turns one of its bits over, or removes it."""
    content = bytearray(path.read_bytes())
    if how == "cut":
        del content[randomly.randrange(len(content)) :]
    elif how == "flip":
        content[randomly.randrange(len(content))] ^= 1 << randomly.randrange(8)
    # A new file in the old one's place, as after a restore: writing into it would change what is mapped.
    path.unlink()
    if how != "delete":
        path.write_bytes(content)


def results(index: LocalIndex, collections: Sequence[UUID]) -> Results:
    """What searches of each kind give, in one collection and in both."""
    return {
        (f"{text} in {len(some)}", mode): {
            hit.chunk: (hit.dense, hit.lexical) for hit in ask(index, text, *some, limit=200, mode=mode)
        }
        for text in QUESTIONS
        for mode in Mode
        for some in (collections[:1], collections)
    }


def assert_equal(found: Results, expected: Results) -> None:
    """The same chunks by the same legs with the same cosines, and the same best one by a word of its own. What the
    common words weigh differs a little by how many rows that went are still counted, and by where the rows lie."""
    assert found.keys() == expected.keys()
    for question, hits in found.items():
        wanted = expected[question]
        assert hits.keys() == wanted.keys(), question
        for chunk, (dense, lexical) in hits.items():
            assert (dense is None, lexical is None) == tuple(score is None for score in wanted[chunk]), question
            assert (dense or 0.0) == pytest.approx(wanted[chunk][0] or 0.0, abs=2e-3), question
        if "unique" in question[0] and question[1] is not Mode.DENSE:
            assert _best_by_words(hits) == _best_by_words(wanted), question


def _best_by_words(hits: Mapping[UUID, tuple[float | None, float | None]]) -> UUID:
    return max(hits, key=lambda chunk: hits[chunk][1] or 0.0)


class Damaged:
    """Two collections with caches on disk, and changes that came after these were written."""

    def __init__(self, log: MemoryChangeLog, directory: Path) -> None:
        self.log, self.directory = log, directory
        self.collections = [log.create(), log.create()]
        for seed, collection in enumerate(self.collections, start=1):
            versions = fill(log, collection, 60, seed=seed)
            open_index(log, directory).compact(collection)
            # What follows makes a revision count: a cache that claims a later one would lack it.
            for late in range(3):
                log.add(collection, f"A late word about the pump, unique{seed}late{late}.")
                log.remove(collection, versions[late])
        self.original = {path: path.read_bytes() for path in content(directory)}

    def restore(self) -> None:
        """As it was before any damage."""
        for path in content(self.directory):
            if path not in self.original:
                path.unlink()
        for path, data in self.original.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(data)

    def is_noticed(self) -> bool:
        """Whether one of the caches is not taken as it is."""
        index = open_index(self.log, self.directory)
        place = index._place
        folders = [place.folder(collection) for collection in self.collections]
        read = [snapshots.newest(folder, model=place.model, dimension=place.dimension) for folder in folders]
        return place.disk.view() is None or None in read


def is_whole(index: LocalIndex, collections: Sequence[UUID], log: MemoryChangeLog) -> bool:
    """Whether both legs hold what is live, each by itself."""
    states = [index._states([collection])[0] for collection in collections]
    return all(
        state.dense.ids() == state.lexical.ids() == live(log, collection)
        for state, collection in zip(states, collections, strict=True)
    )


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_damaged_cache_is_noticed_and_gives_no_wrong_result(
    log: MemoryChangeLog, tmp_path: Path, small: int, group: int
) -> None:
    caches = Damaged(log, tmp_path / "index")
    expected = results(open_index(log, tmp_path / "clean"), caches.collections)
    for number in range(group, DAMAGES, GROUPS):
        caches.restore()
        randomly = random.Random(number)
        path = randomly.choice(sorted(caches.original))
        how = ("flip", "cut")[number // GROUPS % 2]
        damage(path, how, randomly)
        said = f"damage {number}: {how} of {path.relative_to(tmp_path)}"
        # tantivy's list of files to tidy up is no part of what is read: damaged or not, results are right.
        assert caches.is_noticed() or path.name == ".managed.json", said
        damaged = open_index(log, caches.directory)
        assert is_whole(damaged, caches.collections, log), said
        assert_equal(results(damaged, caches.collections), expected)
        for collection in caches.collections:
            damaged.compact(collection, force=True)
        log.reads.clear()
        mended = open_index(log, caches.directory)
        assert is_whole(mended, caches.collections, log), said
        assert "snapshot" not in log.reads, said
        assert_equal(results(mended, caches.collections), expected)


@pytest.mark.parametrize("seed", range(8))
def test_a_cache_whose_file_is_gone_is_written_anew(
    log: MemoryChangeLog, tmp_path: Path, small: int, seed: int
) -> None:
    caches = Damaged(log, tmp_path / "index")
    expected = results(open_index(log, tmp_path / "clean"), caches.collections)
    randomly = random.Random(seed)
    damage(randomly.choice(sorted(caches.original)), "delete", randomly)
    assert_equal(results(open_index(log, caches.directory), caches.collections), expected)


def test_a_manifest_that_claims_a_later_revision_is_not_believed(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, tmp_path: Path, small: int
) -> None:
    fill(log, collection, 60)
    assert index.compact(collection)
    log.add(collection, "A late word about the pump.")
    manifest = next(tmp_path.rglob("manifest.json"))
    written = manifest.read_text()
    manifest.write_text(written.replace('"revision": 12', '"revision": 13'))  # one bit
    assert manifest.read_text() != written
    shutil.rmtree(next(tmp_path.rglob("lexical")))  # whose older revision would be gone on from
    assert open_index(log, tmp_path)._states([collection])[0].dense.ids() == live(log, collection)


def test_a_writer_that_died_before_ours_leaves_no_gaps(
    log: MemoryChangeLog,
    collection: UUID,
    index: LocalIndex,
    tmp_path: Path,
    small: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(log, collection, 60)
    assert index.compact(collection)
    fill(log, collection, 20, seed=2)

    @contextmanager
    def locked_after_a_death(path: Path) -> Iterator[bool]:
        with locked(path) as mine:
            (path.parent / "lexical" / CHECKSUMS).unlink()  # amid a commit the files are not what the sums say
            yield mine

    monkeypatch.setattr(lexical_disk, "locked", locked_after_a_death)
    assert index.compact(collection)
    assert is_whole(open_index(log, tmp_path), [collection], log)

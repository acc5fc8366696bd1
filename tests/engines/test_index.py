"""The index follows the log: found as soon as it is ready, gone as soon as it is removed."""

from uuid import UUID, uuid4

import numpy as np
import pytest

from engines.index.local import LocalIndex
from rag.types import Mode
from tests.engines.indexing import ask, chunks, fill, live
from tests.fakes_search import FakeEmbedder, MemoryChangeLog

# ----------------------------------------------------------------------------------- keeping in step


@pytest.mark.parametrize("mode", list(Mode))
def test_found_as_soon_as_ready_and_gone_as_soon_as_removed(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, mode: Mode
) -> None:
    assert ask(index, "the pump leaks", collection, mode=mode) == []
    version = log.add(collection, "The pump leaks at the seal.", "The valve is shut.")
    found = ask(index, "the pump leaks", collection, mode=mode)
    assert log.rows_of(collection)[0].chunk in chunks(found)
    log.remove(collection, version)
    assert ask(index, "the pump leaks", collection, mode=mode) == []
    log.bring_back(collection, version)
    assert chunks(ask(index, "the pump leaks", collection, mode=mode)) == chunks(found)


def test_scores_are_cosine_and_bm25(log: MemoryChangeLog, collection: UUID, index: LocalIndex) -> None:
    log.add(collection, "The pump leaks.", "Something about valves.", title="Manual")
    row = log.rows_of(collection)[0]
    hit = next(hit for hit in ask(index, "pump", collection) if hit.chunk == row.chunk)
    assert hit.dense == pytest.approx(float(FakeEmbedder().embed_query("pump") @ row.vector), abs=1e-3)
    assert hit.lexical is not None
    assert hit.lexical > 0
    other = next(hit for hit in ask(index, "pump", collection) if hit.chunk != row.chunk)
    assert other.lexical is None


def test_words_meet_their_other_forms_and_the_title_counts(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex
) -> None:
    log.add(collection, "The engine was running; the cafés closed.", title="Maintenance handbook")
    for text in ("runs", "RUNNING", "cafe", "engines", "handbooks"):
        assert len(ask(index, text, collection, mode=Mode.LEXICAL)) == 1, text
    assert ask(index, "elephant", collection, mode=Mode.LEXICAL) == []


def test_a_new_version_takes_the_place_of_the_old(log: MemoryChangeLog, collection: UUID, index: LocalIndex) -> None:
    document = uuid4()
    log.add(collection, "Old words about the pump.", document=document)
    old = chunks(ask(index, "pump", collection))
    log.add(collection, "New words about the pump.", document=document)
    new = chunks(ask(index, "pump", collection))
    assert len(new) == 1
    assert not old & new
    assert index.ids(collection) == new


def test_reading_the_revision_is_all_that_an_unchanged_collection_costs(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex
) -> None:
    fill(log, collection, 20)
    ask(index, "pump", collection)
    log.reads.clear()
    ask(index, "valve", collection)
    assert log.reads == ["revisions"]


def test_a_database_restored_from_a_backup_is_followed_back(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex
) -> None:
    first = log.add(collection, "The pump leaks.")
    before = live(log, collection)
    late = log.add(collection, "The valve leaks.")
    assert len(index.ids(collection)) == 2
    state = log.collections[collection]
    state.revision, state.changes = 1, state.changes[:1]
    del state.live[late]
    assert index.ids(collection) == before
    log.remove(collection, first)
    assert index.ids(collection) == set()


# ------------------------------------------------------------------------------------ what is allowed


@pytest.mark.parametrize("mode", list(Mode))
def test_a_foreign_collection_is_never_found(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, mode: Mode
) -> None:
    foreign = log.create()
    log.add(foreign, "The pump leaks badly.")
    log.add(collection, "The valve is shut.")
    ask(index, "pump leaks badly", foreign, mode=mode)  # loaded, and still not theirs
    assert not chunks(ask(index, "pump leaks badly", collection, mode=mode)) & live(log, foreign)
    assert ask(index, "pump", uuid4(), mode=mode) == []
    assert ask(index, "pump", mode=mode) == []


@pytest.mark.parametrize("cached", [False, True], ids=["in memory", "on disk"])
@pytest.mark.parametrize("mode", [Mode.DENSE, Mode.LEXICAL])
def test_the_document_filter_is_applied_before_the_search(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, mode: Mode, cached: bool, small: int
) -> None:
    fill(log, collection, 100)
    wanted = uuid4()
    log.add(collection, "A pump far down the list among others.", "Nothing of that kind.", document=wanted)
    if cached:
        assert index.compact(collection)
    found = ask(index, "pump valve motor", collection, documents=[wanted, uuid4()], limit=3, mode=mode)
    theirs = [row for row in log.rows_of(collection) if row.document == wanted]
    expected = {row.chunk for row in theirs} if mode is Mode.DENSE else {theirs[0].chunk}
    assert chunks(found) == expected
    assert ask(index, "pump", collection, documents=[], mode=mode) == []
    assert ask(index, "pump", collection, documents=[uuid4()], mode=mode) == []


def test_limit_holds_for_each_leg_over_all_collections(log: MemoryChangeLog, index: LocalIndex) -> None:
    first, second = log.create(), log.create()
    for each in (first, second):
        fill(log, each, 30, seed=each.int % 1000)
    for mode in (Mode.DENSE, Mode.LEXICAL):
        assert len(ask(index, "pump valve", first, second, first, limit=7, mode=mode)) == 7
    # Two legs, each everywhere and within the documents that the question names.
    assert 7 <= len(ask(index, "pump valve", first, second, limit=7)) <= 28


def test_a_rare_word_weighs_the_same_in_a_small_collection(log: MemoryChangeLog, index: LocalIndex) -> None:
    large, tiny = log.create(), log.create()
    fill(log, large, 300)
    log.add(tiny, "The flywheel pump of the cellar needs oil every spring and autumn too.")
    hits = ask(index, "flywheel pump", large, tiny, limit=5, mode=Mode.LEXICAL)
    assert max(hits, key=lambda hit: hit.lexical or 0).chunk in live(log, tiny)


# ---------------------------------------------------------------------------------------- odd queries


@pytest.mark.parametrize(
    "text",
    ['"unbalanced', "a:b AND (c OR", "title:*", "+-!(){}[]^~*?:\\/", "😀😀", "...", "x" * 8000, "word " * 1600,
     "\ud800 lone", "\x00\x01", "NOT", "' OR 1=1 --", "日本語 テキスト", "collection:00000000 pump"],
)  # fmt: skip
def test_any_text_is_a_query(log: MemoryChangeLog, collection: UUID, index: LocalIndex, text: str) -> None:
    fill(log, collection, 10)
    vector = FakeEmbedder().embed_query("pump")
    found = index.search(text=text, vector=vector, collections=[collection], limit=5)
    assert chunks(found) <= live(log, collection)


def test_a_vector_that_is_missing_or_misshapen_is_refused(collection: UUID, index: LocalIndex) -> None:
    for vector in (None, np.ones(7, np.float32)):
        with pytest.raises(ValueError, match="needs a vector of shape"):
            index.search(text="pump", vector=vector, collections=[collection], limit=5)
    assert ask(index, "pump", collection, limit=0) == []

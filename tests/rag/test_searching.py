"""From words to passages that are live and allowed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from engines.index.local import LocalIndex
from rag.ports import Vectors
from rag.searching import quoted, search
from rag.types import Found, Hit, Mode, Passage
from tests.fakes_search import FakeEmbedder, MemoryChangeLog


@pytest.fixture
def log() -> MemoryChangeLog:
    return MemoryChangeLog()


@pytest.fixture
def collection(log: MemoryChangeLog) -> UUID:
    return log.create()


@pytest.fixture
def index(log: MemoryChangeLog, tmp_path: Path) -> LocalIndex:
    return LocalIndex(log, tmp_path, model="fake@1", dimension=32, tidy=False)


def find(log: MemoryChangeLog, index: LocalIndex, query: str, *collections: UUID, **options: object) -> Found:
    return search(
        query, embedder=log.embedder, index=index, log=log, collections=collections, **{"limit": 5, **options}
    )


def test_the_passage_that_answers_comes_first_with_its_scores(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex
) -> None:
    log.add(collection, "The pump is serviced every March.", "The valve was painted blue.", title="Handbook")
    found = find(log, index, "when is the pump serviced?", collection)
    best = found.passages[0]
    assert (best.text, best.title, best.collection) == ("The pump is serviced every March.", "Handbook", collection)
    assert 0 < best.score <= 1
    assert best.dense is not None
    assert best.dense > 0.3
    assert best.lexical is not None
    assert best.lexical > 0
    assert [passage.score for passage in found.passages] == sorted((p.score for p in found.passages), reverse=True)
    assert set(found.timings) == {"embed", "search", "fetch"}
    assert all(0 <= took < 10_000 for took in found.timings.values())


def test_each_mode_walks_on_its_legs(log: MemoryChangeLog, collection: UUID, index: LocalIndex) -> None:
    log.add(collection, "The pump is serviced every March.")
    (dense,) = find(log, index, "pump", collection, mode=Mode.DENSE).passages
    (lexical,) = find(log, index, "pump", collection, mode=Mode.LEXICAL).passages
    assert (dense.lexical, lexical.dense) == (None, None)
    assert dense.dense
    assert lexical.lexical


class NoEncoder(FakeEmbedder):
    def embed_query(self, text: str) -> Vectors:
        raise AssertionError("a lexical search needs no encoder")


def test_a_lexical_search_asks_no_encoder(log: MemoryChangeLog, collection: UUID, index: LocalIndex) -> None:
    log.add(collection, "The pump is serviced every March.")
    found = search(
        "pump", embedder=NoEncoder(), index=index, log=log, collections=[collection], limit=5, mode=Mode.LEXICAL
    )
    assert len(found.passages) == 1


@pytest.mark.parametrize("query", ["", "   ", "\n\t"])
def test_an_empty_query_finds_nothing(log: MemoryChangeLog, collection: UUID, index: LocalIndex, query: str) -> None:
    log.add(collection, "The pump.")
    assert find(log, index, query, collection) == Found(())


def test_nothing_to_search_in_finds_nothing(log: MemoryChangeLog, collection: UUID, index: LocalIndex) -> None:
    log.add(collection, "The pump.")
    assert find(log, index, "pump").passages == ()
    assert find(log, index, "pump", uuid4()).passages == ()
    assert find(log, index, "pump", collection, documents=[]).passages == ()
    assert find(log, index, "pump", collection, limit=0).passages == ()


def test_punctuation_alone_does_not_fail(log: MemoryChangeLog, collection: UUID, index: LocalIndex) -> None:
    log.add(collection, "The pump.")
    assert len(find(log, index, "?!… 😀", collection).passages) == 1  # the dense leg's nearest
    assert find(log, index, "?!…", collection, mode=Mode.LEXICAL).passages == ()


def test_the_same_text_is_said_once(log: MemoryChangeLog, collection: UUID, index: LocalIndex) -> None:
    for _ in range(4):
        log.add(collection, "All rights reserved by the pump company.")
    log.add(collection, "All rights  reserved by\nthe pump company.", "The pump company was founded in 1901.")
    texts = [passage.text for passage in find(log, index, "pump company", collection, limit=3).passages]
    assert len(texts) == 2
    assert len({" ".join(text.split()) for text in texts}) == 2


def test_limit_is_kept(log: MemoryChangeLog, collection: UUID, index: LocalIndex) -> None:
    log.add(collection, *[f"The pump number {n} is here." for n in range(30)])
    assert len(find(log, index, "pump", collection, limit=7).passages) == 7
    assert len(find(log, index, "pump", collection, limit=100).passages) == 30


class Replacing:
    """An index during whose first search every document is replaced."""

    def __init__(self, index: LocalIndex, log: MemoryChangeLog) -> None:
        self.index, self.log, self.searches = index, log, 0

    def search(self, **asked: Any) -> Sequence[Hit]:
        hits = self.index.search(**asked)
        self.searches += 1
        if self.searches == 1:
            for collection in asked["collections"]:
                for row in self.log.rows_of(collection):
                    self.log.add(collection, f"{row.text} Also in June.", document=row.document)
        return hits

    def referred(self, passages: Sequence[Passage], **asked: Any) -> list[list[Hit]]:
        return self.index.referred(passages, **asked)


def test_a_document_replaced_while_it_is_searched_is_found_as_it_is_now(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex
) -> None:
    log.add(collection, "The pump is serviced every March.")
    replacing = Replacing(index, log)
    found = search("pump", embedder=log.embedder, index=replacing, log=log, collections=[collection], limit=5)
    assert [passage.text for passage in found.passages] == ["The pump is serviced every March. Also in June."]
    assert replacing.searches == 2


class LateIndex:
    """An index that still returns what it once saw: every chunk it was given."""

    def __init__(self, chunks: list[UUID]) -> None:
        self.chunks = chunks

    def search(self, **_: object) -> list[Hit]:
        return [Hit(chunk, dense=0.9, lexical=9.0) for chunk in self.chunks]

    def referred(self, passages: Sequence[Passage], **_: object) -> list[list[Hit]]:
        return [self.search() for _ in passages]

    def holding(self, text: str, **_: object) -> list[Hit]:
        return self.search()


def test_what_is_deleted_or_foreign_cannot_come_back_however_late_the_index(
    log: MemoryChangeLog, collection: UUID
) -> None:
    foreign = log.create()
    gone = log.add(collection, "The deleted pump.")
    log.add(collection, "The living pump.")
    log.add(foreign, "The foreign pump.")
    late = LateIndex([row.chunk for each in (collection, foreign) for row in log.rows_of(each)])
    log.remove(collection, gone)
    for query in ("pump", '"the deleted pump"', '"the foreign pump"'):
        assert [passage.text for passage in find(log, late, query, collection).passages] == ["The living pump."]
    document = log.rows_of(foreign)[0].document
    assert find(log, late, "pump", collection, documents=[document]).passages == ()


@pytest.mark.parametrize("mode", [Mode.HYBRID, Mode.LEXICAL])
def test_what_is_quoted_is_found_as_it_is_written(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, mode: Mode
) -> None:
    for n in range(80):
        log.add(collection, f"The end of the pump is not in the manual {n}. The pump ends.")
    log.add(
        collection, "Valves, sensors, cables and much else; In the\nEnd of March one pump stood still among them all."
    )
    plain = find(log, index, "pump in the end", collection, mode=mode).passages
    assert "In the\nEnd" not in plain[0].text
    found = find(log, index, 'pump "in the end"', collection, mode=mode).passages
    assert "In the\nEnd" in found[0].text
    assert len(found) == 5
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)
    assert all(0 <= passage.score <= 1 for passage in found)


def test_a_quoted_phrase_that_stands_nowhere_changes_no_order(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex
) -> None:
    log.add(collection, "The pump leaks.", "The valve leaks.", "The cable is long.")
    plain = find(log, index, "pump leaks", collection).passages
    found = find(log, index, "pump leaks “the zebra leaks”", collection).passages
    assert {passage.text for passage in found} == {passage.text for passage in plain}


def test_a_phrase_is_not_found_beyond_what_is_allowed(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex
) -> None:
    foreign = log.create()
    log.add(foreign, "In the end the foreign pump stood still.")
    log.add(collection, "The pump leaks.")
    assert [p.text for p in find(log, index, 'pump "in the end"', collection).passages] == ["The pump leaks."]


@pytest.mark.parametrize(
    ("query", "phrases"),
    [
        ('what is "net sales"?', ["net sales"]),
        ("„Haus am See“ und «la maison»", ["Haus am See", "la maison"]),
        ("“one” and “two words”", ["one", "two words"]),
        ('5" pipe', []),
        ('"" "?!" “ ”', []),
        ("it's the company's", []),
    ],
)
def test_quotation_marks_of_any_kind(query: str, phrases: list[str]) -> None:
    assert quoted(query) == phrases


class BlueFirst:
    """A reranker that likes one colour, and has time for so many texts."""

    def __init__(self, time_for: int) -> None:
        self.time_for = time_for
        self.read: list[str] = []

    def scores(self, query: str, texts: Sequence[str], *, seconds: float) -> list[float]:
        self.read = list(texts[: self.time_for])
        return [float("blue" in text) for text in self.read]


def reranked(log: MemoryChangeLog, index: LocalIndex, collection: UUID, reranker: BlueFirst) -> Found:
    log.add(collection, *[f"The pump number {n} is red." for n in range(8)], "One more is blue.", title="Manual")
    return find(log, index, "pump number", collection, limit=3, reranker=reranker)


def test_a_reranker_has_the_last_word(log: MemoryChangeLog, collection: UUID, index: LocalIndex) -> None:
    reranker = BlueFirst(time_for=20)
    found = reranked(log, index, collection, reranker)
    assert found.passages[0].text == "One more is blue."
    assert found.passages[0].reranked == 1.0
    assert len(found.passages) == 3
    assert reranker.read[0].startswith("Manual\nThe pump number")
    assert [passage.score for passage in found.passages] == sorted((p.score for p in found.passages), reverse=True)
    assert set(found.timings) == {"embed", "search", "fetch", "rerank"}


@pytest.mark.parametrize("time_for", [0, 2])
def test_what_a_reranker_has_no_time_for_stays_where_it_was(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, time_for: int
) -> None:
    found = reranked(log, index, collection, BlueFirst(time_for))
    plain = find(log, index, "pump number", collection, limit=3)
    assert [passage.chunk for passage in found.passages] == [passage.chunk for passage in plain.passages]
    assert [passage.reranked is not None for passage in found.passages] == [n < time_for for n in range(3)]
    assert [passage.score for passage in found.passages] == sorted((p.score for p in found.passages), reverse=True)

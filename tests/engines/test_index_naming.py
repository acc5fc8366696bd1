"""Documents are told apart by what they are, and followed where one names another."""

from uuid import UUID

import pytest

from engines.index.local import LocalIndex
from engines.index.wording import key_of
from rag.searching import search
from rag.types import Passage
from tests.engines.indexing import ask
from tests.fakes_search import MemoryChangeLog

BOILERPLATE = [f"Note {n}: capital expenditure is stated in millions of dollars." for n in range(40)]


@pytest.fixture(params=[False, True], ids=["in memory", "on disk"])
def filed(
    request: pytest.FixtureRequest, log: MemoryChangeLog, collection: UUID, index: LocalIndex, small: int
) -> bool:
    """Whether the next search reads from disk; called by a test once it has added its documents."""
    return bool(request.param)


def settled(index: LocalIndex, collection: UUID, filed: bool) -> None:
    if filed:
        assert index.compact(collection, force=True)


def documents(log: MemoryChangeLog, collection: UUID, *titles: str) -> dict[str, UUID]:
    """A report under each title; they say the same."""
    made = {}
    for title in titles:
        version = log.add(collection, f"Annual report. {title}", *BOILERPLATE, title=title)
        made[title] = next(row.document for row in log.rows_of(collection) if row.version == version)
    return made


def test_the_document_a_question_names_comes_first(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, filed: bool
) -> None:
    reports = documents(
        log, collection, "CVSHEALTH_2018_10K", "CVSHEALTH_2022_10K", "AMAZON_2018_10K", "PFIZER_2021_10K"
    )
    settled(index, collection, filed)
    found = search(
        "What is CVS Health's FY2018 capital expenditure?",
        embedder=log.embedder,
        index=index,
        log=log,
        collections=[collection],
        limit=10,
    ).passages
    alike = [passage for passage in found if passage.text in BOILERPLATE]
    assert len(alike) > 5
    assert {passage.document for passage in alike} == {reports["CVSHEALTH_2018_10K"]}
    hits = {hit.chunk: hit for hit in ask(index, "What is CVS Health's FY2018 capital expenditure?", collection)}
    of = {row.chunk: row.document for row in log.rows_of(collection)}
    named = {of[chunk]: hit.named for chunk, hit in hits.items()}
    assert max(named, key=lambda document: named[document]) == reports["CVSHEALTH_2018_10K"]


def test_a_document_is_known_by_its_opening_too(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, filed: bool
) -> None:
    log.add(collection, "Form 10-K of Boeing for the fiscal year 2022.", *BOILERPLATE, title="scan-0001")
    log.add(collection, "Form 10-K of Amazon for the fiscal year 2017.", *BOILERPLATE, title="scan-0002")
    settled(index, collection, filed)
    hits = ask(index, "Amazon capital expenditure", collection, limit=5)
    title = {row.chunk: row.title for row in log.rows_of(collection)}
    best = max(hits, key=lambda hit: hit.named)
    assert title[best.chunk] == "scan-0002"
    assert {title[hit.chunk] for hit in hits if hit.named == best.named} == {"scan-0002"}


def test_both_legs_say_what_they_think_of_every_hit(log: MemoryChangeLog, collection: UUID, index: LocalIndex) -> None:
    log.add(collection, *[f"The pump number {n} leaks." for n in range(30)], *["Nothing of the kind."] * 30)
    hits = ask(index, "pump", collection, limit=5)
    assert all(hit.dense is not None for hit in hits)
    words = {row.chunk: row.text for row in log.rows_of(collection)}
    assert all((hit.lexical is not None) == ("pump" in words[hit.chunk]) for hit in hits)


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Lothair II", "lothair ii"),
        ("Theodred II (Bishop of Elmham)", "theodred ii"),
        ("Travel_Policy-2024", "travel policy 2024"),
        ("(only brackets)", ""),
        ("", ""),
    ],
)
def test_a_title_as_another_text_would_name_it(title: str, key: str) -> None:
    assert key_of(title) == key


def find(log: MemoryChangeLog, index: LocalIndex, collection: UUID, question: str, limit: int = 5) -> list[Passage]:
    return list(
        search(question, embedder=log.embedder, index=index, log=log, collections=[collection], limit=limit).passages
    )


def chain(log: MemoryChangeLog, collection: UUID) -> None:
    log.add(collection, "Lothair the Second was a son of Ermengarde of Tours.", title="Lothair the Second")
    log.add(collection, "She died on a Friday in March 851.", title="Ermengarde of Tours")
    for n in range(20):
        log.add(collection, f"Somebody else's mother died in {900 + n}.", title=f"Somebody {n}")


def test_what_the_best_passage_names_is_found_below_it(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex, filed: bool
) -> None:
    chain(log, collection)
    settled(index, collection, filed)
    found = find(log, index, collection, "When did Lothair the Second's mother die?")
    titles = [passage.title for passage in found]
    assert titles[:2] == ["Lothair the Second", "Ermengarde of Tours"]
    assert [passage.referred_from for passage in found[:2]] == ["", "Lothair the Second"]
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)


def test_what_is_referred_to_but_deleted_or_foreign_is_not_found(
    log: MemoryChangeLog, collection: UUID, index: LocalIndex
) -> None:
    chain(log, collection)
    foreign = log.create()
    for row in log.rows_of(collection):
        if row.title == "Ermengarde of Tours":
            log.remove(collection, row.version)
    log.add(foreign, "She died on a Friday in March 851.", title="Ermengarde of Tours")
    found = find(log, index, collection, "When did Lothair the Second's mother die?", limit=30)
    assert "Ermengarde of Tours" not in [passage.title for passage in found]


def test_a_filter_holds_for_what_is_referred_to(log: MemoryChangeLog, collection: UUID, index: LocalIndex) -> None:
    chain(log, collection)
    only = [row.document for row in log.rows_of(collection) if row.title == "Lothair the Second"]
    found = search(
        "When did Lothair the Second's mother die?",
        embedder=log.embedder,
        index=index,
        log=log,
        collections=[collection],
        documents=only,
        limit=5,
    )
    assert [passage.title for passage in found.passages] == ["Lothair the Second"]


def test_a_title_that_many_bear_refers_to_none(log: MemoryChangeLog, collection: UUID, index: LocalIndex) -> None:
    log.add(collection, "The zebra pump is described in the Release Notes.", title="Zebra")
    for n in range(10):
        log.add(collection, f"Fixed in build {n}.", title="Release Notes")
    passage = find(log, index, collection, "zebra pump", limit=1)[0]
    asked = {"question": "zebra pump", "vector": log.embedder.embed_query("zebra pump"), "collections": [collection]}
    assert index.referred([passage], limit=3, **asked) == [[]]

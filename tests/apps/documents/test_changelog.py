"""What an index follows: the log, the live rows, and the one query that guards every result."""

import threading
from uuid import uuid4

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.documents import services
from apps.documents.changelog import DatabaseChangeLog
from apps.documents.models import Chunk, Document
from apps.users.models import User
from rag.ports import ChangeLog
from tests.apps.documents.journeys import ingested, paragraphs
from tests.factories import a_collection, a_document, a_file
from tests.fakes_search import FakeEmbedder

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def log() -> ChangeLog:
    return DatabaseChangeLog()


def test_a_snapshot_gives_every_live_chunk_with_its_vector(owner: User, log: ChangeLog) -> None:
    mine = a_collection(owner)
    for number in range(3):
        ingested(a_document(owner, mine, f"# Chapter {number}\n\n{paragraphs(4)}", f"{number}.md"))
    with CaptureQueriesContext(connection) as queries:
        revision, rows = log.snapshot(mine.pk, "fake@1")
        rows = list(rows)
    assert len(queries) == 3  # the revision, the versions, their chunks
    assert revision == 3
    assert {row.chunk for row in rows} == set(Chunk.objects.values_list("pk", flat=True))
    row = next(row for row in rows if row.title == "1")
    assert row.vector.dtype == np.float32
    assert np.linalg.norm(row.vector) == pytest.approx(1, abs=1e-2)
    seen = "\n".join(part for part in (row.title, row.heading, row.text) if part)
    assert float(row.vector @ FakeEmbedder().embed_query(seen)) > 0.99


def test_other_models_and_unknown_collections_are_empty(owner: User, log: ChangeLog) -> None:
    mine = a_collection(owner)
    ingested(a_document(owner, mine))
    assert list(log.snapshot(mine.pk, "another model")[1]) == []
    unknown = uuid4()
    revision, rows = log.snapshot(unknown, "fake@1")
    assert (revision, list(rows), list(log.changes(unknown, 0))) == (0, [], [])
    assert log.revisions([mine.pk, unknown]) == {mine.pk: 1}


def test_the_log_tells_what_came_and_went(owner: User, log: ChangeLog) -> None:
    mine = a_collection(owner)
    first = ingested(a_document(owner, mine, "One."))
    second = ingested(a_document(owner, mine, "Two."))
    services.delete(by=owner, document=first)
    told = [(change.revision, change.kind, change.version) for change in log.changes(mine.pk, 0)]
    one, two = first.current_id, second.current_id
    assert told == [(1, "add", one), (2, "add", two), (3, "remove", one)]
    assert [change.revision for change in log.changes(mine.pk, 2)] == [3]
    assert {row.version for row in log.rows([one, two], "fake@1")} == {two}


def test_threads_that_let_go_cost_the_pool_no_connection(owner: User, log: ChangeLog) -> None:
    mine = a_collection(owner)
    read: list[int] = []

    def read_and_end() -> None:
        read.extend(log.revisions([mine.pk]).values())
        log.let_go()

    for _ in range(25):  # the pool has twenty
        thread = threading.Thread(target=read_and_end)
        thread.start()
        thread.join()
    assert read == [0] * 25


def test_passages_are_live_and_allowed_only(owner: User, log: ChangeLog) -> None:
    mine, other = a_collection(owner), a_collection(owner, "Other")
    here = ingested(a_document(owner, mine, "Here."))
    there = ingested(a_document(owner, other, "There."))
    chunks = list(Chunk.objects.values_list("pk", flat=True))

    def texts(collections, documents=None) -> set[str]:
        with CaptureQueriesContext(connection) as queries:
            found = log.passages(chunks, collections=collections, documents=documents)
        assert len(queries) <= 1
        return {passage.text for passage in found.values()}

    assert texts([mine.pk, other.pk]) == {"Here.", "There."}
    assert texts([mine.pk]) == {"Here."}
    assert texts([mine.pk, other.pk], [there.pk]) == {"There."}
    assert texts([mine.pk], [there.pk]) == set()
    assert texts([mine.pk], []) == set()
    assert texts([]) == set()
    services.replace(by=owner, document=here, file=a_file("Here again."))
    assert texts([mine.pk]) == {"Here."}
    ingested(Document.objects.get(pk=here.pk))
    assert texts([mine.pk]) == set()  # the old words are not live any more
    services.delete(by=owner, document=there)
    assert texts([other.pk]) == set()

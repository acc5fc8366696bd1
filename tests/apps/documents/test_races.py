"""Many at once, and a database that does not answer for a while: one result, and nothing half done."""

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection

from apps.documents import ingestion, services
from apps.documents.ingestion import lease
from apps.documents.models import Change, Chunk, Document, Embedding, Page, State, Version
from apps.users.models import User
from tests.apps.documents.journeys import WatchedEmbedder, a_worker, assert_whole, ingested, paragraphs
from tests.factories import a_collection, a_document, a_file

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


def at_once(*acts: Callable[[], object]) -> list[BaseException | None]:
    """Runs each in a thread of its own, begun together; gives what each raised."""
    start = threading.Barrier(len(acts))
    raised: list[BaseException | None] = [None] * len(acts)

    def run(number: int) -> None:
        start.wait()
        try:
            acts[number]()
        except Exception as error:
            raised[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_one_of_many_workers_takes_a_version(owner: User) -> None:
    mine = a_collection(owner)
    document = a_document(owner, mine, paragraphs(5))
    workers = [a_worker() for _ in range(4)]

    def ingest_as(worker) -> Callable[[], None]:
        return lambda: ingestion.ingest(document.latest_id, worker, embedder=WatchedEmbedder())

    assert at_once(*(ingest_as(worker) for worker in workers)) == [None] * 4
    version = Version.objects.get()
    assert (version.state, version.attempts) == (State.READY, 1)
    assert Change.objects.count() == 1
    assert_whole(mine.pk)


def test_two_documents_with_the_same_text_at_once(owner: User) -> None:
    mine = a_collection(owner)
    text = paragraphs(5)
    documents = [a_document(owner, mine, text) for _ in range(2)]
    raised = at_once(*(lambda each=each: ingested(each, WatchedEmbedder()) for each in documents))
    assert raised == [None, None]
    assert set(Version.objects.values_list("state", flat=True)) == {State.READY}
    mine.refresh_from_db()
    assert mine.revision == 2
    assert_whole(mine.pk)


@pytest.mark.parametrize("seed", range(4))
def test_deleted_at_a_random_moment(owner: User, seed: int) -> None:
    mine = a_collection(owner)
    kept = ingested(a_document(owner, mine, "Kept."))
    document = a_document(owner, mine, paragraphs(30, words=120))
    pause = random.Random(seed).uniform(0, 1.2)

    def delete_later() -> None:
        time.sleep(pause)
        services.delete(by=owner, document=document)

    assert at_once(lambda: ingested(document, WatchedEmbedder(lambda: time.sleep(0.1))), delete_later) == [None, None]
    assert set(Chunk.objects.values_list("version", flat=True)) == {kept.current_id}
    assert set(Page.objects.values_list("version", flat=True)) == {kept.current_id}
    assert Embedding.objects.count() == 1
    assert_whole(mine.pk)


@pytest.mark.parametrize("round_", range(6))
def test_moved_and_rolled_back_at_once(owner: User, round_: int) -> None:
    here, there = a_collection(owner), a_collection(owner, name="There")
    document = ingested(a_document(owner, here, "Bees dance."))
    first = document.current_id
    services.replace(by=owner, document=document, file=a_file("Bees hum."))
    document = ingested(document)
    seen_here, also_here = (Document.objects.get(pk=document.pk) for _ in range(2))

    def roll_back() -> None:
        time.sleep(round_ * 0.002)
        services.activate(by=owner, document=also_here, version=first)

    moved = partial(services.move, by=owner, document=seen_here, to=there)
    assert at_once(moved, roll_back) == [None, None]
    document.refresh_from_db()
    assert (document.collection_id, document.current_id) == (there.pk, first)
    assert_whole(here.pk)
    assert_whole(there.pk)


def test_delete_and_replace_at_once(owner: User) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine))
    raised = at_once(
        lambda: services.delete(by=owner, document=document),
        lambda: services.replace(by=owner, document=document, file=a_file("New.")),
    )
    assert raised[0] is None
    assert raised[1] is None or isinstance(raised[1], services.NotFound)
    assert not Document.objects.present().exists()
    assert not Version.objects.filter(state=State.QUEUED).exists()
    assert not Chunk.objects.exists()


def test_tags_that_are_added_at_once_are_all_kept(owner: User) -> None:
    document = a_document(owner, a_collection(owner))

    def adding(name: str) -> Callable[[], object]:
        return lambda: services.change_tags(by=owner, document=document, add=[name])

    names = ["ants", "bees", "moths", "wasps"]
    assert at_once(*map(adding, names)) == [None] * 4
    assert list(document.tags.values_list("name", flat=True)) == names


def test_two_owners_who_remove_each_other(owner: User, stranger: User) -> None:
    mine = a_collection(owner)
    services.set_member(by=owner, collection=mine, user=stranger, role="owner")
    raised = at_once(
        lambda: services.remove_member(by=owner, collection=mine, user=stranger),
        lambda: services.remove_member(by=stranger, collection=mine, user=owner),
    )
    assert len([error for error in raised if error is None]) == 1
    assert mine.memberships.filter(role="owner").count() == 1


def test_a_locked_database_is_waited_for(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite alone locks the whole database")
    mine = a_collection(owner)
    document = a_document(owner, mine, paragraphs(3))
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.2)
    connection.close()
    locked = threading.Event()

    def lock_for_two_seconds() -> None:
        other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        locked.set()
        time.sleep(2)
        other.execute("COMMIT")
        other.close()

    holder = threading.Thread(target=lock_for_two_seconds)

    def begin_the_lock() -> None:
        if not locked.is_set():
            holder.start()
            locked.wait()

    after = ingested(document, WatchedEmbedder(begin_the_lock))
    holder.join()
    connection.close()
    assert (after.latest.state, after.latest.attempts) == (State.READY, 1)
    assert lease.PATIENCE_SECONDS > 30
    assert_whole(mine.pk)

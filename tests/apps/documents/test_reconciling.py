"""What dead workers held and what the broker forgot is found again; what nobody names is swept away."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.documents import ingestion
from apps.documents.changelog import DatabaseChangeLog
from apps.documents.ingestion import reconciling
from apps.documents.models import Embedding, State, Version
from apps.inference import heartbeat
from apps.users.models import User
from engines import wiring
from tests.apps.documents.journeys import (
    a_worker,
    assert_whole,
    content_of,
    ingest_in_a_process,
    ingested,
    paragraphs,
    wait_until,
)
from tests.factories import a_collection, a_document

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

STAGED = {"page_count": 3, "chunk_count": 9, "progress_done": 4, "progress_total": 9}
"""What a version tells of itself half-way."""


@pytest.fixture
def queue(redis_server: str) -> Iterator[redis.Redis]:
    """The broker with an empty ingest queue."""
    client = wiring.quick_redis_client()
    client.delete("ingest", "documents:swept")
    yield client
    client.delete("ingest", "documents:swept")


def test_an_upload_lies_in_the_queue_when_it_returns(owner: User, queue: redis.Redis) -> None:
    a_document(owner, a_collection(owner))
    assert queue.llen("ingest") == 1


def test_what_a_dead_worker_held_waits_again(owner: User, queue: redis.Redis) -> None:
    mine = a_collection(owner)
    dead, living = a_document(owner, mine, "one"), a_document(owner, mine, "two")
    queue.delete("ingest")
    Version.objects.filter(pk=dead.latest_id).update(state=State.EMBEDDING, lease=a_worker(alive=False), attempts=1)
    Version.objects.filter(pk=living.latest_id).update(state=State.EMBEDDING, lease=a_worker(), attempts=1)
    ingestion.reconcile()
    states = dict(Version.objects.values_list("pk", "state"))
    assert states == {dead.latest_id: State.QUEUED, living.latest_id: State.EMBEDDING}
    assert queue.llen("ingest") == 1
    event = dead.events.get(kind="retried")
    assert (event.by, event.version, event.text) == (None, 1, "Its worker ended.")
    assert not living.events.filter(kind="retried").exists()
    assert ingested(dead).latest.state == State.READY


def test_a_document_that_kills_its_workers_fails_in_the_end(owner: User, queue: redis.Redis) -> None:
    document = a_document(owner, a_collection(owner))
    Version.objects.update(state=State.EXTRACTING, lease=a_worker(alive=False), attempts=3, **STAGED)
    ingestion.reconcile()
    version = Version.objects.get(pk=document.latest_id)
    assert Version.objects.filter(pk=version.pk, **dict.fromkeys(STAGED, 0)).exists()  # it is gone, and not told of
    assert (version.state, version.error_code, version.lease) == (State.FAILED, "attempts", None)
    assert version.error_hint


def test_what_the_broker_forgot_is_sent_again_once(owner: User, queue: redis.Redis) -> None:
    mine = a_collection(owner)
    for number in range(4):
        last = a_document(owner, mine, f"text {number}")
    queue.flushdb()
    Version.objects.filter(document=last).update(not_before=timezone.now() + timedelta(minutes=1))
    assert reconciling.send_forgotten() == 3  # the last one is not due
    assert reconciling.send_forgotten() == 0  # all of them lie there: no copies
    assert queue.llen("ingest") == 3


def test_without_a_broker_nothing_is_lost(owner: User, queue: redis.Redis, monkeypatch, nobody_answers) -> None:
    a_document(owner, a_collection(owner))
    assert reconciling.send_forgotten() == 0
    monkeypatch.undo()
    assert reconciling.send_forgotten() == 1
    assert queue.llen("ingest") == 1


def test_the_sweep_takes_only_what_nobody_names(owner: User, queue: redis.Redis) -> None:
    document = a_document(owner, a_collection(owner))
    old, new = "aa/" + "a" * 32, "bb/" + "b" * 32
    for path in (old, new):
        default_storage.save(path, ContentFile(b"left behind"))
    unfinished = Path(settings.FILE_UPLOAD_TEMP_DIR) / "cut-off.incoming"
    unfinished.write_bytes(b"half")
    images = Path(settings.DATA_DIR) / "pages" / "01a20000-0000-7000-8000-000000000000"
    images.mkdir(parents=True)
    two_hours_ago = time.time() - 7200
    for path in (default_storage.path(old), default_storage.path(document.latest.stored_as), unfinished):
        os.utime(path, (two_hours_ago, two_hours_ago))
    assert reconciling.sweep() == [old]
    assert default_storage.exists(new)
    assert default_storage.exists(document.latest.stored_as)
    assert not unfinished.exists()
    assert not images.exists()
    default_storage.delete(new)


@pytest.mark.parametrize("after_vectors", [0, 64])
def test_a_worker_killed_in_the_middle_changes_nothing_in_the_end(
    owner: User, queue: redis.Redis, after_vectors: int
) -> None:
    clean, mine = a_collection(owner, "Clean"), a_collection(owner)
    text = paragraphs(120, words=180)
    whole = ingested(a_document(owner, clean, text))
    Embedding.objects.all().delete()
    document = a_document(owner, mine, text)
    child = ingest_in_a_process(document.latest_id)
    try:
        wait_until(lambda: Version.objects.get(pk=document.latest_id).lease is not None)
        wait_until(lambda: Embedding.objects.count() >= after_vectors)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    cut = Version.objects.get(pk=document.latest_id)
    assert cut.state not in (State.READY, State.FAILED)
    queue.delete("ingest")
    wait_until(lambda: cut.lease not in heartbeat.living(), seconds=10)
    ingestion.reconcile()
    assert queue.llen("ingest") == 1
    after = ingested(document)
    assert after.latest.state == State.READY
    assert after.latest.attempts == 2
    assert content_of(after.latest_id) == content_of(whole.latest_id)
    rows = list(DatabaseChangeLog().snapshot(mine.pk, "fake@1")[1])
    assert {row.chunk for row in rows} <= assert_whole(mine.pk)
    assert len(rows) == after.latest.chunk_count

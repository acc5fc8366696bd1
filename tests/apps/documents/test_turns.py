"""Whose turn it is: nobody waits behind five thousand files of somebody else."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.documents import ingestion, selectors, services
from apps.documents.models import Document, State, Version
from apps.users.models import User
from tests.apps.documents.journeys import a_worker
from tests.factories import a_collection, a_document, a_file
from tests.fakes_search import FakeEmbedder

pytestmark = pytest.mark.django_db(transaction=True)


def taken() -> list[str]:
    """The titles in the order in which a worker takes them, until none is left."""
    order: list[str] = []
    worker, embedder = a_worker(), FakeEmbedder()
    while True:
        before = set(Document.objects.filter(current__isnull=False).values_list("pk", flat=True))
        if not ingestion.ingest_next(worker, embedder=embedder):
            return order
        order += Document.objects.filter(current__isnull=False).exclude(pk__in=before).values_list("title", flat=True)


def test_one_file_beside_many_of_somebody_else_is_read_next(owner: User, stranger: User) -> None:
    mine, theirs = a_collection(owner), a_collection(stranger)
    for number in range(5):
        a_document(owner, mine, f"text {number}", f"mine{number}.txt")
    a_document(stranger, theirs, "theirs", "theirs.txt")
    order = taken()
    assert order[0] == "mine0"
    assert order.index("theirs") == 1
    assert [title for title in order if title != "theirs"] == [f"mine{number}" for number in range(5)]


def test_two_people_with_many_files_each_take_turns(owner: User, stranger: User) -> None:
    mine, theirs = a_collection(owner), a_collection(stranger)
    for number in range(4):
        a_document(owner, mine, f"mine {number}", f"m{number}.txt")
    for number in range(4):
        a_document(stranger, theirs, f"theirs {number}", f"t{number}.txt")
    assert taken() == ["m0", "t0", "m1", "t1", "m2", "t2", "m3", "t3"]


def test_a_large_file_counts_as_many_small_ones(owner: User, stranger: User) -> None:
    mine, theirs = a_collection(owner), a_collection(stranger)
    a_document(owner, mine, "small", "first.txt")
    a_document(owner, mine, "words " * 500_000, "large.txt")
    for number in range(3):
        a_document(stranger, theirs, f"text {number}", f"t{number}.txt")
    places = dict(Version.objects.waiting().values_list("file_name", "turn"))
    assert places["large.txt"] > places["t1.txt"]


def test_the_position_is_the_place_in_the_order_of_taking(owner: User, stranger: User) -> None:
    mine, theirs = a_collection(owner), a_collection(stranger)
    documents = [a_document(owner, mine, f"text {number}", f"m{number}.txt") for number in range(3)]
    documents.append(a_document(stranger, theirs, "theirs"))
    places = [selectors.document_json(Document.objects.get(pk=each.pk))["position"] for each in documents]
    assert places == [1, 3, 4, 2]
    listed = selectors.documents_json(selectors.documents_of(owner))
    assert [row["position"] for row in listed] == [4, 3, 1]


def test_a_version_put_back_waits_for_its_time_and_no_longer_than_others(owner: User) -> None:
    mine = a_collection(owner)
    later = a_document(owner, mine, "later", "later.txt")
    Version.objects.filter(document=later).update(not_before=timezone.now() + timedelta(minutes=1))
    a_document(owner, mine, "now", "now.txt")
    assert taken() == ["now"]
    Version.objects.filter(document=later).update(not_before=timezone.now())
    assert taken() == ["later"]


def test_a_retry_takes_a_new_turn(owner: User) -> None:
    mine = a_collection(owner)
    failed = a_document(owner, mine, "failed", "failed.txt")
    Version.objects.filter(document=failed).update(state=State.FAILED)
    a_document(owner, mine, "other", "other.txt")
    services.retry(by=owner, document=failed)
    assert taken() == ["other", "failed"]


def test_what_was_tried_often_enough_is_not_taken(owner: User) -> None:
    mine = a_collection(owner)
    document = services.upload(by=owner, collection=mine, file=a_file()).document
    Version.objects.filter(document=document).update(attempts=3)
    assert not ingestion.ingest_next(a_worker(), embedder=FakeEmbedder())

"""Long scans do not hold up everything else."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.documents.ingestion import scans
from apps.documents.models import Chunk, Document, Page, State
from apps.users.models import User
from engines import parsing
from rag import types
from tests.apps.documents.journeys import ingested
from tests.factories import a_collection, a_document

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_threads(settings) -> Iterator[None]:
    settings.INGEST_THREADS = 2
    scans._places.cache_clear()
    yield
    scans._places.cache_clear()


@pytest.fixture(autouse=True)
def scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every document has a page of text and then pages that are read by OCR, as many as its file name says."""

    def extract(*_, report: parsing.Report, **options) -> Iterator[types.Page]:
        count = int(report.name.partition(".")[0])
        report.total(count)
        yield types.Page(1, "Text.", (types.Block(0, 5, types.Kind.TEXT),))
        for number in range(2, count + 1):
            report.scan(number)
            yield types.Page(number, "Read.", (types.Block(0, 5, types.Kind.TEXT),))

    monkeypatch.setattr(parsing, "extract", extract)


def a_scan(owner: User, pages: int) -> Document:
    return a_document(owner, a_collection(owner), f"scan of {pages}", f"{pages}.txt")


def test_a_long_scan_waits_while_another_is_read_and_keeps_its_turn_and_its_tries(owner: User) -> None:
    waiting = a_scan(owner, 100)
    turn = waiting.latest.turn
    with scans.Place() as other:
        other.take(100)
        version = ingested(waiting).latest
        assert (version.state, version.lease, version.attempts, version.turn) == (State.QUEUED, None, 0, turn)
        assert version.not_before > timezone.now() + timedelta(seconds=10)
        assert not Page.objects.exists()
        assert not Chunk.objects.exists()
        assert ingested(a_scan(owner, scans.FEW_PAGES)).latest.state == State.READY
    done = ingested(waiting).latest
    assert (done.state, done.page_count) == (State.READY, 100)


def test_its_place_is_free_once_it_has_been_read(owner: User) -> None:
    for _ in range(3):
        assert ingested(a_scan(owner, 10)).latest.state == State.READY


def test_one_thread_alone_takes_what_comes(owner: User, settings) -> None:
    settings.INGEST_THREADS = 1
    scans._places.cache_clear()
    assert ingested(a_scan(owner, 10)).latest.state == State.READY

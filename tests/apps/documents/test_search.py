"""A search from a person to the search process and back."""

import time
from uuid import uuid4

import pytest

from apps.documents import retrieval, selectors, services, tasks
from apps.documents.models import Chunk, Document
from apps.users.models import User
from engines import wiring
from rag.errors import SearchUnavailable
from rag.types import Mode
from tests.apps.documents.journeys import ingested
from tests.factories import a_collection, a_document, a_file, a_user

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


def test_a_person_finds_what_they_may_read(owner: User, stranger: User, worker: None) -> None:
    mine, theirs = a_collection(owner), a_collection(stranger, "Theirs")
    a_document(owner, mine, "Ants walk.", "queued.txt")
    assert selectors.search(user=owner, query="bees").nothing_there
    bees = ingested(a_document(owner, mine, "Bees dance to tell where flowers are.", "bees.txt"))
    ingested(a_document(owner, mine, "Wasps build with paper.", "wasps.txt"))
    ingested(a_document(stranger, theirs, "Bees dance in secret.", "secret.txt"))

    found = selectors.search(user=owner, query="where do bees dance", limit=5)
    assert found.passages[0].text == "Bees dance to tell where flowers are."
    assert found.passages[0].title == "bees"
    assert not any("secret" in passage.text for passage in found.passages)
    assert found.timings
    assert not selectors.search(user=owner, query="zeppelin", mode="lexical").nothing_there

    narrowed = selectors.search(user=owner, query="bees", documents=[bees.pk], collections=[mine.pk], mode="lexical")
    assert [passage.document for passage in narrowed.passages] == [bees.pk]
    assert selectors.search(user=a_user(), query="bees").passages == ()

    services.delete(by=owner, document=bees)
    again = selectors.search(user=owner, query="where do bees dance", limit=5)
    assert bees.pk not in {passage.document for passage in again.passages}
    ids = retrieval.wiring.passage_index(retrieval.log()).ids(mine.pk)
    assert ids == set(Chunk.objects.filter(version__document__collection=mine).values_list("pk", flat=True))


def test_unknown_and_foreign_ids_look_the_same(owner: User, stranger: User) -> None:
    mine, theirs = a_collection(owner), a_collection(stranger, "Theirs")
    secret = a_document(stranger, theirs)
    for collection in (theirs.pk, uuid4(), "nonsense"):
        with pytest.raises(services.NotFound, match="no such collection"):
            selectors.search(user=owner, query="bees", collections=[mine.pk, collection])
    for document in (secret.pk, uuid4()):
        with pytest.raises(services.NotFound, match="no such document"):
            selectors.search(user=owner, query="bees", documents=[document])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"query": "  "}, "empty_query"),
        ({"query": "x" * 100_000}, "query_too_long"),
        ({"query": "bees", "limit": 0}, "bad_limit"),
        ({"query": "bees", "limit": 101}, "bad_limit"),
        ({"query": "bees", "mode": "psychic"}, "bad_mode"),
    ],
)
def test_bad_searches_are_refused_with_a_sentence(owner: User, asked: dict, code: str) -> None:
    a_collection(owner)
    with pytest.raises(services.Refused) as refused:
        selectors.search(user=owner, **asked)
    assert refused.value.code == code


def test_without_redis_it_is_said_within_two_seconds(owner: User, nobody_answers: None) -> None:
    a_collection(owner)
    begin = time.monotonic()
    with pytest.raises(SearchUnavailable):
        selectors.search(user=owner, query="bees")
    assert time.monotonic() - begin < 2


def test_nobody_searches_for_those_who_left(owner: User, search_process: None, settings) -> None:
    a_collection(owner)
    settings.SEARCH_TIMEOUT_SECONDS = 0.3
    with pytest.raises(SearchUnavailable, match="in time"):
        selectors.search(user=owner, query="bees")
    stale = selectors.SearchRequest("bees", (), None, 5, "hybrid", time.time() - 1)
    tasks.search(stale.to_json(), "reply:stale")
    assert not wiring.quick_redis_client().exists("reply:stale")
    wiring.quick_redis_client().delete("search")


def test_what_breaks_in_the_search_process_is_said(owner: User, search_process: None, monkeypatch) -> None:
    def burn(request: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(retrieval, "find_json", burn)
    request = selectors.SearchRequest("bees", (), None, 5, "hybrid", time.time() + 5)
    tasks.search(request.to_json(), "reply:burnt")
    assert "internal" in wiring.quick_redis_client().lpop("reply:burnt")


def test_a_request_survives_the_queue() -> None:
    request = selectors.SearchRequest("Wo tanzen Bienen?", (str(uuid4()),), (str(uuid4()),), 7, "dense", 12.5)
    assert selectors.SearchRequest.from_json(request.to_json()) == request
    assert Mode(request.mode) is Mode.DENSE


def test_a_new_version_takes_the_place_of_the_old(owner: User, worker: None) -> None:
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine, "Bees dance."))
    assert selectors.search(user=owner, query="bees").passages[0].version_number == 1
    services.replace(by=owner, document=document, file=a_file("Bees sing."))
    ingested(Document.objects.get(pk=document.pk))
    found = selectors.search(user=owner, query="bees").passages
    assert [(passage.text, passage.version_number) for passage in found] == [("Bees sing.", 2)]


def test_page_images_are_drawn_once_by_the_worker(owner: User, stranger: User, worker: None, data) -> None:
    pdf = min((data / "pdf_financebench" / "pdfs").glob("*.pdf"), key=lambda path: path.stat().st_size)
    mine = a_collection(owner)
    document = ingested(a_document(owner, mine, pdf.read_bytes(), pdf.name))
    image = selectors.page_image(owner, document, None, 1)
    assert image.read_bytes().startswith(b"\x89PNG")
    drawn_at = image.stat().st_mtime_ns
    assert selectors.page_image(owner, document, document.current_id, 1).stat().st_mtime_ns == drawn_at
    for user, number in ((owner, document.current.page_count + 1), (owner, 0), (stranger, 1)):
        with pytest.raises(services.NotFound):
            selectors.page_image(user, document, None, number)
    services.delete(by=owner, document=document)
    assert not image.exists()
    assert not image.parent.exists()

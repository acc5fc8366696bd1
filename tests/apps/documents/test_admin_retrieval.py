"""The retrieval page of a collection in the admin: who may try it, what it shows, and how it says why."""

import html
import re
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from apps.documents import selectors, services
from apps.documents.admin import reader
from apps.documents.admin.marking import QuestionWords
from apps.documents.admin.retrieval_rows import Best, why
from apps.documents.models import Chunk, Collection, Document, Version
from apps.users.models import User
from rag.types import Mode, Passage
from tests.apps.documents.journeys import ingested, paragraphs
from tests.factories import a_document, a_user

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "Where do bees dance?"
HOSTILE = "<script>alert('bees')</script>"


@pytest.fixture
def insects(manager: User, collection: Collection) -> Collection:
    """Three documents of one passage each, the first two of which are about the question."""
    texts = {
        "bees.txt": "Bees dance to tell where flowers are.",
        "wasps.md": "Wasps never dance.",
        "ants.txt": "Ants walk.",
    }
    for name, text in texts.items():
        ingested(a_document(manager, collection, text, name))
    services.tag(by=manager, document=Document.objects.get(title="wasps"), names=["stings"])
    return collection


def url(collection: Collection, page: str = "retrieval") -> str:
    return f"/admin/documents/collection/{collection.pk}/{page}/"


def look(client: Client, collection: Collection, status: int = 200, **asked: str) -> str:
    page = client.get(url(collection), asked)
    assert page.status_code == status
    return page.content.decode()


def lists(page: str) -> list[list[str]]:
    """The titles in each list, in order."""
    parts = re.split(r'<section class="retrieval-list"', page)[1:]
    return [re.findall(r'class="retrieval-title"><a href="[^"]*">(.*?)</a>', part) for part in parts]


def words_of(page: str) -> str:
    """What a person reads, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


# ------------------------------------------------------------------------------------------ who may try it


@pytest.mark.parametrize("rights", [[], ["view_collection", "view_document"], ["change_collection"], ["view_document"]])
def test_staff_without_the_rights_do_not_get_in(insects: Collection, rights: list[str]) -> None:
    """Whoever may change the collection but not read documents in the admin would read them here."""
    person = a_user("clerk", is_staff=True)
    person.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(person)
    assert client.get(url(insects), {"query": QUESTION}).status_code == 403


def test_members_and_strangers_are_sent_to_sign_in(insects: Collection, stranger: User) -> None:
    for client, person in ((Client(), None), (Client(), stranger), (Client(), insects.memberships.get().user)):
        if person is not None:
            client.force_login(person)
        answer = client.get(url(insects), {"query": QUESTION})
        assert answer.status_code == 302
        assert "login" in answer.headers["Location"]


def test_only_managers_search_where_they_are_no_members(insects: Collection, stranger: User, manager: User) -> None:
    for person in (stranger, insects.memberships.get().user, a_user("clerk", is_staff=True)):
        with pytest.raises(services.NotFound, match="no such collection"):
            selectors.search_in(user=person, collection=insects, query=QUESTION)
    # `search` itself has not become wider.
    with pytest.raises(services.NotFound):
        selectors.search(user=manager, query=QUESTION, collections=[insects.pk])


def test_it_is_only_looked_at_and_only_where_there_is_a_collection(admin: Client, insects: Collection) -> None:
    assert admin.post(url(insects), {"query": QUESTION}).status_code == 405
    assert admin.get(f"/admin/documents/collection/{uuid4()}/retrieval/").status_code == 404


def test_the_collection_leads_to_it(admin: Client, insects: Collection) -> None:
    assert url(insects) in admin.get("/admin/documents/collection/").content.decode()
    assert "to-retrieval" in admin.get(url(insects, "change")).content.decode()
    led = admin.get(f"/admin/documents/collection/{insects.pk}/to-retrieval/")
    assert led.headers["Location"] == url(insects)


# ------------------------------------------------------------------------------------------------ its states


def test_without_a_question_it_says_what_it_is_for(admin: Client, insects: Collection) -> None:
    page = look(admin, insects)
    assert "Ask as a reader would" in page
    assert lists(page) == []
    assert "Write a question first." not in page
    assert '<option value="stings">' in page
    assert '<option value="text/markdown">' in page
    assert "application/pdf" not in page


def test_an_empty_collection_leads_to_upload(admin: Client, manager: User, collection: Collection) -> None:
    page = look(admin, collection, query=QUESTION)
    assert "This collection is empty." in page
    assert url(collection, "upload") in page
    assert "retrieval-form" not in page
    a_document(manager, collection)
    assert "No document of this collection is ready yet; 1 is on the way." in words_of(look(admin, collection))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"query": "  "}, "Write a question first."),
        ({"query": "a\0b"}, "Null characters are not allowed."),
        ({"limit": "0"}, "From 1 to 100."),
        ({"limit": "many"}, "From 1 to 100."),
        ({"mode": "psychic"}, "Select a valid choice."),
        ({"tag": HOSTILE}, "No document here has it."),
        ({"type": "application/x-zeppelin"}, "No document here has it."),
        ({"since": "yesterday"}, "Enter a valid date."),
        ({"until": "9999-12-31"}, "Give a day from 1970 to 2999."),
        ({"since": "2025-03-02", "until": "2025-03-01"}, "This day is before the other."),
        ({"other-tag": "stings"}, "Choose a mode to compare with."),
    ],
)
def test_what_cannot_be_taken_is_said_at_its_field(
    admin: Client, insects: Collection, nobody_answers: None, asked: dict[str, str], sentence: str
) -> None:
    page = look(admin, insects, **{"query": QUESTION, **asked})
    assert page.count(sentence) == 1
    assert 'aria-invalid="true"' in page
    assert lists(page) == []
    assert HOSTILE not in page


def test_what_the_search_refuses_is_one_sentence(admin: Client, insects: Collection, settings) -> None:
    settings.MAX_QUESTION_CHARS = 10
    assert "The question has 20 characters; at most 10 are taken." in look(admin, insects, 400, query=QUESTION)


def test_without_a_search_process_it_says_so(admin: Client, insects: Collection, nobody_answers: None) -> None:
    page = look(admin, insects, 503, query=QUESTION, **{"other-mode": "dense"})
    assert page.count("Search cannot be reached; try again in a few seconds.") == 1
    assert f'value="{QUESTION}"' in page


# ------------------------------------------------------------------------------------------- what it finds

services_needed = pytest.mark.services


@services_needed
def test_passages_come_with_place_scores_times_and_the_way_to_their_page(
    admin: Client, insects: Collection, worker: None
) -> None:
    page = look(admin, insects, query=QUESTION, limit="2")
    assert lists(page)[0][0] == "bees"
    assert len(lists(page)[0]) == 2
    bees = Document.objects.get(title="bees")
    chunk = Chunk.objects.get(version=bees.current_id)
    assert f"{bees.pk}/change/?page=1&amp;passage={chunk.pk}#passage-{chunk.pk}" in page
    assert "<mark>Bees</mark> <mark>dance</mark> to tell where" in page
    read = words_of(page)
    assert "By meaning and by words: bees, dance; its document is named in the question (bees)." in read
    assert re.search(r"Score \d\.\d\d Meaning \d\.\d\d Words \d+\.\d\d Named \d+\.\d\d", read)
    assert re.search(r"embedding [\d.]+ ms · searching [\d.]+ ms · fetching [\d.]+ ms", read)
    nothing = look(admin, insects, query="zeppelin", mode="lexical")
    assert "Nothing was found." in nothing
    assert lists(nothing) == [[]]


@services_needed
def test_filters_narrow_it(admin: Client, insects: Collection, worker: None) -> None:
    today = f"{timezone.localdate()}"
    Version.objects.filter(document__title="ants").update(queued_at=timezone.now() - timedelta(days=40))
    assert lists(look(admin, insects, query=QUESTION, tag="stings")) == [["wasps"]]
    assert lists(look(admin, insects, query=QUESTION, type="text/markdown")) == [["wasps"]]
    assert set(lists(look(admin, insects, query=QUESTION, since=today, until=today))[0]) == {"bees", "wasps"}
    before = f"{timezone.localdate() - timedelta(days=30)}"
    page = look(admin, insects, query=QUESTION, until=before)
    assert lists(page) == [["ants"]]
    assert f"Hybrid · until {before}" in words_of(page)


@services_needed
def test_two_settings_stand_side_by_side_with_the_places_of_what_both_found(
    admin: Client, insects: Collection, worker: None
) -> None:
    page = look(admin, insects, query=QUESTION, **{"other-mode": "lexical", "other-tag": "stings"})
    first, second = lists(page)
    assert first[0] == "bees"
    assert second == ["wasps"]
    place = first.index("wasps") + 1
    assert f'href="#list-1-{place}"' in page
    assert f'href="#list-2-1">{"same place" if place == 1 else "place 1"} in the other' in page
    assert page.count("not in the other list") == len(first) - 1
    assert f'id="list-1-{place}"' in page
    read = words_of(page)
    assert "Hybrid embedding" in read
    assert "Lexical · tag stings embedding" in read
    assert "By words: dance." in read
    assert "<details open" in page


@services_needed
def test_what_documents_say_stays_text(admin: Client, manager: User, insects: Collection, worker: None) -> None:
    bad = ingested(a_document(manager, insects, f"{HOSTILE} Bees dance & sing.", "bad.txt"))
    services.rename(by=manager, document=bad, title=HOSTILE)
    page = look(admin, insects, query=f"{QUESTION} {HOSTILE}", **{"other-mode": "dense"})
    assert "<script>alert" not in page
    assert "&lt;<mark>script</mark>&gt;" in page
    assert "<mark>Bees</mark> <mark>dance</mark> &amp; sing." in page
    assert html.escape(HOSTILE) in "".join(lists(page)[0])


def test_the_reader_opens_at_the_passage(admin: Client, manager: User, collection: Collection, monkeypatch) -> None:
    monkeypatch.setattr(reader, "PASSAGES_AT_ONCE", 4)
    long = ingested(a_document(manager, collection, paragraphs(10, 150), "long.txt"))
    chunk = Chunk.objects.get(version=long.current_id, ordinal=6)
    address = f"/admin/documents/document/{long.pk}/change/"
    assert f'id="passage-{chunk.pk}"' in admin.get(address, {"passage": str(chunk.pk)}).content.decode()
    for unknown in ("nonsense", str(uuid4())):
        shown = admin.get(address, {"passage": unknown, "part": "2"}).content.decode()
        assert "passages 5 to 8" in shown


# ------------------------------------------------------------------------------------------------ why it was found

PASSAGE = Passage(
    uuid4(), uuid4(), uuid4(), uuid4(), 1, "insects", 1, 0, 9, "Bees dance.", score=0.9, dense=0.8, lexical=6.0
)
BEST = Best(dense=0.8, lexical=6.0, named=4.0)


@pytest.mark.parametrize(
    ("changed", "mode", "sentence"),
    [
        ({}, Mode.HYBRID, "By meaning and by words: bees, dance."),
        ({}, Mode.DENSE, "By meaning."),
        ({}, Mode.LEXICAL, "By words: bees, dance."),
        ({"lexical": None, "text": "Hives hum."}, Mode.HYBRID, "By meaning only; it has no word of yours."),
        ({"lexical": 0.5, "text": "A dance."}, Mode.HYBRID, "Mainly by meaning, hardly by words: dance."),
        ({"dense": 0.1}, Mode.HYBRID, "Mainly by words: bees, dance."),
        ({"dense": -0.1}, Mode.HYBRID, "Only by words: bees, dance."),
        ({"text": "Imker!"}, Mode.LEXICAL, "By words."),
        (
            {"dense": 0.1, "lexical": None, "text": "Hives hum."},
            Mode.HYBRID,
            "By little: its meaning is far and it has few words of yours.",
        ),
        (
            {"named": 4.0, "title": "On bees"},
            Mode.HYBRID,
            "By meaning and by words: bees, dance; its document is named in the question (bees).",
        ),
        (
            {"named": 3.5},
            Mode.HYBRID,
            "By meaning and by words: bees, dance; its document begins with words of the question.",
        ),
        ({"named": 1.0}, Mode.HYBRID, "By meaning and by words: bees, dance."),
        ({"referred_from": "Lothair II"}, Mode.HYBRID, "Because “Lothair II” names its document."),
    ],
)
def test_one_sentence_says_why(changed: dict, mode: Mode, sentence: str) -> None:
    assert why(replace(PASSAGE, **changed), mode, QuestionWords(QUESTION), BEST) == sentence


@pytest.mark.parametrize(
    ("question", "text", "marked"),
    [
        ("bees", "Bees, BEE & bumblebees", "<mark>Bees</mark>, <mark>BEE</mark> &amp; bumblebees"),
        ("the of", "The end of it", "The end of it"),
        ("Übergröße", "eine ubergrosse Biene", "eine <mark>ubergrosse</mark> Biene"),
        ("1577 amp", "<1,577> &amp;", "&lt;<mark>1,577</mark>&gt; &amp;<mark>amp</mark>;"),
        ("蜜蜂跳舞", "看蜜蜂跳舞吗", "看<mark>蜜蜂跳舞</mark>吗"),
        ("", "<i>", "&lt;i&gt;"),
        ("bees", "", ""),
    ],
)
def test_the_words_of_the_question_are_marked_and_the_rest_is_escaped(question: str, text: str, marked: str) -> None:
    assert QuestionWords(question).marked(text) == marked


def test_words_are_told_as_they_were_asked() -> None:
    words = QuestionWords("Do dancing bees dance, or 蜜蜂?")
    assert words.found_in("The bee danced.", "蜜蜂") == ["dancing", "bees", "蜜蜂"]


def test_a_scale_without_scores_is_nothing() -> None:
    assert Best.of([]) == Best(0.0, 0.0, 0.0)

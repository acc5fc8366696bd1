"""The pages and what their scripts call: works, signed out, somebody else's, missing, wrong method, bad input."""

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from apps.chat import selectors
from apps.chat.models import Answer, AnswerStatus, Citation, Conversation, Feedback
from apps.chat.urls import urlpatterns as chat
from apps.documents import services as documents
from apps.documents.models import Chunk, Document, Version
from apps.documents.urls import urlpatterns as of_documents
from tests.apps.chat.conftest import without_redis, world
from tests.apps.chat.world import QUESTION, World
from tests.factories import a_file

__all__ = ["without_redis", "world"]


@pytest.fixture
def anna(world: World) -> Client:
    client = Client()
    client.force_login(world.anna)
    return client


@pytest.fixture
def ben(world: World) -> Client:
    client = Client()
    client.force_login(world.ben)
    return client


@pytest.fixture
def answer(world: World) -> Answer:
    """A whole answer with a footnote to the first fact."""
    answer = world.ask()
    chunk = world.chunks[0]
    Citation.objects.create(
        answer=answer,
        n=1,
        chunk=chunk.pk,
        document=world.policy.pk,
        version=chunk.version_id,
        page=1,
        start=chunk.start,
        end=chunk.end,
    )
    Answer.objects.filter(pk=answer.pk).update(
        status=AnswerStatus.DONE,
        text="Up to **140 euros** [1].",
        receipt={"model": "tiny", "route": "first in rank", "milliseconds": {"search": 12.0, "total": 340.0}},
    )
    return Answer.objects.get(pk=answer.pk)


def test_the_first_page_offers_the_persons_collections_and_their_questions(anna: Client, world: World) -> None:
    world.handbook.starter_questions = ["What may a hotel cost?"]
    world.handbook.save()
    page = anna.get("/").content.decode()
    assert "What may a hotel cost?" in page
    assert str(world.handbook.pk) in page
    serving = world.handbook.documents.filter(current__isnull=False)
    assert f"<small>{serving.count()} document" in page
    world.handbook.documents.update(current=None)  # as of one that failed
    assert "<small>none ready yet</small>" in anna.get("/").content.decode()


def test_somebody_without_collections_is_told_what_to_do(ben: Client) -> None:
    page = ben.get("/").content.decode()
    assert "No documents yet" in page
    assert "ben@example.org" in page


def test_a_conversation_shows_its_answers_for_a_first_paint_without_scripts(anna: Client, answer: Answer) -> None:
    page = anna.get(f"/c/{answer.conversation_id}").content.decode()
    assert "Up to **140 euros** [1]." in page
    assert "Travel policy" in page
    assert "Receipt · 340 ms" in page
    assert "added today" in page


def test_a_deleted_document_leaves_its_day_and_no_quote(anna: Client, answer: Answer, world: World) -> None:
    quote = world.chunks[0].text
    assert quote in anna.get(f"/answers/{answer.pk}").content.decode()
    world.handbook.memberships.update(role="owner")
    documents.delete(by=world.anna, document=world.policy)
    shown = anna.get(f"/answers/{answer.pk}").content.decode()
    assert quote not in shown
    assert re.search(r"deleted on \d+ \w+ \d{4}", shown)
    assert "140 euros" in shown


def test_asking_opens_a_conversation_and_gives_its_article(anna: Client, world: World) -> None:
    asked = anna.post("/ask", {"question": QUESTION}, headers={"accept": "application/json"})
    assert asked.status_code == 202
    told = asked.json()
    assert told["url"] == f"/c/{told['conversation']}"
    assert f'data-answer="{told["answer"]}"' in told["html"]
    assert Answer.objects.get(pk=told["answer"]).collections == [str(world.handbook.pk)]

    follow_up = {"question": "And abroad?", "conversation": told["conversation"], "collections": [world.handbook.pk]}
    second = anna.post("/ask", follow_up, headers={"accept": "application/json"}).json()
    assert second["conversation"] == told["conversation"]


def test_asking_without_scripts_leads_to_the_conversation(anna: Client) -> None:
    response = anna.post("/ask", {"question": QUESTION})
    conversation = Conversation.objects.get()
    assert response.status_code == 302
    assert response.headers["Location"] == f"/c/{conversation.pk}"


def test_asking_again_makes_a_variant(anna: Client, answer: Answer) -> None:
    again = anna.post("/ask", {"again": answer.pk}, headers={"accept": "application/json"}).json()
    assert Answer.objects.get(pk=again["answer"]).again_of_id == answer.pk
    page = anna.get(f"/c/{answer.conversation_id}").content.decode()
    assert page.count("<article") == 2
    assert len(re.findall(r"<article[^>]* hidden", page)) == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"question": "  "}, "Write a question first."),
        ({"question": "x" * 8001}, "8,001 characters"),
        ({"question": QUESTION, "collections": [str(uuid4())]}, "There is no collection"),
        ({"question": QUESTION, "conversation": str(uuid4())}, "There is no such conversation"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_in_a_sentence(
    anna: Client, fields: dict[str, str], sentence: str
) -> None:
    refused = anna.post("/ask", fields, headers={"accept": "application/json"})
    assert refused.status_code in (400, 404)
    assert sentence in refused.json()["message"]
    assert not Answer.objects.exists()


def test_without_redis_the_page_stays_readable_and_a_question_is_refused_for_now(
    anna: Client, answer: Answer, without_redis: object
) -> None:
    with without_redis():  # type: ignore[operator]
        assert anna.get(f"/c/{answer.conversation_id}").status_code == 200
        refused = anna.post("/ask", {"question": QUESTION}, headers={"accept": "application/json"})
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0


def test_the_sidebar_is_searched_and_its_conversations_are_kept_in_order(anna: Client, answer: Answer) -> None:
    conversation = answer.conversation_id
    assert anna.post(f"/conversations/{conversation}/rename", {"title": "Hotels"}).status_code == 204
    assert anna.post(f"/conversations/{conversation}/pin", {"pinned": "1"}).status_code == 204
    found = anna.get("/conversations", {"q": "hot", "current": conversation}).content.decode()
    assert "Pinned" in found
    assert "Hotels" in found
    assert 'aria-current="page"' in found
    assert "No chat matches" in anna.get("/conversations", {"q": "xyz"}).content.decode()
    assert anna.get("/conversations", {"q": "a\0b", "current": "nonsense"}).status_code == 200
    assert anna.post(f"/conversations/{conversation}/rename", {"title": " "}).status_code == 400
    assert anna.post(f"/conversations/{conversation}/delete").status_code == 204
    assert anna.get(f"/c/{conversation}").status_code == 404


def test_feedback_is_kept_and_nonsense_refused(anna: Client, answer: Answer) -> None:
    url = f"/answers/{answer.pk}/feedback"
    assert anna.post(url, {"value": "-1", "reasons": ["outdated"], "comment": "old"}).status_code == 204
    assert Feedback.objects.get().reasons == ["outdated"]
    assert anna.post(url, {"value": "7"}).status_code == 400


def test_the_source_panel_shows_the_passage_marked(anna: Client, world: World) -> None:
    chunk = world.chunks[0]
    place = {"version": chunk.version_id, "page": 1, "start": chunk.start, "end": chunk.end, "n": 1}
    panel = anna.get(f"/documents/{world.policy.pk}/source", place).content.decode()
    assert f"<mark>{chunk.text}</mark>" in panel
    assert world.chunks[1].text in panel
    text = anna.get(f"/documents/{world.policy.pk}/pages/1").json()
    assert text["text"][chunk.start : chunk.end] == chunk.text


@pytest.mark.parametrize(("pictured", "unit"), [(False, "Part"), (True, "Page")])
def test_the_panel_counts_parts_where_there_are_no_page_images(
    anna: Client, world: World, pictured: bool, unit: str
) -> None:
    Version.objects.filter(document=world.policy).update(page_count=26, has_page_images=pictured)
    Document.objects.filter(pk=world.policy.pk).update(key="Team/2024/plan.txt")
    panel = anna.get(f"/documents/{world.policy.pk}/source").content.decode()
    assert f"<p>Team/2024 · {unit} 1 of 26" in panel
    assert f'aria-label="Next {unit.lower()}"' in panel


@pytest.mark.parametrize("query", ["", "start=-5&end=x", "start=99999999999999999999&end=1", "at=7&start=1&end=2"])
def test_a_panel_asked_for_nonsense_still_shows_the_page(anna: Client, world: World, query: str) -> None:
    panel = anna.get(f"/documents/{world.policy.pk}/source?{query}")
    assert panel.status_code == 200
    assert world.chunks[0].text[:20] in panel.content.decode()


@pytest.mark.parametrize(
    "query", ["page=2", f"page={'9' * 5000}", "version=nonsense", "version=01893f2a-0000-7000-8000-000000000000"]
)
def test_a_page_or_version_that_is_not_there_is_404(anna: Client, world: World, query: str) -> None:
    assert anna.get(f"/documents/{world.policy.pk}/source?{query}").status_code == 404


def test_the_original_is_always_a_download_that_nothing_runs_in(anna: Client, world: World) -> None:
    world.handbook.memberships.update(role="editor")
    page = b"<!doctype html><script>alert(1)</script><p>Words enough to be a page."
    file = documents.upload(by=world.anna, collection=world.handbook, file=a_file(page, "a<b>.html")).document
    response = anna.get(f"/documents/{file.pk}/original")
    assert b"".join(response) == page
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]


def routes(world: World, answer: Answer) -> dict[str, str]:
    """Every address of the two apps with Anna's ids in it, by name; made from the URLconf, so that a new one
    is tested from its first day."""
    ids = {
        "conversation_id": answer.conversation_id,
        "answer_id": answer.pk,
        "document_id": world.policy.pk,
        "number": 1,
    }
    found = {}
    for app, patterns in (("chat", chat), ("documents", of_documents)):
        for pattern in patterns:
            wanted = {name: ids[name] for name in pattern.pattern.converters}
            found[f"{app}:{pattern.name}"] = reverse(f"{app}:{pattern.name}", kwargs=wanted)
    return found


OPEN = {"chat:favicon"}
OWN_TO_EVERYBODY = {"chat:home", "chat:conversations", "chat:ask"} | OPEN
WRITING = {"chat:rename", "chat:pin", "chat:delete", "chat:ask", "chat:stop", "chat:feedback"}


def test_signed_out_nothing_is_shown(world: World, answer: Answer) -> None:
    client = Client()
    for name, url in routes(world, answer).items():
        if name in OPEN:
            continue
        response = client.post(url) if name in WRITING else client.get(url)
        assert response.status_code in (302, 401), name
        if response.status_code == 302:
            assert response.headers["Location"].startswith("/account/login/"), name


def test_signing_in_leaves_no_message_behind(world: World) -> None:
    """The chat shows none, so it would surface in the admin, days later."""
    world.anna.set_password("a good long password")
    world.anna.save()
    client = Client()
    client.post("/account/login/", {"login": world.anna.email, "password": "a good long password"})
    assert client.get("/").status_code == 200
    assert "messages" not in client.cookies


def test_what_is_somebody_elses_is_404(ben: Client, world: World, answer: Answer) -> None:
    for name, url in routes(world, answer).items():
        if name in OWN_TO_EVERYBODY:
            continue
        response = ben.post(url, {"title": "x", "value": "1"}) if name in WRITING else ben.get(url)
        assert response.status_code == 404, name
    answer.refresh_from_db()
    assert answer.text
    again = ben.post("/ask", {"again": answer.pk}, headers={"accept": "application/json"})
    assert again.status_code == 404


def test_reading_is_by_get_and_writing_by_post_with_a_token(world: World, answer: Answer) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(world.anna)
    for name, url in routes(world, answer).items():
        if name in WRITING:
            assert strict.get(url).status_code == 405, name
            assert strict.post(url).status_code == 403, name
        elif name not in OPEN:
            relaxed = Client()
            relaxed.force_login(world.anna)
            assert relaxed.post(url).status_code == 405, name
    assert selectors.conversation_of(world.anna, answer.conversation_id)


def test_no_page_allows_scripts_that_are_not_its_own(anna: Client, answer: Answer) -> None:
    for url in ("/", f"/c/{answer.conversation_id}", "/account/login/", "/nowhere"):
        response = anna.get(url)
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
        assert "unsafe-eval" not in response.headers["Content-Security-Policy"]
        page = response.content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"\son[a-z]+=", page)


def test_hostile_titles_and_texts_are_escaped(anna: Client, answer: Answer, world: World) -> None:
    payload = "<img src=x onerror=alert(1)>"
    world.policy.title = payload
    world.policy.save()
    Chunk.objects.filter(pk=world.chunks[0].pk).update(text=payload + world.chunks[0].text)
    Answer.objects.filter(pk=answer.pk).update(text=payload, question=payload, standalone_question=payload + "?")
    Conversation.objects.filter(pk=answer.conversation_id).update(title=payload)
    for url in (f"/c/{answer.conversation_id}", "/conversations", f"/documents/{world.policy.pk}/source"):
        page = anna.get(url).content.decode()
        assert payload not in page
        assert "&lt;img" in page

"""The page of a document in the admin: read beside its pages, acted on, its versions and its history."""

import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from apps.documents import store
from apps.documents.admin import reader
from apps.documents.models import Chunk, Collection, Document, Page, State, Version
from apps.users.models import User
from tests.apps.documents.journeys import ingested, paragraphs
from tests.factories import a_collection, a_document, a_file, a_user
from tests.files.making import Words, pdf

pytestmark = pytest.mark.django_db(transaction=True)
PNG = b"\x89PNG a page"


@pytest.fixture
def document(manager: User, collection: Collection) -> Document:
    """Two pages of a PDF, read."""
    first = [Words(50, 700, "Bees dance to tell where flowers are.", 12)]
    second = [Words(50, 700, "Wasps <b>do not</b> dance.", 12)]
    return ingested(a_document(manager, collection, pdf([first, second]), "insects.pdf"))


def url(document: Document, more: str = "change/") -> str:
    return f"/admin/documents/document/{document.pk}/{more}"


def look(client: Client, document: Document, more: str = "change/") -> str:
    page = client.get(url(document, more))
    assert page.status_code == 200
    return page.content.decode()


def passages(page: str) -> list[str]:
    """The texts of the passages shown, as a browser would give them."""
    return [html.unescape(text) for text in re.findall(r'<div class="passage-text" dir="auto">(.*?)</div>', page, re.S)]


def test_a_page_stands_beside_its_passages_with_their_boxes(admin: Client, document: Document) -> None:
    page = look(admin, document)
    assert f"/pages/1.png?version={document.current_id}" in page
    assert passages(page) == ["Bees dance to tell where flowers are."]
    (left, top, width, height), *_ = json.loads(re.search(r'data-boxes="(.*?)"', page)[1])  # type: ignore[index]
    # The line stands at y = 700 of 800 points, 12 points high.
    assert 10 < top < 14
    assert 0 < left < 20
    assert width > 20
    assert 0 < height < 3


def test_pages_are_turned_and_their_text_stays_text(admin: Client, document: Document) -> None:
    fragment = look(admin, document, "page/2")
    assert passages(fragment) == ["Wasps <b>do not</b> dance."]
    assert "<b>do not" not in fragment
    assert "<html" not in fragment
    assert 'rel="prev"' in fragment
    assert 'rel="next"' not in fragment
    assert passages(look(admin, document, "change/?page=99")) == ["Wasps <b>do not</b> dance."]
    assert passages(look(admin, document, "change/?page=nonsense&version=nonsense"))


def test_a_page_image_is_shown_to_a_manager_who_is_no_member(
    admin: Client, document: Document, nobody_answers: None
) -> None:
    image = store.pages_folder(document.current_id) / "1.png"  # type: ignore[arg-type]
    store.keep_page_image(image, PNG)
    answer = admin.get(url(document, "pages/1.png"))
    assert b"".join(answer) == PNG
    assert answer.headers["Content-Type"] == "image/png"
    assert admin.get(url(document, "pages/3.png")).status_code == 404
    assert admin.get(url(document, "pages/1.png?version=00000000-0000-7000-8000-000000000000")).status_code == 404
    # Nobody is there to draw this one.
    assert admin.get(url(document, "pages/2.png")).status_code == 503


def test_a_text_of_thousands_of_passages_is_shown_in_parts(
    admin: Client, manager: User, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "PASSAGES_AT_ONCE", 4)
    long = ingested(a_document(manager, collection, paragraphs(10, 150), "long.txt"))
    texts = list(Chunk.objects.filter(version=long.current_id).order_by("ordinal").values_list("text", flat=True))
    assert len(texts) > 8
    first, second = look(admin, long), look(admin, long, "page/1?part=2")
    assert passages(first) + passages(second) == texts[:8]
    assert f"passages 1 to 4 of {len(texts)}" in first
    assert "page=1&amp;part=2#reader" in first


def test_a_page_that_is_being_read_shows_its_text(admin: Client, manager: User, collection: Collection) -> None:
    begun = a_document(manager, collection)
    assert "Nothing has been read yet" in look(admin, begun)
    Page.objects.create(version_id=begun.latest_id, number=1, text="Bees " * 10_000)
    page = look(admin, begun)
    assert "Bees Bees" in page
    assert page.count("Bees ") <= reader.CHARACTERS_AT_ONCE // 5


def test_a_failed_one_says_why_and_what_to_do(admin: Client, document: Document) -> None:
    Version.objects.filter(pk=document.latest_id).update(
        state=State.FAILED, error_code="x", error_message="It is broken.", error_hint="Mend it."
    )
    page = look(admin, document)
    assert "It is broken." in page
    assert "Mend it." in page
    assert ">Retry</button>" in page
    assert ">Cancel</button>" not in page


def test_it_is_renamed_tagged_and_moved(admin: Client, manager: User, document: Document) -> None:
    to = a_collection(manager, "Archive")
    admin.post(url(document, "rename"), {"title": "On insects"})
    admin.post(url(document, "tag"), {"tags": "Biology, wings"})
    page = look(admin, document)
    assert "<h2>On insects</h2>" in page
    assert '<span class="tag">biology</span>' in page
    assert admin.post(url(document, "move"), {"to": str(to.pk)}).status_code == 302
    document.refresh_from_db()
    assert document.collection == to


def test_history_tells_who_did_what(admin: Client, manager: User, document: Document) -> None:
    admin.post(url(document, "rename"), {"title": "On insects"})
    page = look(admin, document)
    history = page.partition('class="doc-history"')[2].partition("</ol>")[0]
    assert [each for each in ("Renamed", "Ready", "Added") if each in history] == ["Renamed", "Ready", "Added"]
    assert history.index("Renamed") < history.index("Added")
    assert f"by {manager.email}" in history
    assert "by Footnote" in history


@pytest.mark.parametrize(
    ("act", "fields", "words"),
    [
        ("rename", {"title": " "}, "needs a title"),
        ("move", {"to": "nonsense"}, "Choose the collection"),
        ("tag", {"tags": "x" * 60}, "at most 20 tags"),
        ("replace", {}, "No file arrived"),
        ("activate", {"version": ""}, "Choose the version"),
        ("retry", {}, "there is nothing to try again"),
    ],
)
def test_a_refusal_is_told_on_the_page(
    admin: Client, document: Document, act: str, fields: dict[str, str], words: str
) -> None:
    page = admin.post(url(document, act), fields, follow=True)
    assert words in html.unescape(page.content.decode())


def test_a_file_is_replaced_and_an_earlier_version_made_to_serve(
    admin: Client, document: Document, files_on_disk: Callable[[], set[Path]]
) -> None:
    first = document.current_id
    admin.post(url(document, "replace"), {"file": a_file("Wasps sting.", "wasps.txt")})
    document = ingested(Document.objects.get(pk=document.pk))
    same = admin.post(url(document, "replace"), {"file": a_file("Wasps sting.", "wasps.txt")}, follow=True)
    assert "has exactly this file already" in same.content.decode()
    page = look(admin, document)
    assert passages(page) == ["Wasps sting."]
    assert page.count(">serves now<") == 1
    assert page.count(">Activate</button>") == 1
    assert passages(look(admin, document, f"change/?version={first}")) == ["Bees dance to tell where flowers are."]
    original = admin.get(url(document, f"original?version={first}"))
    assert b"".join(original).startswith(b"%PDF")
    admin.post(url(document, "activate"), {"version": str(first)})
    assert Document.objects.get(pk=document.pk).current_id == first
    assert "Version 1 serves; version 2 is newer." in look(admin, document)


def test_what_it_lies_within_and_what_lies_within_it_are_linked(
    admin: Client, manager: User, document: Document
) -> None:
    child = a_document(manager, document.collection, "Attached.", "attached.txt")
    Document.objects.filter(pk=child.pk).update(parent=document, key="mail/attached.txt")
    assert f'<a href="{url(child)}">attached</a> <small>mail/attached.txt</small>' in look(admin, document)
    page = look(admin, child)
    assert f'Within <a href="{url(document)}">insects</a>' in page
    assert url(child, "move") not in page


def test_a_long_document_costs_as_few_queries_as_a_short_one(
    admin: Client, document: Document, django_assert_max_num_queries
) -> None:
    Page.objects.bulk_create(
        Page(version_id=document.current_id, number=n, text="x" * 3000, width=600, height=800) for n in range(3, 300)
    )
    Version.objects.filter(pk=document.current_id).update(page_count=299)
    with django_assert_max_num_queries(26):
        page = look(admin, document, "change/?page=200")
    assert "of 299" in page
    assert len(page) < 120_000


@pytest.mark.parametrize("staff", [False, True], ids=["a member", "staff without the permission"])
def test_others_see_nothing_and_change_nothing(document: Document, collection: Collection, staff: bool) -> None:
    client = Client()
    client.force_login(a_user("other", is_staff=staff))
    for path in ("change/", "page/1", "pages/1.png", "original"):
        assert client.get(url(document, path)).status_code in (302, 403), path
    for act in ("retry", "cancel", "rename", "move", "tag", "replace", "activate"):
        assert client.post(url(document, act), {"title": "mine"}).status_code in (302, 403), act
    document.refresh_from_db()
    assert document.title == "insects"


def test_nothing_is_done_by_a_link_or_without_the_token(admin: Client, manager: User, document: Document) -> None:
    for act in ("rename", "move", "tag", "replace", "activate"):
        assert admin.get(url(document, act)).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(manager)
    assert strict.post(url(document, "rename"), {"title": "mine"}).status_code == 403


def test_a_deleted_one_leads_back_to_the_list(admin: Client, document: Document) -> None:
    admin.post(url(document, "delete/"), {"post": "yes"})
    gone = admin.get(url(document), follow=True)
    assert "not here any more" in gone.content.decode()
    assert admin.get(url(document, "page/1")).status_code == 404

"""Sources in the admin: added, synced, paused, scheduled, removed, by those who may."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from apps.documents import ingestion, services
from apps.documents.models import Collection, Document, Source, State, Version
from apps.users.models import User
from tests.apps.documents.journeys import a_worker, ingested
from tests.apps.documents.sites import Site
from tests.factories import a_collection, a_user

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/documents/source/"
ADD = f"{LIST}add/"


def url(source: Source, more: str = "change/") -> str:
    return f"{LIST}{source.pk}/{more}"


def look(client: Client, address: str) -> str:
    """The words of a page, without its markup."""
    page = client.get(address)
    assert page.status_code == 200
    return " ".join(
        re.sub(r"<[^>]+>", " ", page.content.decode().partition("<main")[2] or page.content.decode()).split()
    )


def add(client: Client, collection: Collection, kind: str, address: str, **more: object):
    fields = {"collection": str(collection.pk), "kind": kind, "address": address, "every_hours": 24, **more}
    return client.post(ADD, fields)


def synced(source: Source) -> Source:
    ingestion.sync(source.pk, a_worker())
    source.refresh_from_db()
    return source


@pytest.fixture
def source(manager: User, collection: Collection) -> Source:
    """A website, every day."""
    return services.add_source(
        by=manager, collection=collection, kind="site", address="https://example.org/docs/", every_hours=24
    )


@pytest.fixture
def editor(redis_server: str) -> User:
    """Of the staff, with every right over sources, and editor of one collection of their own."""
    person = a_user("editor", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(content_type__model="source"))
    return person


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_website_is_added_synced_and_kept_in_step(admin: Client, collection: Collection, site: Site) -> None:
    site.pages["/docs/"] = b"<html><head><title>The bees</title></head><body><p>Bees dance.</p></body></html>"
    added = add(admin, collection, "site", f"{site.url}/docs/", find="links", depth=1, limit=5, region="x", sitemap="x")
    source = Source.objects.get()
    assert (added.status_code, added["Location"]) == (302, url(source))
    assert (source.options, source.every_hours) == ({"depth": 1, "limit": 5}, 24)
    assert "Waits for a worker" in look(admin, url(source))

    synced(source)
    assert ingested(Document.objects.get()).latest.state == State.READY
    page = look(admin, url(source))
    assert all(words in page for words in ("In step", ": 1 new", "1 document", "Every day; next 20"))
    assert f"{site.url}/docs/" in look(admin, LIST)
    assert "The bees" in look(admin, f"/admin/documents/document/?source={source.pk}")
    assert "The bees" not in look(admin, f"/admin/documents/document/?source={collection.pk}")

    site.pages["/docs/"] = b"<html><head><title>The bees</title></head><body><p>Bees hum.</p></body></html>"
    assert admin.post(url(source, "sync")).status_code == 302
    assert synced(source).outcome["changed"] == 1
    assert ": 1 changed" in look(admin, url(source))


def test_what_was_not_taken_and_why_a_sync_failed_is_told(admin: Client, collection: Collection, folder: Path) -> None:
    add(admin, collection, "folder", str(folder))
    source = synced(Source.objects.get())
    page = look(admin, url(source))
    assert "In step but for 1" in page
    assert "2 new, 1 not taken" in page
    assert "setup.exe" in page
    Source.objects.update(error="The folder cannot be reached now.")
    assert "The newest sync failed The folder cannot be reached now." in look(admin, url(source))
    assert "The folder cannot be reached now." in look(admin, LIST)


def test_what_could_not_be_reached_is_not_called_in_step(admin: Client, source: Source) -> None:
    Source.objects.update(due_at=None, synced_at=timezone.now(), outcome={"unavailable": 1})
    assert "Could not be reached" in look(admin, url(source))
    assert "In step" not in look(admin, LIST)
    Source.objects.update(outcome={"unavailable": 1, "unchanged": 4})
    assert "In step but for 1" in look(admin, url(source))


def test_a_page_whose_first_fetch_failed_says_so(admin: Client, manager: User, collection: Collection) -> None:
    document = services.add_page(by=manager, collection=collection, url="https://example.org/gone.html")
    assert "Not synced since it was added" in look(admin, LIST)
    Version.objects.filter(document=document).update(state=State.FAILED, error_message="It cannot be reached.")
    for page in (url(Source.objects.get()), LIST):
        assert "The page failed It cannot be reached." in look(admin, page)


def test_a_page_that_was_read_when_it_was_added_is_in_step(
    admin: Client, manager: User, collection: Collection
) -> None:
    document = services.add_page(by=manager, collection=collection, url="https://example.org/plan.html")
    Version.objects.filter(document=document).update(state=State.READY, finished_at=timezone.now())
    document.current = document.latest
    document.save()
    assert "In step" in look(admin, LIST)
    assert "Not synced" not in look(admin, url(Source.objects.get()))


def test_options_are_those_of_the_kind(admin: Client, collection: Collection) -> None:
    add(admin, collection, "site", "https://example.org/", find="sitemap", depth=2, limit=9)
    add(admin, collection, "site", "https://example.com/", find="sitemap", sitemap="https://example.com/map.xml")
    add(admin, collection, "bucket", "papers/2024", endpoint="https://s3.example.org", region="eu", depth=1)
    add(admin, collection, "page", "https://example.org/a.pdf", region="eu", depth=1)
    assert list(Source.objects.order_by("created_at").values_list("options", flat=True)) == [
        {"limit": 9, "sitemap": "auto"},
        {"sitemap": "https://example.com/map.xml"},
        {"endpoint": "https://s3.example.org", "region": "eu"},
        {},
    ]


def test_that_no_folder_is_open_is_said_once_before_and_after(admin: Client, collection: Collection) -> None:
    before = admin.get(ADD).content.decode()
    fields = {"collection": str(collection.pk), "every_hours": "0", "kind": "folder", "address": "/etc"}
    after = admin.post(ADD, fields).content.decode()
    assert [page.count("SOURCE_FOLDERS") for page in (before, after)] == [1, 1]
    assert "Ask an administrator to name the folder there, or to run manage.py ingest on the server." in after


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kind": "site", "address": "ftp://example.org/"}, "must begin with https://"),
        ({"kind": "site", "address": ""}, "Say where it is"),
        ({"kind": "", "address": "https://example.org/"}, "Choose what kind of source it is."),
        ({"kind": "site", "address": "https://me:secret@example.org/"}, "take them out of it"),
        ({"kind": "folder", "address": "/etc"}, "Only folders below SOURCE_FOLDERS are read (none is set)."),
        ({"kind": "site", "address": "https://example.org/", "depth": "99"}, "less than or equal to 10"),
        ({"kind": "site", "address": "https://example.org/", "find": "sitemap", "sitemap": "x"}, "The option sitemap"),
        ({"collection": "", "kind": "site", "address": "https://example.org/"}, "This field is required."),
    ],
)
def test_what_cannot_be_a_source_is_refused_in_a_sentence(
    admin: Client, collection: Collection, fields: dict[str, str], sentence: str
) -> None:
    page = admin.post(ADD, {"collection": str(collection.pk), "every_hours": "0", **fields})
    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert fields["address"] in page.content.decode()
    assert not Source.objects.exists()


def test_it_is_paused_resumed_and_scheduled(admin: Client, source: Source) -> None:
    admin.post(url(source, "pause"))
    source.refresh_from_db()
    assert (source.paused, source.due_at, source.every_hours) == (True, None, 24)
    page = look(admin, url(source))
    assert "Paused (every day)" in page
    assert "Resume" in page
    admin.post(url(source, "resume"))
    admin.post(url(source, "schedule"), {"every_hours": "6"})
    source.refresh_from_db()
    assert (source.paused, source.every_hours) == (False, 6)
    refused = admin.post(url(source, "schedule"), {"every_hours": "often"}, follow=True).content.decode()
    assert "Choose how often the source is synced." in refused
    assert Source.objects.get().every_hours == 6


def test_many_at_once(admin: Client, source: Source, manager: User, collection: Collection) -> None:
    other = services.add_source(by=manager, collection=collection, kind="page", address="https://example.org/a")

    def act(action: str) -> str:
        chosen = {"action": action, "_selected_action": [str(source.pk), str(other.pk)]}
        return admin.post(LIST, chosen, follow=True).content.decode()

    assert "2 sources are paused." in act("pause_selected")
    assert Source.objects.filter(paused=True).count() == 2
    assert "2 sources are synced by schedule again." in act("resume_selected")
    Source.objects.update(due_at=None)
    assert "2 sources are synced as soon as a worker is free." in act("sync_selected")
    assert Source.objects.filter(due_at__isnull=False).count() == 2
    act("delete_selected")
    assert Source.objects.count() == 2


@pytest.mark.parametrize(("documents", "left"), [("keep", 2), ("delete", 0)])
def test_removing_it_asks_about_its_documents(
    admin: Client, collection: Collection, folder: Path, documents: str, left: int
) -> None:
    add(admin, collection, "folder", str(folder))
    source = synced(Source.objects.get())
    assert "What becomes of its 2 documents" in look(admin, url(source, "delete/"))
    admin.post(url(source, "delete/"), {"documents": documents})
    assert not Source.objects.exists()
    assert Document.objects.present().count() == left
    assert admin.get(url(source)).status_code == 302


def test_an_editor_manages_the_sources_of_their_own_collections(source: Source, editor: User) -> None:
    mine = a_collection(editor, "Mine")
    own = services.add_source(by=editor, collection=mine, kind="page", address="https://example.org/mine")
    client = browser(editor)
    listed = look(client, LIST)
    assert own.address in listed
    assert source.address not in listed
    assert source.collection.name not in listed
    assert client.post(url(own, "pause")).status_code == 302
    assert client.post(url(source, "sync")).status_code == 404
    assert client.get(url(source)).status_code == client.get(url(source, "delete/")).status_code == 302
    client.post(url(source, "delete/"), {"documents": "delete"})
    client.post(LIST, {"action": "pause_selected", "_selected_action": [str(source.pk)]})
    add(client, source.collection, "page", "https://example.org/theirs")
    assert "A folder" not in look(client, ADD)
    assert "A website" in look(client, ADD)
    add(client, mine, "bucket", "papers")
    assert Source.objects.count() == 2
    source.refresh_from_db()
    assert not source.paused
    # Documents are deleted by those who may delete documents.
    assert client.post(url(own, "delete/"), {"documents": "delete"}).status_code == 403
    assert client.post(url(own, "delete/"), {"documents": "keep"}).status_code == 302
    assert not Source.objects.filter(pk=own.pk).exists()


@pytest.mark.parametrize("staff", [True, False])
def test_nobody_else_gets_in(source: Source, redis_server: str, staff: bool) -> None:
    """Of the staff without the permission, or an editor who is not of the staff."""
    person = a_user("other", is_staff=staff)
    services.set_member(by=User.objects.get(is_superuser=True), collection=source.collection, user=person, role="owner")
    client = browser(person)
    refused = 403 if staff else 302
    for address in (LIST, ADD, url(source), url(source, "delete/")):
        answer = client.get(address)
        assert answer.status_code == refused
        assert source.address not in answer.content.decode()
    for act in ("sync", "pause", "resume", "schedule", "delete/"):
        client.post(url(source, act))
    assert not Source.objects.get().paused


def test_every_write_is_a_post(admin: Client, source: Source) -> None:
    assert [admin.get(url(source, act)).status_code for act in ("sync", "pause", "resume", "schedule")] == [405] * 4


def test_without_sources_the_list_says_so(admin: Client) -> None:
    assert "0 sources" in look(admin, LIST)

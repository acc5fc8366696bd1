"""Documents that come from elsewhere are kept in step: new, changed and vanished ones are told apart."""

from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError

from apps.documents import ingestion, services
from apps.documents.ingestion import syncing
from apps.documents.models import Collection, Document, Source, State, Version
from apps.documents.services.placing import Place
from apps.users.models import User
from tests.apps.documents.journeys import a_worker, assert_whole, ingested
from tests.apps.documents.sites import Site
from tests.factories import a_collection, a_user

pytestmark = pytest.mark.django_db(transaction=True)


def synced(source: Source) -> Source:
    ingestion.sync(source.pk, a_worker())
    source.refresh_from_db()
    return source


def a_folder_source(manager: User, collection: Collection, folder: Path, **options: object) -> Source:
    return services.add_source(by=manager, collection=collection, kind="folder", address=str(folder), **options)


def test_a_folder_is_filed_and_kept_in_step(manager: User, folder: Path) -> None:
    mine = a_collection(manager)
    source = synced(a_folder_source(manager, mine, folder))
    assert (source.outcome["new"], source.outcome["refused"], source.error, source.lease) == (2, 1, "", None)
    assert "setup.exe" in source.outcome["refusals"][0]
    documents = {each.key: ingested(each) for each in Document.objects.present()}
    assert sorted(documents) == ["bees.txt", "deep/wasps.md"]
    assert documents["bees.txt"].uploaded_by == manager

    assert synced(source).outcome.get("unchanged") == 2
    assert Version.objects.count() == 2

    (folder / "bees.txt").write_text("Bees dance and hum.")
    (folder / "deep" / "wasps.md").unlink()
    (folder / "ants.txt").write_text("Ants march.")
    outcome = synced(source).outcome
    assert (outcome["new"], outcome["changed"], outcome["vanished"]) == (1, 1, 1)
    bees = Document.objects.get(key="bees.txt")
    assert (bees.pk, bees.latest.number, bees.current) == (documents["bees.txt"].pk, 2, documents["bees.txt"].latest)
    assert Document.objects.get(pk=documents["deep/wasps.md"].pk).deleted_at
    for document in Document.objects.present():
        ingested(document)
    assert_whole(mine.pk)

    (folder / "deep" / "wasps.md").write_text("# Wasps\n\nThey are back.")
    assert synced(source).outcome["new"] == 1


def test_one_entry_that_breaks_does_not_keep_the_others_out(
    manager: User, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = syncing.placing.place

    def breaking(where: Place, **file) -> str:
        if where.key == "bees.txt":
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        return place(where, **file)

    monkeypatch.setattr(syncing.placing, "place", breaking)
    source = synced(a_folder_source(manager, a_collection(manager), folder))
    assert (source.outcome["new"], source.outcome["refused"], source.error) == (1, 2, "")
    assert any("bees.txt: It broke inside Footnote" in each for each in source.outcome["refusals"])


@pytest.mark.parametrize("error", [ValueError("A string cannot hold NUL."), KeyError("key")])
def test_one_entry_that_cannot_be_looked_up_does_not_either(
    manager: User, folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    was_deleted = syncing.placing.was_deleted

    def breaking(where: Place) -> bool:
        if where.key == "bees.txt":
            raise error
        return was_deleted(where)

    monkeypatch.setattr(syncing.placing, "was_deleted", breaking)
    source = synced(a_folder_source(manager, a_collection(manager), folder))
    assert (source.outcome["new"], source.outcome["refused"], source.error) == (1, 2, "")


@pytest.mark.parametrize("step", ["was_deleted", "place"])
def test_a_database_that_breaks_ends_the_sync(
    manager: User, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def breaking(*_: object, **__: object) -> str:
        raise OperationalError("The server closed the connection.")

    monkeypatch.setattr(syncing.placing, step, breaking)
    source = synced(a_folder_source(manager, a_collection(manager), folder))
    assert source.error.startswith("The sync broke inside Footnote")
    assert "new" not in source.outcome


def test_what_a_person_deleted_is_not_brought_back(manager: User, folder: Path) -> None:
    mine = a_collection(manager)
    source = synced(a_folder_source(manager, mine, folder))
    services.delete(by=manager, document=Document.objects.get(key="bees.txt"))
    outcome = synced(source).outcome
    assert (outcome["left_out"], outcome["unchanged"]) == (1, 1)
    assert Document.objects.present().count() == 1


def test_what_failed_is_not_filed_again_and_again(manager: User, folder: Path) -> None:
    mine = a_collection(manager)
    source = synced(a_folder_source(manager, mine, folder))
    Version.objects.update(state=State.FAILED, error_code="broken")
    cancelled = Document.objects.get(key="deep/wasps.md")
    Version.objects.filter(document=cancelled).update(state=State.CANCELLED, error_code="")
    assert synced(source).outcome["unchanged"] == 2
    assert set(Version.objects.values_list("state", flat=True)) == {State.FAILED, State.CANCELLED}
    Version.objects.filter(state=State.FAILED).update(error_code="attempts")  # that may pass
    assert synced(source).outcome["unchanged"] == 2
    assert set(Version.objects.values_list("state", flat=True)) == {State.QUEUED, State.CANCELLED}
    assert Version.objects.count() == 2


def test_a_folder_that_is_away_takes_nothing_with_it(manager: User, folder: Path) -> None:
    mine = a_collection(manager)
    source = synced(a_folder_source(manager, mine, folder, every_hours=1))
    folder.rename(folder.with_name("elsewhere"))
    try:
        source = synced(source)
    finally:
        folder.with_name("elsewhere").rename(folder)
    assert source.error
    assert source.due_at is not None
    assert Document.objects.present().count() == 2


def test_only_managers_add_folders_and_only_below_the_setting(manager: User, folder: Path, settings) -> None:
    editor = a_user()
    mine = a_collection(manager, editor=editor)
    with pytest.raises(services.NotAllowed, match="Only administrators"):
        a_folder_source(editor, mine, folder)
    for outside in ("/etc", str(folder / ".."), str(folder.parent)):
        with pytest.raises(services.Refused, match="SOURCE_FOLDERS"):
            services.add_source(by=manager, collection=mine, kind="folder", address=outside)
    settings.SOURCE_FOLDERS = []
    with pytest.raises(services.Refused, match="none is set"):
        a_folder_source(manager, mine, folder)


@pytest.mark.parametrize(
    ("kind", "address", "options"),
    [
        ("page", "ftp://example.org/a", {}),
        ("page", "", {}),
        ("page", "https://", {}),
        ("page", "https://[::1/", {}),
        ("page", "https://not an address", {}),
        ("page", "https://example..org/a", {}),
        ("page", "https://example.org:80000/", {}),
        ("page", "https://me:secret@example.org/", {}),
        ("site", "https://example.org", {"sitemap": "https://me:secret@example.org/sitemap.xml"}),
        ("site", "https://example.org", {"sitemap": "nowhere"}),
        ("site", "https://example.org", {"depth": 99}),
        ("site", "https://example.org", {"depth": "2"}),
        ("site", "https://example.org", {"shell": "rm"}),
        ("tape", "https://example.org", {}),
        ("page", "https://example.org/" + "x" * 700, {}),
    ],
)
def test_a_source_that_makes_no_sense_is_refused(owner: User, kind: str, address: str, options: dict) -> None:
    with pytest.raises(services.Refused) as caught:
        services.add_source(by=owner, collection=a_collection(owner), kind=kind, address=address, options=options)
    assert caught.value.message.endswith(".")
    assert not Source.objects.exists()


def test_a_page_is_a_document_at_once_and_fetched_by_the_worker(owner: User, site: Site) -> None:
    site.pages["/bees.html"] = b"<html><head><title>The bees</title></head><body><p>Bees dance.</p></body></html>"
    mine = a_collection(owner)
    document = services.add_page(by=owner, collection=mine, url=f"{site.url}/bees.html")
    assert (document.latest.state, document.latest.size) == (State.QUEUED, 0)
    assert services.add_page(by=owner, collection=mine, url=f"{site.url}/bees.html") == document
    assert site.asked == []
    after = ingested(document)
    assert after.latest.state == State.READY
    assert (after.latest.file_name, after.latest.media_type) == ("bees.html", "text/html")
    assert after.latest.size == len(site.pages["/bees.html"])
    assert "Bees dance." in after.latest.pages.get().text
    site.pages["/bees.html"] = b"<html><body><p>Bees hum.</p></body></html>"
    assert synced(after.source).outcome == {"changed": 1, "vanished": 0}
    assert ingested(Document.objects.get(pk=document.pk)).current.number == 2


def test_a_page_that_is_not_there_fails_with_its_reason_and_can_be_tried_again(owner: User, site: Site) -> None:
    document = services.add_page(by=owner, collection=a_collection(owner), url=f"{site.url}/later.txt")
    failed = ingested(document)
    assert failed.latest.state == State.FAILED
    assert failed.latest.error_message.endswith(".")
    site.pages["/later.txt"] = b"Here at last."
    services.retry(by=owner, document=failed)
    assert ingested(document).latest.state == State.READY


def test_no_private_address_is_asked(owner: User, site: Site, settings) -> None:
    settings.SOURCE_ALLOW = []
    site.pages["/secret.txt"] = b"secret"
    document = services.add_page(by=owner, collection=a_collection(owner), url=f"{site.url}/secret.txt")
    failed = ingested(document)
    assert failed.latest.error_code == "forbidden_address"
    assert site.asked == []


@pytest.mark.parametrize("codec", ["unicode_escape", "undefined"])
def test_titles_that_no_database_takes_do_not_end_a_sync(owner: User, site: Site, codec: str) -> None:
    head = f"<meta charset={codec}><title>Bees \\ud800 &#0;&#x1b; \N{RIGHT-TO-LEFT OVERRIDE}&#{'1' * 5000};</title>"
    site.pages["/"] = f"{head}<p>Bees dance.<a href=/ants>ants</a>".encode()
    site.pages["/ants"] = f"{head}<p>Ants march.".encode("cp1252", "replace") + b"\xe4"
    source = services.add_source(by=owner, collection=a_collection(owner), kind="site", address=f"{site.url}/")
    source = synced(source)
    assert (source.outcome.get("new"), source.outcome.get("refused"), source.error) == (2, None, "")
    page = services.add_page(by=owner, collection=a_collection(owner, "Page"), url=f"{site.url}/ants")
    for document in Document.objects.present():
        assert ingested(document).latest.state == State.READY
    page.refresh_from_db()
    assert page.title.startswith("Bees \\ud800")


def test_a_website_is_followed_by_its_links(owner: User, site: Site) -> None:
    site.pages["/"] = b"<html><body><p>Start.</p><a href='/a.html'>A</a> <a href='/b.html'>B</a></body></html>"
    site.pages["/a.html"] = b"<html><body><p>Page A.</p></body></html>"
    site.pages["/b.html"] = b"<html><body><p>Page B.</p></body></html>"
    source = services.add_source(
        by=owner, collection=a_collection(owner), kind="site", address=f"{site.url}/", options={"depth": 1, "limit": 10}
    )
    assert synced(source).outcome["new"] == 3
    del site.pages["/b.html"]
    site.pages["/"] = b"<html><body><p>Start.</p><a href='/a.html'>A</a></body></html>"
    assert synced(source).outcome["vanished"] == 1


def test_removing_a_source_keeps_its_documents_or_takes_them_along(manager: User, folder: Path) -> None:
    mine = a_collection(manager)
    source = synced(a_folder_source(manager, mine, folder))
    services.remove_source(by=manager, source=source)
    assert Document.objects.present().filter(source__isnull=True).count() == 2
    source = synced(a_folder_source(manager, mine, folder))
    services.remove_source(by=manager, source=source, documents="delete")
    assert Document.objects.present().count() == 2
    assert not list(Path(django_settings.FILE_UPLOAD_TEMP_DIR).iterdir())


def test_a_source_that_is_paused_is_synced_only_when_asked(manager: User, folder: Path) -> None:
    source = a_folder_source(manager, a_collection(manager), folder, every_hours=6)
    held = Source.objects.get(pk=source.pk)
    services.change_source(by=manager, source=held, paused=True)
    assert (synced(source).due_at, source.every_hours, source.outcome["new"]) == (None, 6, 2)
    services.change_source(by=manager, source=source, paused=False)
    assert source.due_at is not None
    again = a_folder_source(manager, source.collection, folder)
    assert (again.pk, again.every_hours) == (source.pk, 0)


def test_a_sync_that_is_paused_on_its_way_is_the_last(manager: User, folder: Path, monkeypatch) -> None:
    """The schedule that counts is the one at the end of a sync, not the one at its beginning."""
    source = a_folder_source(manager, a_collection(manager), folder, every_hours=6)

    def pause(owner: Source, seen: set[str]) -> int:
        services.change_source(by=manager, source=Source.objects.get(pk=source.pk), paused=True)
        return 0

    monkeypatch.setattr(syncing.placing, "remove_missing", pause)
    assert synced(source).due_at is None


def test_a_sync_whose_worker_died_is_taken_up_again(manager: User, folder: Path) -> None:
    source = a_folder_source(manager, a_collection(manager), folder)
    Source.objects.filter(pk=source.pk).update(lease=a_worker(alive=False), due_at=None)
    syncing.send_due()
    source.refresh_from_db()
    assert (source.lease, source.due_at is not None) == (None, True)
    Source.objects.filter(pk=source.pk).update(lease=a_worker())
    assert synced(source).synced_at is None  # in living hands
    Source.objects.filter(pk=source.pk).update(lease=None)
    assert synced(source).outcome["new"] == 2

"""The files within an archive or a mail are documents of their own, and follow what becomes of it."""

import gzip
import lzma
from collections.abc import Mapping
from pathlib import Path

import pytest
from django.db import OperationalError

from apps.documents import ingestion, selectors, services
from apps.documents.errors import ServiceUnavailable
from apps.documents.models import Collection, Document, Embedding, Page, State, Version
from apps.documents.services import placing
from apps.users.models import User
from tests.apps.documents.journeys import WatchedEmbedder, a_worker, assert_whole, ingested
from tests.factories import a_collection, a_document, a_file, a_user
from tests.files.containers import zip_of
from tests.files.mails import mail

pytestmark = pytest.mark.django_db(transaction=True)
THREE = {"bees.txt": b"Bees dance.", "deep/wasps.txt": b"Wasps build.", "ants.txt": b"Ants march."}


def read_all(embedder: WatchedEmbedder | None = None) -> WatchedEmbedder:
    """Everything that waits is read, and what was found within it."""
    embedder, worker = embedder or WatchedEmbedder(), a_worker()
    while ingestion.ingest_next(worker, embedder=embedder):
        pass
    return embedder


def an_archive(owner: User, collection: Collection, members: Mapping[str, bytes] = THREE) -> Document:
    """Read to its end, with all that is within."""
    archive = a_document(owner, collection, zip_of(members), "all.zip")
    read_all()
    archive.refresh_from_db()
    return archive


def within(document: Document) -> dict[str, Document]:
    """Its present members by their path in it."""
    return {each.key: each for each in document.children.present().select_related("latest", "current")}


def serving(document: Document) -> str:
    return " ".join(Page.objects.filter(version=document.current_id).values_list("text", flat=True))


def test_members_become_documents_with_the_rights_of_their_collection(owner: User, stranger: User) -> None:
    viewer = a_user()
    mine = a_collection(owner, viewer=viewer)
    members = within(an_archive(owner, mine))
    assert {key: serving(each) for key, each in members.items()} == {k: v.decode() for k, v in THREE.items()}
    assert members["deep/wasps.txt"].title == "wasps"
    wasps = members["deep/wasps.txt"]
    assert (wasps.uploaded_by, wasps.collection) == (owner, mine)
    for reader in (owner, viewer):
        assert selectors.page_text(reader, selectors.document_of(reader, wasps.pk), 1)["text"] == "Wasps build."
    with pytest.raises(services.NotFound):
        selectors.document_of(stranger, wasps.pk)
    with pytest.raises(services.NotAllowed):
        services.delete(by=viewer, document=wasps)
    services.remove_member(by=owner, collection=mine, user=viewer)
    with pytest.raises(services.NotFound):
        selectors.document_of(viewer, wasps.pk)
    assert_whole(mine.pk)


def test_an_archive_that_is_moved_while_it_is_read_takes_all_its_members_along(owner: User, tmp_path: Path) -> None:
    here, there = a_collection(owner), a_collection(owner, name="There")
    archive = an_archive(owner, here, {"bees.txt": b"Bees dance."})
    in_hand = Document.objects.get(pk=archive.pk)  # as the worker knows it that reads it
    services.move(by=owner, document=archive, to=there)
    (tmp_path / "file").write_bytes(b"Wasps build.")
    late = placing.Place(parent=in_hand, key="wasps.txt")
    assert placing.place(late, path=tmp_path / "file", name="wasps.txt") == "new"
    assert {each.collection for each in within(archive).values()} == {there}
    assert placing.remove_missing(in_hand, {"wasps.txt"}) == 1
    read_all()
    for collection in (here, there):
        assert_whole(collection.pk)


@pytest.mark.parametrize("setting", ["MAX_ARCHIVE_MEMBERS", "MAX_ARCHIVE_MB"])
def test_limits_are_of_all_that_lies_within_an_archive_however_deep(owner: User, settings, setting: str) -> None:
    inner = zip_of({f"{number}.txt": f"Number {number}. {'word ' * 5}".encode() for number in range(3)})
    most = {"MAX_ARCHIVE_MEMBERS": 3, "MAX_ARCHIVE_MB": (len(inner) + 50) / 1_000_000}  # each archive alone has room
    setattr(settings, setting, most[setting])
    archive = an_archive(owner, a_collection(owner), {"a.txt": b"A", "b.zip": inner})
    assert set(within(archive)) == {"a.txt", "b.zip"}
    nested = within(archive)["b.zip"]
    assert set(within(nested)) == {"0.txt"}
    assert nested.latest.state == State.READY_WITH_WARNINGS
    assert nested.latest.warnings[-1].startswith("2 of the files within were left out")
    assert setting in nested.latest.warnings[-1]


@pytest.mark.parametrize("depth", [1, 3])
def test_archives_are_followed_to_the_limit_and_told_beyond(owner: User, settings, depth: int) -> None:
    settings.MAX_ARCHIVE_DEPTH = depth
    packed = {"too deep.txt": b"Never read."}
    for level in range(depth, 0, -1):
        packed = {f"level{level}.zip": zip_of(packed), f"level{level}.txt": f"Level {level}.".encode()}
    an_archive(owner, a_collection(owner), packed)
    levels = {f"level{level}.{kind}" for level in range(1, depth + 1) for kind in ("txt", "zip")}
    assert {each.key for each in Document.objects.present()} == levels | {""}
    assert set(Version.objects.exclude(document__key=f"level{depth}.zip").values_list("state", flat=True)) == {"ready"}
    deepest = Document.objects.get(key=f"level{depth}.zip").latest
    assert deepest.state == State.READY_WITH_WARNINGS
    assert deepest.warnings == [
        f"1 of the files within was left out: too deep.txt (nested deeper than the {depth} of MAX_ARCHIVE_DEPTH)."
    ]


def test_a_mail_within_an_archive_has_its_attachment_within(owner: User) -> None:
    attached = ("minutes.txt", b"The minutes of May.")
    archive = an_archive(
        owner, a_collection(owner), {"box/hello.eml": mail("Hello", plain="See below.", attach=[attached]).as_bytes()}
    )
    letter = within(archive)["box/hello.eml"]
    assert "See below." in serving(letter)
    minutes = within(letter)["minutes.txt"]
    assert serving(minutes) == "The minutes of May."
    assert placing.family(minutes).depth == 2


@pytest.mark.parametrize(("pack", "ending"), [(lambda data: gzip.compress(data), "gz"), (lzma.compress, "xz")])
def test_a_packed_file_is_read_as_what_its_name_says(owner: User, pack, ending: str) -> None:
    document = ingested(a_document(owner, a_collection(owner), pack(b"# Bees\n\nBees dance."), f"report.md.{ending}"))
    assert document.latest.state == State.READY
    (report,) = within(document).values()
    assert (report.key, report.latest.file_name, report.latest.media_type) == (
        "report.md",
        "report.md",
        "text/markdown",
    )
    packed_again = a_document(
        owner, document.collection, zip_of({f"in/costs.csv.{ending}": pack(b"A,B\n1,2\n")}), "a.zip"
    )
    read_all()
    (inner,) = within(packed_again).values()
    assert [each.latest.media_type for each in within(inner).values()] == ["text/csv"]


def test_what_a_person_deleted_or_cancelled_is_left_so_by_every_later_reading(owner: User) -> None:
    mine = a_collection(owner)
    archive = a_document(owner, mine, zip_of(THREE), "all.zip")
    ingested(archive)
    services.cancel(by=owner, document=within(archive)["ants.txt"])
    read_all()
    services.delete(by=owner, document=within(archive)["bees.txt"])
    Version.objects.filter(pk=archive.latest_id).update(state=State.FAILED)
    services.retry(by=owner, document=archive)
    read_all()
    newer = services.replace(
        by=owner, document=archive, file=a_file(zip_of({**THREE, "bees.txt": b"Bees hum."}), "a.zip")
    )
    read_all()
    members = within(newer)
    assert Version.objects.get(pk=newer.latest_id).state == State.READY
    assert {key: each.latest.state for key, each in members.items()} == {
        "deep/wasps.txt": "ready",
        "ants.txt": "cancelled",
    }
    assert Version.objects.filter(document__in=members.values()).count() == 2
    assert_whole(mine.pk)


def test_a_new_version_of_an_archive_touches_only_what_differs(owner: User) -> None:
    mine = a_collection(owner)
    archive = an_archive(owner, mine)
    before = within(archive)
    vectors = dict(Embedding.objects.values_list("text_hash", "pk"))
    changed = {"bees.txt": THREE["bees.txt"], "deep/wasps.txt": b"Wasps sting.", "moths.txt": b"Moths fly."}
    services.replace(by=owner, document=archive, file=a_file(zip_of(changed), "all.zip"))
    seen = read_all().seen
    assert not any("Bees" in text for text in seen)
    after = within(archive)
    assert {key: (each.latest.number, serving(each)) for key, each in after.items()} == {
        "bees.txt": (1, "Bees dance."),
        "deep/wasps.txt": (2, "Wasps sting."),
        "moths.txt": (1, "Moths fly."),
    }
    assert (after["bees.txt"].pk, after["bees.txt"].current_id) == (
        before["bees.txt"].pk,
        before["bees.txt"].current_id,
    )
    assert after["deep/wasps.txt"].pk == before["deep/wasps.txt"].pk
    bees = before["bees.txt"].current.chunks.get().text_hash
    assert Embedding.objects.get(text_hash=bees).pk == vectors[bees]
    assert Document.objects.get(pk=before["ants.txt"].pk).deleted_at
    assert not Page.objects.filter(version=before["ants.txt"].current_id).exists()
    assert_whole(mine.pk)
    # Not deleted by hand: it may come back.
    services.replace(
        by=owner, document=archive, file=a_file(zip_of({**changed, "ants.txt": b"Ants march."}), "all.zip")
    )
    read_all()
    assert serving(within(archive)["ants.txt"]) == "Ants march."


def test_what_lies_within_goes_with_its_archive(owner: User, files_on_disk) -> None:
    mine = a_collection(owner)
    before = files_on_disk()
    archive = an_archive(owner, mine, {"inner.zip": zip_of(THREE), "bees.txt": b"Bees hum."})
    services.delete(by=owner, document=archive)
    assert not Document.objects.present().exists()
    assert not Page.objects.exists()
    assert not Embedding.objects.exists()
    assert files_on_disk() == before
    assert_whole(mine.pk)


def test_a_broken_member_fails_alone_and_with_its_reason(owner: User) -> None:
    broken = {"bees.txt": b"Bees dance.", "cut.pdf": b"%PDF-1.7\ngarbage", "setup.exe": b"MZ\x90\0\3", "none.txt": b""}
    archive = an_archive(owner, a_collection(owner), broken)
    archive.latest.refresh_from_db()
    assert archive.latest.state == State.READY_WITH_WARNINGS
    (warning,) = archive.latest.warnings
    assert warning.startswith("2 of the files within were left out: setup.exe (")
    assert "none.txt (" in warning
    members = within(archive)
    assert {key: each.latest.state for key, each in members.items()} == {"bees.txt": "ready", "cut.pdf": "failed"}
    failed = members["cut.pdf"].latest
    assert failed.error_code == "broken"
    assert failed.error_message
    assert failed.error_hint


@pytest.mark.parametrize(("code", "tries"), [("broken", 0), ("crashed", 1), ("attempts", 1)])
def test_a_failed_member_is_tried_again_only_where_that_may_help(owner: User, code: str, tries: int) -> None:
    mine = a_collection(owner)
    archive = an_archive(owner, mine, {"bees.txt": b"Bees dance."})
    bees = within(archive)["bees.txt"]
    Version.objects.filter(pk=bees.latest_id).update(state=State.FAILED, error_code=code)
    Version.objects.filter(pk=archive.latest_id).update(state=State.FAILED)
    services.retry(by=owner, document=archive)
    ingested(archive)
    assert Version.objects.filter(document=bees, state=State.QUEUED).count() == tries
    assert bees.events.filter(kind="retried", by=None).count() == tries
    assert bees.versions.count() == 1


def test_a_full_disk_is_not_the_members_fault(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = a_document(owner, a_collection(owner), zip_of(THREE), "all.zip")
    keep = placing.store.keep

    def full(_: object) -> str:
        raise ServiceUnavailable("storage", "The file cannot be stored now (No space left on device).")

    monkeypatch.setattr(placing.store, "keep", full)
    assert ingested(archive).latest.state == State.QUEUED
    assert "No space left" in archive.events.get(kind="retried").text
    monkeypatch.setattr(placing.store, "keep", keep)
    assert ingested(archive).latest.state == State.READY
    assert set(within(archive)) == set(THREE)


def test_a_database_that_is_away_for_a_moment_costs_no_member(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = a_document(owner, a_collection(owner), zip_of({"bees.txt": b"Bees dance."}), "all.zip")
    place, broken = placing.place, [OperationalError("the database is locked")]

    def once_broken(*args: object, **fields: object) -> str:
        if broken:
            raise broken.pop()
        return place(*args, **fields)

    monkeypatch.setattr(placing, "place", once_broken)
    monkeypatch.setattr("apps.documents.ingestion.lease.time.sleep", lambda _: None)
    assert ingested(archive).latest.state == State.READY
    assert set(within(archive)) == {"bees.txt"}


@pytest.mark.parametrize("moment", ["place", "remove_missing"])
@pytest.mark.parametrize("taken_away", ["replaced", "deleted", "cancelled"])
def test_who_lost_the_archive_files_and_removes_nothing(
    owner: User, monkeypatch: pytest.MonkeyPatch, moment: str, taken_away: str
) -> None:
    mine = a_collection(owner)
    archive = an_archive(owner, mine, {"bees.txt": b"Bees dance.", "ants.txt": b"Ants march."})
    before = set(within(archive))
    services.replace(by=owner, document=archive, file=a_file(zip_of({"moths.txt": b"Moths fly."}), "all.zip"))
    archive.refresh_from_db()
    real = getattr(placing, moment)

    def just_before(*args: object, **fields: object) -> object:
        monkeypatch.undo()
        if taken_away == "replaced":
            services.replace(by=owner, document=archive, file=a_file(zip_of({"wasps.txt": b"Wasps."}), "all.zip"))
        else:
            getattr(services, {"deleted": "delete", "cancelled": "cancel"}[taken_away])(by=owner, document=archive)
        return real(*args, **fields)

    monkeypatch.setattr(placing, moment, just_before)
    ingested(archive)
    left = set(within(archive))
    filed = {"moths.txt"} if moment == "remove_missing" else set()
    assert left == (set() if taken_away == "deleted" else before | filed)
    assert_whole(mine.pk)

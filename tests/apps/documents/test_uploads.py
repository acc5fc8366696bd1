"""A file comes in, or is refused and leaves nothing behind."""

import hashlib
import threading
import time
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import connection, transaction

from apps.documents import selectors, services, store
from apps.documents.models import Document, Source, State, Version
from apps.users.models import User
from tests.factories import a_collection, a_document, a_file, a_user


@pytest.mark.django_db
def test_an_upload_waits_under_a_uuid_with_its_hash(owner: User) -> None:
    mine = a_collection(owner)
    uploaded = services.upload(by=owner, collection=mine, file=a_file("Bees dance.", "../../etc/Bees & co.txt"))
    assert uploaded.created
    version = uploaded.document.latest
    assert version.sha256 == hashlib.sha256(b"Bees dance.").hexdigest()
    assert (version.size, version.state, version.number) == (11, State.QUEUED, 1)
    assert version.file_name == "Bees & co.txt"
    assert uploaded.document.title == "Bees & co"
    assert len(version.stored_as) == 35
    path = Path(django_settings.MEDIA_ROOT) / version.stored_as
    assert path.read_bytes() == b"Bees dance."
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.django_db
def test_a_title_is_fit_to_be_stored_and_shown(owner: User) -> None:
    title = "Bees\0 \ud800dance\n\u202eon\x1b 👩\u200d🚀 "
    uploaded = services.upload(by=owner, collection=a_collection(owner), file=a_file(), title=title)
    uploaded.document.refresh_from_db()
    assert uploaded.document.title == "Bees dance on 👩\u200d🚀"


@pytest.mark.django_db
def test_a_file_that_django_put_on_disk_is_taken_too(owner: User) -> None:
    mine = a_collection(owner)
    upload = TemporaryUploadedFile("bees.md", "text/markdown", 12, "utf-8")
    upload.write(b"# Bees dance")
    upload.flush()
    upload.seek(0)
    document = services.upload(by=owner, collection=mine, file=upload).document
    upload.close()
    original = selectors.original(owner, document)
    assert (original.file.read(), original.media_type) == (b"# Bees dance", "text/markdown")
    original.file.close()


@pytest.mark.django_db
def test_only_editors_upload(owner: User, stranger: User, files_on_disk) -> None:
    viewer, editor = a_user(), a_user()
    mine = a_collection(owner, viewer=viewer, editor=editor)
    before = files_on_disk()
    with pytest.raises(services.NotAllowed):
        services.upload(by=viewer, collection=mine, file=a_file())
    with pytest.raises(services.NotFound):
        services.upload(by=stranger, collection=mine, file=a_file())
    assert files_on_disk() == before
    assert services.upload(by=editor, collection=mine, file=a_file()).created


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "empty.pdf", "empty"),
        (b"\x7fELF\x02\x01\x01\x00" + bytes(200), "tool.exe", "unsupported"),
        (b"x" * 300_000, "large.txt", "too_large"),
    ],
)
def test_what_cannot_be_taken_leaves_nothing(owner: User, files_on_disk, settings, content, name, code) -> None:
    settings.MAX_UPLOAD_MB = 0.25
    mine = a_collection(owner)
    before = files_on_disk()
    with pytest.raises(services.Refused) as refused:
        services.upload(by=owner, collection=mine, file=a_file(content, name))
    assert refused.value.code == code
    assert refused.value.message
    assert files_on_disk() == before
    assert not Document.objects.exists()


@pytest.mark.django_db
def test_a_full_disk_is_said_and_leaves_nothing(owner: User, settings) -> None:
    mine = a_collection(owner)
    settings.FILE_UPLOAD_TEMP_DIR = Path(settings.DATA_DIR) / "not-there"
    with pytest.raises(services.ServiceUnavailable, match="cannot be stored"):
        services.upload(by=owner, collection=mine, file=a_file())
    assert not Document.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_fails_leaves_no_file(owner: User, files_on_disk) -> None:
    mine = a_collection(owner)
    gone = a_collection(owner, "Gone")
    services.delete_collection(by=owner, collection=gone)
    before = files_on_disk()
    with transaction.atomic(), pytest.raises(services.NotFound):
        services.upload(by=owner, collection=gone, file=a_file())
    document = a_document(owner, mine)
    services.delete(by=owner, document=document)
    with pytest.raises(services.NotFound):
        services.replace(by=owner, document=document, file=a_file("new"))
    assert files_on_disk() == before


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\Bericht.pdf", "Bericht.pdf"),
        ("a\u202etxt.exe", "atxt.exe"),
        ("line\nbreak\x00.pdf", "linebreak.pdf"),
        ("...", "document"),
        ("", "document"),
        (None, "document"),
        ("/", "document"),
        ("x" * 400 + ".pdf", "x" * 251 + ".pdf"),
        ("Größe.docx", "Größe.docx"),
    ],
)
def test_names_are_for_showing_only(given: str | None, shown: str) -> None:
    assert store.display_name(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Team/2024/plan.pdf", "Team/2024/plan.pdf"),
        ("../../etc/./passwd", "etc/passwd"),
        ("C:\\Users\\me//plan.pdf", "C:/Users/me/plan.pdf"),
        ("Te\u202eam/line\nbreak\x00/plan.pdf", "Team/linebreak/plan.pdf"),
        ("x" * 700 + "/plan.pdf", "…" + "x" * 590 + "/plan.pdf"),
        ("", ""),
    ],
)
def test_paths_are_for_showing_only(given: str, shown: str) -> None:
    assert store.display_path(given) == shown


@pytest.mark.django_db
def test_two_files_of_one_name_are_told_apart_by_their_folder(owner: User) -> None:
    mine = a_collection(owner)
    for year in ("2023", "2024"):
        file = a_file(f"The plan of {year}.", "plan.txt")
        services.upload(by=owner, collection=mine, file=file, path=f"Team/{year}/plan.txt")
    rows = selectors.progress_rows(Document.objects.filter(collection=mine))
    assert {(row["file_name"], row["folder"]) for row in rows} == {("plan.txt", "Team/2023"), ("plan.txt", "Team/2024")}


@pytest.mark.django_db
def test_the_same_file_again(owner: User, files_on_disk) -> None:
    mine, other = a_collection(owner), a_collection(owner, "Other")
    first = services.upload(by=owner, collection=mine, file=a_file()).document
    before = files_on_disk()
    again = services.upload(by=owner, collection=mine, file=a_file(name="copy.txt"))
    assert (again.document.pk, again.created) == (first.pk, False)
    assert files_on_disk() == before
    assert services.upload(by=owner, collection=mine, file=a_file(), duplicates="keep").document.pk != first.pk
    assert services.upload(by=owner, collection=other, file=a_file()).created
    elsewhere = services.upload(by=owner, collection=mine, file=a_file(name="copy.txt"), duplicates="replace")
    assert (elsewhere.document.pk, elsewhere.created, elsewhere.replaced) == (first.pk, False, False)
    with pytest.raises(services.Refused, match="skip, replace, keep"):
        services.upload(by=owner, collection=mine, file=a_file(), duplicates="maybe")


@pytest.mark.django_db
def test_a_changed_file_of_the_same_name_and_folder_is_the_next_version(owner: User) -> None:
    mine = a_collection(owner)

    def send(text: str, path: str = "Team/plan.txt", duplicates: str = "replace") -> services.Uploaded:
        return services.upload(
            by=owner, collection=mine, file=a_file(text, "plan.txt"), path=path, duplicates=duplicates
        )

    first = send("The first plan.").document
    changed = send("The second plan.")
    assert (changed.document.pk, changed.replaced, changed.document.latest.number) == (first.pk, True, 2)
    again = send("The second plan.")
    assert (again.document.pk, again.created, again.replaced, again.document.latest.number) == (
        first.pk,
        False,
        False,
        2,
    )
    assert send("The third plan.", "Other/plan.txt").created
    assert selectors.namesake_notice(changed.document) == ""
    beside = send("The fourth plan.", duplicates="skip")
    assert beside.created
    assert "“plan.txt” was already here" in selectors.namesake_notice(beside.document)


@pytest.mark.django_db
@pytest.mark.parametrize("of_a_source", [True, False])
def test_members_and_documents_of_sources_are_no_namesakes(owner: User, of_a_source: bool) -> None:
    mine = a_collection(owner)
    kept = a_document(owner, mine, "one", "plan.txt")
    if of_a_source:
        kept.source = Source.objects.create(collection=mine, kind="folder", address="/plans")
    else:
        kept.parent = a_document(owner, mine, "outer", "outer.txt")
    kept.save()
    uploaded = services.upload(by=owner, collection=mine, file=a_file("two", "plan.txt"), duplicates="replace")
    assert uploaded.created
    assert selectors.namesake_notice(uploaded.document) == ""


@pytest.mark.django_db
def test_what_an_earlier_version_took_over_from_can_come_again(owner: User) -> None:
    mine = a_collection(owner)
    document = a_document(owner, mine, "one", "plan.txt")
    first = document.latest
    services.replace(by=owner, document=document, file=a_file("two", "plan.txt"))
    document.versions.update(state=State.READY)
    Document.objects.update(current=first)  # rolled back
    served = services.upload(by=owner, collection=mine, file=a_file("one", "plan.txt"), duplicates="replace")
    assert not served.replaced
    assert document.versions.count() == 2
    undone = services.upload(by=owner, collection=mine, file=a_file("two", "plan.txt"), duplicates="replace")
    assert undone.replaced


@pytest.mark.django_db
def test_a_document_replaced_by_its_own_bytes_stays_as_it_is(owner: User, files_on_disk) -> None:
    mine = a_collection(owner)
    document = a_document(owner, mine, "one", "plan.txt")
    before = files_on_disk()
    same = services.replace(by=owner, document=document, file=a_file("one", "other name.txt"))
    assert (same.latest, document.versions.count()) == (document.latest, 1)
    Version.objects.update(state=State.FAILED, error_code="attempts")
    again = services.replace(by=owner, document=document, file=a_file("one"))
    assert (again.latest.pk, again.latest.state) == (document.latest.pk, State.QUEUED)
    assert files_on_disk() == before


@pytest.mark.django_db
def test_a_failed_file_uploaded_again_is_tried_again(owner: User) -> None:
    mine = a_collection(owner)
    first = services.upload(by=owner, collection=mine, file=a_file()).document
    Version.objects.update(state=State.FAILED, error_code="attempts", attempts=3)
    again = services.upload(by=owner, collection=mine, file=a_file())
    assert again.document.pk == first.pk
    assert (again.document.latest.state, again.document.latest.attempts) == (State.QUEUED, 0)
    event = again.document.events.first()
    assert (event.kind, event.by, event.text) == ("retried", owner, "The same file was uploaded again.")


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("duplicates", ["skip", "replace"])
def test_the_same_file_from_many_at_once_is_kept_once(owner: User, files_on_disk, duplicates: str) -> None:
    mine = a_collection(owner)
    if duplicates == "replace":
        a_document(owner, mine, "what was there")
    before = files_on_disk()
    start = threading.Barrier(6)
    made: list[services.Uploaded] = []

    def send() -> None:
        start.wait()
        try:
            made.append(services.upload(by=owner, collection=mine, file=a_file(), duplicates=duplicates))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    assert sum(each.created or each.replaced for each in made) == 1
    assert sum(each.replaced for each in made) == (duplicates == "replace")
    assert Document.objects.count() == 1
    assert len(files_on_disk() - before) == 1


@pytest.mark.django_db(transaction=True)
def test_without_a_broker_an_upload_is_accepted_within_two_seconds(owner: User, nobody_answers: None) -> None:
    mine = a_collection(owner)
    begin = time.monotonic()
    document = services.upload(by=owner, collection=mine, file=a_file()).document
    assert time.monotonic() - begin < 2
    assert selectors.document_json(document)["status"] == "queued"


@pytest.mark.django_db
def test_the_queue_has_places(owner: User) -> None:
    mine = a_collection(owner)
    documents = [a_document(owner, mine, f"text {n}") for n in range(3)]
    assert [selectors.document_json(each)["position"] for each in documents] == [1, 2, 3]
    listed = selectors.documents_json(selectors.documents_of(owner, collection=mine))
    assert [row["position"] for row in listed] == [3, 2, 1]


@pytest.mark.django_db
def test_lists_are_narrowed_by_state_and_title(owner: User, stranger: User) -> None:
    mine = a_collection(owner)
    bees = a_document(owner, mine, "one", "bees.txt")
    a_document(owner, mine, "two", "wasps.txt")
    assert [each.pk for each in selectors.documents_of(owner, q="BEE")] == [bees.pk]
    assert selectors.documents_of(owner, status="queued").count() == 2
    assert not selectors.documents_of(stranger).exists()
    with pytest.raises(services.Refused, match="queued, extracting"):
        selectors.documents_of(owner, status="lost")

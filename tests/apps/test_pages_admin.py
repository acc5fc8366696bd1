"""Collections and documents in the admin panel: who gets in, uploading, retrying, deleting."""

import json

import pytest
from django.contrib.admin import ModelAdmin, site
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory

from apps.documents.models import Change, Collection, Document, Membership, State, Version
from apps.users.models import User
from tests.factories import a_document, a_user

pytestmark = pytest.mark.django_db
BASE = "/admin/documents"


def upload(client: Client, collection: Collection, name: str = "a.txt", content: bytes = b"Some words.", **more: str):
    file = SimpleUploadedFile(name, content)
    return client.post(f"{BASE}/collection/{collection.pk}/upload/file", {"file": file, **more})


def post_json(client: Client, url: str, body: object):
    return client.post(url, json.dumps(body), content_type="application/json")


def fail(document: Document) -> None:
    Version.objects.filter(pk=document.latest_id).update(
        state=State.FAILED, error_code="broken", error_message="It is broken.", error_hint="Mend it."
    )


def test_a_file_is_taken_and_its_progress_told(admin: Client, collection: Collection) -> None:
    taken = upload(admin, collection, "guide.txt")
    assert taken.status_code == 202
    document = taken.json()["document"]
    assert (document["title"], document["status"], document["position"]) == ("guide", "queued", 1)
    asked = post_json(
        admin, f"{BASE}/collection/{collection.pk}/upload/progress", {"ids": [document["id"], "nonsense"]}
    )
    assert [row["id"] for row in asked.json()["documents"]] == [document["id"]]
    page = admin.get(f"{BASE}/collection/{collection.pk}/upload/").content.decode()
    assert document["id"] in page


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [("a.txt", b"", "is empty"), ("a.exe", b"MZ\0\0\0\x01", "format is not taken; PDF, DOCX")],
)
def test_what_cannot_be_taken_is_refused_in_a_sentence(
    admin: Client, collection: Collection, name: str, content: bytes, sentence: str
) -> None:
    refused = upload(admin, collection, name, content)
    assert refused.status_code == 400
    assert sentence in refused.json()["message"]
    assert not Document.objects.exists()


def test_pasted_text_and_a_file_of_a_folder_are_named(admin: Client, collection: Collection) -> None:
    text = upload(admin, collection, "Notes.txt", b"Bees hum.", title="Notes / bees").json()["document"]
    assert (text["title"], text["file_name"]) == ("Notes / bees", "Notes.txt")
    for year in ("2023", "2024"):
        plan = upload(admin, collection, "plan.txt", f"The plan of {year}.".encode(), path=f"Team/{year}/plan.txt")
        assert plan.json()["document"]["folder"] == f"Team/{year}"
    listed = admin.get(f"{BASE}/document/", {"q": "Team/2024"}).content.decode()
    assert "in Team/2024" in listed
    assert "in Team/2023" not in listed
    document = Document.objects.get(key="Team/2024/plan.txt")
    assert "Team/2024/plan.txt" in admin.get(f"{BASE}/document/{document.pk}/change/").content.decode()


def test_a_page_is_taken_by_its_address(admin: Client, collection: Collection) -> None:
    def send(address: str):
        return admin.post(f"{BASE}/collection/{collection.pk}/upload/page", {"url": address})

    taken = send("https://example.org/docs/bees.html")
    assert (taken.status_code, taken.json()["created"]) == (202, True)
    document = Document.objects.get()
    assert taken.json()["document"]["folder"] == document.source.address == "https://example.org/docs/bees.html"
    fail(document)
    again = send("https://example.org/docs/bees.html").json()["document"]
    assert (again["id"], again["status"]) == (str(document.pk), "queued")
    for address in ("", "ftp://example.org/", "https://me:secret@example.org/", "https://[example"):
        refused = send(address)
        assert refused.status_code == 400
        assert refused.json()["message"].endswith(".")
    assert Document.objects.count() == 1


def test_no_file_and_an_unknown_way_with_duplicates_are_refused(admin: Client, collection: Collection) -> None:
    assert admin.post(f"{BASE}/collection/{collection.pk}/upload/file").json()["code"] == "no_file"
    assert upload(admin, collection, duplicates="eat").json()["code"] == "bad_duplicates"


def test_the_same_file_is_skipped_unless_both_are_kept(admin: Client, collection: Collection) -> None:
    first = upload(admin, collection).json()
    second = upload(admin, collection).json()
    assert (first["created"], second["created"]) == (True, False)
    assert first["document"]["id"] == second["document"]["id"]
    assert upload(admin, collection, duplicates="keep").json()["created"] is True
    assert Document.objects.count() == 2


def test_a_failed_document_says_why_and_is_retried(admin: Client, manager: User, collection: Collection) -> None:
    document = a_document(manager, collection)
    fail(document)
    page = admin.get(f"{BASE}/document/{document.pk}/change/").content.decode()
    assert "It is broken." in page
    assert "Mend it." in page
    assert "broken" in page
    assert admin.post(f"{BASE}/document/{document.pk}/retry").status_code == 302
    assert Version.objects.get(pk=document.latest_id).state == State.QUEUED
    asked = {"act": "cancel", "ids": [str(document.pk), "nonsense"]}
    acted = post_json(admin, f"{BASE}/collection/{collection.pk}/upload/act", asked).json()
    assert [row["status"] for row in acted["documents"]] == ["cancelled"]
    assert acted["refused"] == []


@pytest.mark.parametrize(
    ("code", "helps"),
    [
        ("encrypted", False),
        ("broken", False),
        ("empty", False),
        ("no_text", False),
        ("too_large", True),
        ("attempts", True),
    ],
)
def test_another_try_is_offered_only_where_it_may_help(
    admin: Client, manager: User, collection: Collection, code: str, helps: bool
) -> None:
    document = a_document(manager, collection)
    fail(document)
    Version.objects.filter(pk=document.latest_id).update(error_code=code)
    assert ("/retry" in admin.get(f"{BASE}/document/{document.pk}/change/").content.decode()) is helps
    asked = post_json(admin, f"{BASE}/collection/{collection.pk}/upload/progress", {"ids": [str(document.pk)]})
    assert asked.json()["documents"][0]["error"].get("permanent", False) is not helps


def test_retrying_and_cancelling_are_not_done_by_a_link(admin: Client, manager: User, collection: Collection) -> None:
    document = a_document(manager, collection)
    for act in ("retry", "cancel"):
        assert admin.get(f"{BASE}/document/{document.pk}/{act}").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(manager)
    assert strict.post(f"{BASE}/document/{document.pk}/cancel").status_code == 403
    assert upload(strict, collection).status_code == 403


def test_the_list_counts_states_and_narrows_to_one(admin: Client, manager: User, collection: Collection) -> None:
    fail(a_document(manager, collection, "one", "one.txt"))
    a_document(manager, collection, "two", "two.txt")
    page = admin.get(f"{BASE}/document/", {"collection__id__exact": str(collection.pk)}).content.decode()
    assert "<b>1</b> failed" in page
    assert "<b>1</b> queued" in page
    assert f"{BASE}/collection/{collection.pk}/upload/" in page
    found = admin.get(f"{BASE}/document/", {"q": "two", "status": "failed"}).content.decode()
    assert "<b>1</b> in all" in found
    assert "<b>1</b> queued" in found
    assert "</b> failed" not in found
    narrowed = admin.get(f"{BASE}/document/", {"status": "failed"}).content.decode()
    assert "one" in narrowed
    assert "two.txt" not in narrowed
    assert admin.get(f"{BASE}/document/", {"collection__id__exact": "nonsense"}).status_code in (200, 302)


def test_deleting_goes_through_the_service(admin: Client, manager: User, collection: Collection) -> None:
    one, two = (a_document(manager, collection, text, f"{text}.txt") for text in ("one", "two"))
    assert admin.get(f"{BASE}/document/{one.pk}/delete/").status_code == 200
    admin.post(f"{BASE}/document/{one.pk}/delete/", {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [str(two.pk)], "post": "yes"}
    admin.post(f"{BASE}/document/", chosen)
    for document in (one, two):
        document.refresh_from_db()
        assert document.deleted_at is not None
        assert document.versions.get().stored_as == ""
    assert "one" not in admin.get(f"{BASE}/document/").content.decode().partition("<tbody")[2]


def test_deleting_says_what_goes_and_what_stays(admin: Client, manager: User, collection: Collection) -> None:
    document = a_document(manager, collection)
    chosen = {"action": "delete_selected", "_selected_action": [str(document.pk)]}
    for page in (
        admin.get(f"{BASE}/document/{document.pk}/delete/"),
        admin.post(f"{BASE}/document/", chosen),
        admin.get(f"{BASE}/collection/{collection.pk}/delete/"),
        admin.post(f"{BASE}/collection/", {**chosen, "_selected_action": [str(collection.pk)]}),
    ):
        assert page.status_code == 200
        words = page.content.decode()
        assert "not found from that moment on; text, passages, pages and file are gone" in words
        assert "Old answers keep their words, also those they quoted" in words
        assert "related items" not in words
    assert Document.objects.filter(deleted_at__isnull=True).count() == 1


def test_states_and_numbers_are_in_the_words_of_the_upload_page(
    admin: Client, manager: User, collection: Collection
) -> None:
    document = a_document(manager, collection)
    version = Version.objects.filter(pk=document.latest_id)
    version.update(state=State.EMBEDDING, progress_done=64, progress_total=130, page_count=1, chunk_count=130)
    listed = admin.get(f"{BASE}/document/").content.decode()
    assert "Indexing passage 64 of 130" in listed
    assert "<b>1</b> indexing" in listed
    page = admin.get(f"{BASE}/document/{document.pk}/change/").content.decode()
    assert "1 page, 130 passages" in page
    assert "1 attempt" not in page
    version.update(
        state=State.FAILED, error_code="encrypted", error_message="It is locked.", page_count=0, chunk_count=0
    )
    version.update(attempts=2)
    page = admin.get(f"{BASE}/document/{document.pk}/change/").content.decode()
    assert "0 pages" not in page
    assert "2 attempts" in page
    assert "Code:" not in page


def members(*rows: dict[str, str]) -> dict[str, str]:
    form = {"memberships-TOTAL_FORMS": str(len(rows)), "memberships-INITIAL_FORMS": str(sum("id" in r for r in rows))}
    for n, row in enumerate(rows):
        form |= {f"memberships-{n}-{name}": value for name, value in row.items()}
    return form


def test_a_collection_is_made_with_its_maker_as_owner_and_its_members(admin: Client, manager: User) -> None:
    reader = a_user()
    form = {"name": "Policies", "description": "", "questions": "What holds?\n\n Who decides? "}
    rows = members({"user": str(reader.pk), "group": "", "role": "viewer"})
    made = admin.post(f"{BASE}/collection/add/", form | rows)
    assert made.status_code == 302, made.content.decode()
    collection = Collection.objects.get(name="Policies")
    assert made.headers["Location"] == f"{BASE}/collection/{collection.pk}/upload/"
    filling = admin.get(made.headers["Location"]).content.decode()
    assert "was added successfully" in filling
    assert '<span class="admin-trail-name">Policies</span>' in filling
    assert collection.starter_questions == ["What holds?", "Who decides?"]
    roles = dict(collection.memberships.values_list("user__email", "role"))
    assert roles == {manager.email: "owner", reader.email: "viewer"}


def test_the_last_owner_is_not_taken_out(admin: Client, collection: Collection) -> None:
    owner = Membership.objects.get(collection=collection)
    row = {"id": str(owner.pk), "user": str(owner.user_id), "group": "", "role": "owner", "DELETE": "on"}
    form = {"name": "Handbook 2", "description": "", "questions": ""}
    page = admin.post(f"{BASE}/collection/{collection.pk}/change/", form | members(row), follow=True)
    assert "at least one owner" in page.content.decode()
    assert Membership.objects.filter(pk=owner.pk).exists()
    collection.refresh_from_db()
    assert collection.name == "Handbook 2"


def test_a_collection_is_deleted_with_all_it_holds(admin: Client, manager: User, collection: Collection) -> None:
    a_document(manager, collection)
    admin.post(f"{BASE}/collection/{collection.pk}/delete/", {"post": "yes"})
    assert not Collection.objects.exists()
    assert not Document.objects.exists()
    assert not Change.objects.exists()


def test_the_original_is_a_download(admin: Client, manager: User, collection: Collection) -> None:
    document = a_document(manager, collection, b"words of the original")
    response = admin.get(f"{BASE}/document/{document.pk}/original")
    assert b"".join(response) == b"words of the original"
    assert response.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("staff", [False, True], ids=["a member", "staff without the permission"])
def test_others_do_not_get_in(collection: Collection, manager: User, staff: bool) -> None:
    document = a_document(manager, collection)
    client = Client()
    client.force_login(a_user("other", is_staff=staff))
    pages = [f"collection/{collection.pk}/{page}/" for page in ("upload", "retrieval")]
    for path in (*pages, f"document/{document.pk}/original", "document/", "collection/"):
        assert client.get(f"{BASE}/{path}").status_code in (302, 403), path
    assert upload(client, collection).status_code in (302, 403)
    assert client.post(f"{BASE}/document/{document.pk}/cancel").status_code in (302, 403)
    assert Document.objects.count() == 1


def test_what_is_not_there_is_404(admin: Client) -> None:
    nowhere = "00000000-0000-7000-8000-000000000000"
    assert admin.get(f"{BASE}/collection/{nowhere}/upload/").status_code == 404
    assert admin.get(f"{BASE}/collection/{nowhere}/retrieval/").status_code == 404
    assert admin.get(f"{BASE}/document/{nowhere}/original").status_code == 404
    assert admin.post(f"{BASE}/document/{nowhere}/retry").status_code == 404


def test_the_menu_shows_each_only_what_they_may_see() -> None:
    boss, clerk = Client(), Client()
    boss.force_login(User.objects.create_superuser("menu@example.org"))
    limited = User.objects.create_user("clerk@example.org", is_staff=True)
    limited.user_permissions.add(Permission.objects.get(codename="view_usage"))
    clerk.force_login(limited)
    for model in ("documents/collection", "users/user", "inference/endpoint", "axes/accessattempt"):
        assert f'href="/admin/{model}/"' in boss.get("/admin/inference/usage/").content.decode()
        assert "Back to the chat" in clerk.get("/admin/inference/usage/").content.decode()
        assert f'href="/admin/{model}/"' not in clerk.get("/admin/inference/usage/").content.decode()


def of_ours() -> list[ModelAdmin]:
    """Every admin of our own models, from the site itself, so that a new one is tested from its first day."""
    return [each for model, each in site._registry.items() if model.__module__.startswith(("apps.", "django."))]


@pytest.mark.parametrize("each", of_ours(), ids=lambda each: each.model._meta.label)
def test_no_list_can_be_asked_for_what_it_does_not_show(each: ModelAdmin, rf: RequestFactory) -> None:
    request = rf.get("/")
    request.user = User(is_superuser=True, is_active=True)
    for field in each.model._meta.get_fields():
        for ending in ("startswith", "regex", "contains", "password__startswith", "owner__email__gt"):
            assert not each.lookup_allowed(f"{field.name}__{ending}", "a", request), field.name
    assert not each.lookup_allowed("created_at__year", "99999", request)


def test_a_key_of_an_endpoint_cannot_be_guessed_letter_by_letter(db: None) -> None:
    clerk = Client()
    limited = User.objects.create_user("guesser@example.org", is_staff=True)
    limited.user_permissions.add(Permission.objects.get(codename="view_endpoint"))
    clerk.force_login(limited)
    assert clerk.get("/admin/inference/endpoint/?enabled__exact=1").status_code == 200
    assert clerk.get("/admin/inference/endpoint/?api_key__startswith=s").status_code == 400


def test_the_admin_begins_with_the_collections(admin: Client) -> None:
    """Not with Django's index of apps, nor is one of an app left."""
    for address in ("/admin/", "/admin/documents/", "/admin/axes/"):
        assert admin.get(address).headers["Location"] == f"{BASE}/collection/"


def test_staff_begin_with_what_they_may_see(client: Client) -> None:
    person = a_user("helper", is_staff=True)
    client.force_login(person)
    assert client.get("/admin/").status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="view_answer"))
    assert client.get("/admin/").headers["Location"] == "/admin/chat/answer/"

"""/api/v1/documents: uploads and what becomes of them. What workers do is tested elsewhere."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from apps.documents.models import Document, State, Version
from tests.apps.api.conftest import TEXT, Api, Library, assert_one_shape

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def a_file(text: str | bytes = "Wasps build paper nests.", name: str = "wasps.txt") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode() if isinstance(text, str) else text)


@pytest.fixture
def documents(library: Library) -> str:
    return f"/api/v1/collections/{library.collection.pk}/documents"


def test_a_file_is_queued(api: Api, documents: str) -> None:
    told = api.send("POST", documents, {"file": a_file(), "title": "Nests", "path": "Insects/bees/nests.txt"})
    assert told.json()["key"] == "Insects/bees/nests.txt"
    assert told.status_code == 202
    body = told.json()
    assert (body["title"], body["status"], body["position"], body["version"]) == ("Nests", "queued", 1, 1)
    assert body["progress"] == {"stage": "queued", "done": 0, "total": 0}
    assert body["error"] is None
    again = api.call("GET", f"/api/v1/documents/{body['id']}").json()
    assert {**again, "elapsed": 0, "notice": ""} == {**body, "elapsed": 0}


def test_the_same_bytes_are_there_already(api: Api, documents: str, library: Library) -> None:
    told = api.send("POST", documents, {"file": a_file(TEXT)})
    assert (told.status_code, told.json()["id"]) == (200, str(library.document.pk))
    kept = api.send("POST", documents, {"file": a_file(TEXT), "duplicates": "keep"})
    assert kept.status_code == 202
    assert kept.json()["id"] != str(library.document.pk)
    assert kept.json()["notice"] == ""


def test_a_changed_file_of_a_name_that_is_there(api: Api, documents: str) -> None:
    first = api.send("POST", documents, {"file": a_file("One.", "plan.txt")}).json()
    told = api.send("POST", documents, {"file": a_file("Two.", "plan.txt"), "duplicates": "replace"})
    assert (told.status_code, told.json()["id"], told.json()["version"]) == (202, first["id"], 2)
    beside = api.send("POST", documents, {"file": a_file("Three.", "plan.txt")})
    assert beside.status_code == 202
    assert "“plan.txt” was already here" in beside.json()["notice"]


def test_many_files_are_each_told(api: Api, documents: str) -> None:
    files = [a_file("One."), a_file(b"", "empty.txt"), a_file("Two.", "two.txt")]
    told = api.send("POST", documents, {"files": files})
    assert told.status_code == 202
    assert [row["status"] for row in told.json()["results"]] == ["queued", "queued"]
    assert [(row["file"], row["error"]["code"]) for row in told.json()["refused"]] == [("empty.txt", "empty")]


def test_text_is_taken_as_json(api: Api, documents: str) -> None:
    told = api.call("POST", documents, {"text": "Hornets are large wasps.", "title": "Hornets / large"})
    assert told.status_code == 202
    assert told.json()["title"] == "Hornets / large"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "file"),
        ({"text": "x"}, "title"),
        ({"text": "", "title": "x"}, "text"),
        ({"url": "ftp://example.org/x.pdf"}, "https://"),
        ({"url": "https://example.org/x.pdf", "text": "x", "title": "y"}, "one `file`"),
        ({"text": "x", "title": "a\0b"}, "title"),
        ({"file": "x"}, "file"),
    ],
)
def test_refuses_json_with_a_sentence(api: Api, documents: str, body: dict, says: str) -> None:
    before = Document.objects.count()
    assert says in assert_one_shape(api.call("POST", documents, body), 400)["message"]
    assert Document.objects.count() == before


def test_refuses_files_with_a_sentence(api: Api, documents: str, settings: Settings) -> None:
    before = Document.objects.count()
    assert_one_shape(api.send("POST", documents, {"file": a_file(b"")}), 400)
    elf = assert_one_shape(api.send("POST", documents, {"file": a_file(b"\x7fELF\x02\x01\x01" + bytes(99), "x.pdf")}))
    assert elf["status"] in (400, 415)
    assert_one_shape(api.send("POST", documents, {"file": "no file"}), 400)
    assert_one_shape(api.send("POST", documents, {}), 400)
    assert_one_shape(api.send("POST", documents, {"file": a_file(), "no_such": "x"}), 400)
    assert_one_shape(api.send("POST", documents, {"file": a_file(), "duplicates": "maybe"}), 400)
    settings.MAX_UPLOAD_MB = 0.001
    assert_one_shape(api.send("POST", documents, {"file": a_file("x" * 2000)}), 413)
    assert Document.objects.count() == before


@pytest.mark.parametrize(
    "body", [b"", b"--x\r\n", b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\n", b"\0" * 99]
)
def test_refuses_broken_multipart(api: Api, documents: str, body: bytes) -> None:
    response = api.call("POST", documents, data=body, content_type="multipart/form-data; boundary=x")
    assert_one_shape(response, 400)
    assert_one_shape(api.call("POST", documents, data=body, content_type="multipart/form-data"), 400)


def test_lists_by_status_and_title(api: Api, documents: str, library: Library) -> None:
    api.send("POST", documents, {"file": a_file(), "title": "Nests"})
    ids = lambda query: [row["title"] for row in api.call("GET", f"{documents}?{query}").json()["results"]]  # noqa: E731
    assert ids("") == ["Nests", "bees"]
    assert ids("status=ready") == ["bees"]
    assert ids("q=nes") == ["Nests"]
    assert "queued" in assert_one_shape(api.call("GET", f"{documents}?status=done"), 400)["message"]


def test_is_cancelled_and_tried_again(api: Api, documents: str) -> None:
    path = f"/api/v1/documents/{api.send('POST', documents, {'file': a_file()}).json()['id']}"
    assert api.call("POST", f"{path}/cancel").json()["status"] == "cancelled"
    again = api.call("POST", f"{path}/retry")
    assert (again.status_code, again.json()["status"]) == (202, "queued")


def test_what_is_ready_is_not_tried_again(api: Api, library: Library) -> None:
    assert_one_shape(api.call("POST", f"/api/v1/documents/{library.document.pk}/retry"), 409)


def test_why_it_failed_is_told(api: Api, library: Library) -> None:
    Version.objects.update(
        state=State.FAILED, error_code="encrypted", error_message="It is locked.", error_hint="Unlock."
    )
    told = api.call("GET", f"/api/v1/documents/{library.document.pk}").json()
    assert told["status"] == "failed"
    assert told["error"] == {"code": "encrypted", "message": "It is locked.", "hint": "Unlock."}


def test_of_files_sent_under_one_name_none_is_dropped_without_a_word(api: Api, library: Library) -> None:
    path = f"/api/v1/collections/{library.collection.pk}/documents"
    before = Document.objects.count()
    refused = api.send("POST", path, {"file": [a_file("One.", "one.txt"), a_file("Two.", "two.txt")]})
    assert "send them as `files`" in str(assert_one_shape(refused, 400)["details"])
    assert Document.objects.count() == before


def test_a_file_is_replaced_under_the_same_id(api: Api, library: Library) -> None:
    path = f"/api/v1/documents/{library.document.pk}"
    told = api.send("PUT", f"{path}/file", {"file": a_file("New.", "new.txt")})
    assert told.status_code == 202, told.content
    body = told.json()
    assert (body["id"], body["version"], body["serving_version"]) == (str(library.document.pk), 2, 1)
    assert_one_shape(api.send("PUT", f"{path}/file", {}), 400)
    old = api.call("GET", f"{path}/chunks?version={library.document.current_id}").json()
    assert [row["text"] for row in old["results"]] == [TEXT]
    again = api.send("PUT", f"{path}/file", {"file": a_file("New.", "new.txt")})
    assert (again.status_code, again.json()["version"]) == (202, 2)  # it is still on its way
    Version.objects.update(state=State.READY)
    again = api.send("PUT", f"{path}/file", {"file": a_file("Newer.", "new.txt")})
    assert (again.status_code, again.json()["version"]) == (202, 3)


def test_chunks_are_spans_of_their_page(api: Api, library: Library) -> None:
    row = api.call("GET", f"/api/v1/documents/{library.document.pk}/chunks?limit=1").json()["results"][0]
    assert row["id"] == str(library.chunk.pk)
    assert row["page"] == 1
    assert TEXT[row["start"] : row["end"]] == row["text"]


def test_the_original_is_a_download_that_runs_nothing(api: Api, documents: str) -> None:
    script = "<!doctype html><title>Page</title><p>Hello there, reader.</p><script>alert(1)</script>"
    page = a_file(script, 'x".html')
    made = api.send("POST", documents, {"file": page}).json()
    response = api.call("GET", f"/api/v1/documents/{made['id']}/original")
    assert b"".join(response).decode() == script
    assert response["Content-Disposition"].startswith("attachment;")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Type"] == "application/octet-stream"
    assert "sandbox" in response["Content-Security-Policy"]


@pytest.mark.parametrize("n", ["0", "2", "-1", "x", "9" * 30, "%00", "١"])
def test_pages_that_are_not_there(api: Api, library: Library, n: str) -> None:
    assert_one_shape(api.call("GET", f"/api/v1/documents/{library.document.pk}/pages/{n}.png"), 404)


def test_is_deleted(api: Api, library: Library) -> None:
    path = f"/api/v1/documents/{library.document.pk}"
    assert api.call("DELETE", path).status_code == 204
    for rest in ("", "/chunks", "/original", "/pages/1.png"):
        assert_one_shape(api.call("GET", f"{path}{rest}"), 404)
    assert_one_shape(api.call("DELETE", path), 404)

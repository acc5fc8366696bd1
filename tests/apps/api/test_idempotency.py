"""The header Idempotency-Key."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.documents.models import Document
from apps.users.models import IdempotencyKey
from tests.apps.api.conftest import Api, Library, assert_one_shape

pytestmark = [pytest.mark.django_db, pytest.mark.services]
KEY = {"Idempotency-Key": "first"}
TEXT = {"text": "Wasps build nests.", "title": "Wasps", "duplicates": "keep"}


@pytest.fixture
def documents(library: Library) -> str:
    return f"/api/v1/collections/{library.collection.pk}/documents"


def test_sent_twice_is_done_once(api: Api, documents: str) -> None:
    before = Document.objects.count()
    first = api.call("POST", documents, TEXT, headers=KEY)
    second = api.call("POST", documents, TEXT, headers=KEY)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert second["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert Document.objects.count() == before + 1


def test_files_are_compared_by_their_bytes(api: Api, documents: str) -> None:
    def send(text: bytes) -> object:
        fields = {"file": SimpleUploadedFile("a.txt", text), "duplicates": "keep"}
        return api.send("POST", documents, fields, headers=KEY)

    first, second = send(b"One text."), send(b"One text.")
    assert first.json()["id"] == second.json()["id"]
    assert_one_shape(send(b"Two text."), 422)


def test_another_key_and_no_key_are_another_request(api: Api, documents: str) -> None:
    ids = {
        api.call("POST", documents, TEXT, headers=headers).json()["id"]
        for headers in (KEY, {"Idempotency-Key": "second"}, {}, {})
    }
    assert len(ids) == 4


def test_a_key_is_its_accounts_own(api: Api, foreign: Api, documents: str) -> None:
    own = foreign.call("POST", "/api/v1/collections", {"name": "Mine"}).json()["id"]
    first = api.call("POST", documents, TEXT, headers=KEY)
    second = foreign.call("POST", f"/api/v1/collections/{own}/documents", TEXT, headers=KEY)
    assert second.status_code == 202
    assert first.json()["id"] != second.json()["id"]


def test_what_failed_may_be_sent_again(api: Api, documents: str) -> None:
    assert_one_shape(api.send("POST", documents, {"file": SimpleUploadedFile("a.txt", b"")}, headers=KEY), 400)
    assert api.call("POST", documents, TEXT, headers=KEY).status_code == 202


def test_while_the_first_runs_the_second_waits(api: Api, documents: str) -> None:
    api.call("POST", documents, TEXT, headers=KEY)
    IdempotencyKey.objects.update(status=0)
    assert_one_shape(api.call("POST", documents, TEXT, headers=KEY), 409)
    # The process of the first one died.
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    again = api.call("POST", documents, TEXT, headers=KEY)
    assert again.status_code == 202
    assert "Idempotent-Replayed" not in again


def test_is_forgotten_after_a_day(api: Api, documents: str) -> None:
    first = api.call("POST", documents, TEXT, headers=KEY)
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert api.call("POST", documents, TEXT, headers=KEY).json()["id"] != first.json()["id"]
    assert IdempotencyKey.objects.count() == 1


def test_what_was_deleted_since_is_gone(api: Api, documents: str) -> None:
    first = api.call("POST", documents, TEXT, headers=KEY)
    api.call("DELETE", f"/api/v1/documents/{first.json()['id']}")
    assert_one_shape(api.call("POST", documents, TEXT, headers=KEY), 404)


@pytest.mark.parametrize("key", ["x" * 256, "a\x01b"])
def test_refuses_odd_keys(api: Api, documents: str, key: str) -> None:
    assert_one_shape(api.call("POST", documents, TEXT, headers={"Idempotency-Key": key}), 400)

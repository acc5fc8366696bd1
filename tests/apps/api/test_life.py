"""Renaming, tags, moving, versions, history and sources through the API."""

import pytest

from apps.documents import services
from apps.documents.models import Document, Source, Version
from apps.users.models import User
from tests.apps.api.conftest import Api, Library, assert_one_shape
from tests.factories import a_collection, a_file

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def test_a_title_tags_and_a_place(api: Api, library: Library, owner: User) -> None:
    other = a_collection(owner, "Other")
    address = f"/api/v1/documents/{library.document.pk}"
    changed = api.call("PATCH", address, {"title": "The dance", "tags": ["Insects", "2024"]})
    assert (changed.status_code, changed.json()["title"], changed.json()["tags"]) == (
        200,
        "The dance",
        ["2024", "insects"],
    )
    listed = api.get(
        f"/api/v1/collections/{library.collection.pk}/documents?tag=insects",
        headers={"Authorization": f"Bearer {api.key}"},
    )
    assert [row["id"] for row in listed.json()["results"]] == [str(library.document.pk)]
    moved = api.call("PATCH", address, {"collection": str(other.pk)}).json()
    assert (moved["collection"], moved["tags"]) == (str(other.pk), ["2024", "insects"])
    assert_one_shape(api.call("PATCH", address, {}), 400)
    assert_one_shape(api.call("PATCH", address, {"title": " "}), 400)


def test_all_of_a_change_is_made_or_nothing(api: Api, library: Library, owner: User) -> None:
    other = a_collection(owner, name="Other")
    address = f"/api/v1/documents/{library.document.pk}"
    before = api.call("GET", address).json()
    many = [f"tag {number}" for number in range(21)]
    refused = api.call("PATCH", address, {"collection": str(other.pk), "title": "New", "tags": many})
    assert_one_shape(refused, 400)
    after = api.call("GET", address).json()
    assert {**after, "elapsed": 0} == {**before, "elapsed": 0}


def test_where_it_was_moved_from_is_not_told_to_readers(api: Api, library: Library, owner: User) -> None:
    address = f"/api/v1/documents/{library.document.pk}"
    api.call("PATCH", address, {"collection": str(a_collection(owner, name="Other").pk)})
    moved = api.call("GET", f"{address}/history").json()["results"][0]
    assert (moved["kind"], moved["text"]) == ("moved", "")


def test_a_stranger_collection_is_no_place_to_move_to(api: Api, library: Library, stranger: User) -> None:
    theirs = a_collection(stranger)
    address = f"/api/v1/documents/{library.document.pk}"
    assert_one_shape(api.call("PATCH", address, {"collection": str(theirs.pk)}), 404)
    assert Document.objects.get(pk=library.document.pk).collection == library.collection


def test_versions_and_the_way_back(api: Api, library: Library, owner: User) -> None:
    services.replace(by=owner, document=library.document, file=a_file("Wasps build."))
    address = f"/api/v1/documents/{library.document.pk}"
    versions = api.call("GET", f"{address}/versions").json()["results"]
    assert [(row["number"], row["status"], row["serves"]) for row in versions] == [
        (2, "queued", False),
        (1, "ready", True),
    ]
    assert versions[0]["uploaded_by"] == owner.email
    assert_one_shape(api.call("POST", f"{address}/versions/2/activate"), 409)
    assert_one_shape(api.call("POST", f"{address}/versions/7/activate"), 404)
    assert api.call("POST", f"{address}/versions/1/activate").json()["serving_version"] == 1
    assert Version.objects.get(number=2).state == "cancelled"
    history = api.call("GET", f"{address}/history").json()["results"]
    assert [row["kind"] for row in history] == ["replaced", "added"]
    assert history[0]["by"] == owner.email


def test_an_address_becomes_a_document(api: Api, library: Library) -> None:
    address = f"/api/v1/collections/{library.collection.pk}/documents"
    made = api.call("POST", address, {"url": "https://example.org/handbook.pdf"})
    assert (made.status_code, made.json()["status"], made.json()["position"]) == (202, "queued", 1)
    assert made.json()["source_id"] == str(Source.objects.get(address="https://example.org/handbook.pdf").pk)
    again = api.call("POST", address, {"url": "https://example.org/handbook.pdf"})
    assert again.json()["id"] == made.json()["id"]


def test_a_source_is_added_changed_synced_and_removed(api: Api, library: Library) -> None:
    address = f"/api/v1/collections/{library.collection.pk}/sources"
    options = {"depth": 2, "limit": 50}
    made = api.call("POST", address, {"kind": "site", "address": "https://example.org/", "options": options})
    assert made.status_code == 202
    source = made.json()
    assert (source["status"], source["options"], source["every_hours"]) == ("idle", options, 0)
    assert source["due_at"]
    one = f"/api/v1/sources/{source['id']}"
    assert api.call("PATCH", one, {"every_hours": 24}).json()["every_hours"] == 24
    paused = api.call("PATCH", one, {"paused": True}).json()
    assert (paused["paused"], paused["every_hours"], paused["due_at"]) == (True, 24, None)
    assert_one_shape(api.call("PATCH", one, {}), 400)
    assert api.call("POST", f"{one}/sync").status_code == 202
    assert len(api.call("GET", address).json()["results"]) == 2
    assert api.call("DELETE", one).status_code == 204
    assert_one_shape(api.call("GET", one), 404)
    assert_one_shape(api.call("POST", address, {"kind": "folder", "address": "/etc"}), 403)
    assert_one_shape(api.call("POST", address, {"kind": "tape", "address": "x"}), 400)

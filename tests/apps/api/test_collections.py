"""/api/v1/collections as its users know it."""

import pytest
from django.contrib.auth.models import Group

from apps.documents.models import Collection
from apps.users.models import User
from tests.apps.api.conftest import Api, Library, assert_one_shape

pytestmark = [pytest.mark.django_db, pytest.mark.services]
COLLECTIONS = "/api/v1/collections"


def test_is_made_read_changed_and_deleted(api: Api) -> None:
    made = api.call("POST", COLLECTIONS, {"name": "Handbook", "description": "For staff"})
    assert made.status_code == 201
    assert made.json() | {"name": "Handbook", "documents": 0, "role": "owner", "revision": 0} == made.json()
    path = made["Location"]
    assert api.call("GET", path).json() == made.json()
    changed = api.call("PATCH", path, {"name": "Handbook 2", "starter_questions": ["How do I begin?"]})
    assert (changed.json()["name"], changed.json()["description"]) == ("Handbook 2", "For staff")
    assert changed.json()["starter_questions"] == ["How do I begin?"]
    assert api.call("DELETE", path).status_code == 204
    assert_one_shape(api.call("GET", path), 404)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "x", "nmae": 1}, "nmae"),
        ({"name": "a\0b"}, "name"),
    ],
)
def test_refuses_with_the_name_of_the_field(api: Api, body: dict, says: str) -> None:
    refusal = assert_one_shape(api.call("POST", COLLECTIONS, body), 400)
    assert says in refusal["message"]
    assert says in refusal["details"]
    assert not Collection.objects.exists()


def test_lists_are_paged_newest_first(api: Api) -> None:
    made = [api.call("POST", COLLECTIONS, {"name": f"Number {n}"}).json()["id"] for n in range(5)]
    first = api.call("GET", f"{COLLECTIONS}?limit=2").json()
    assert first["previous"] is None
    second = api.call("GET", first["next"]).json()
    last = api.call("GET", second["next"]).json()
    assert last["next"] is None
    pages = [first, second, last]
    assert [row["id"] for page in pages for row in page["results"]] == made[::-1]
    assert api.call("GET", second["previous"]).json()["results"] == first["results"]


def test_a_page_neither_repeats_nor_skips_when_rows_come_between(api: Api) -> None:
    made = [api.call("POST", COLLECTIONS, {"name": f"Number {n}"}).json()["id"] for n in range(4)]
    first = api.call("GET", f"{COLLECTIONS}?limit=2").json()
    api.call("POST", COLLECTIONS, {"name": "Came between"})
    second = api.call("GET", first["next"]).json()
    assert [row["id"] for page in (first, second) for row in page["results"]] == made[::-1]


def test_members_come_and_go(api: Api, foreign: Api, stranger: User, library: Library) -> None:
    path = f"{COLLECTIONS}/{library.collection.pk}"
    member = f"{path}/members/{stranger.email}"
    told = api.call("PUT", member, {"role": "viewer"})
    assert told.json() == {
        "collection": str(library.collection.pk),
        "member": stranger.email,
        "kind": "user",
        "role": "viewer",
    }
    assert foreign.call("GET", path).json()["role"] == "viewer"
    assert foreign.call("GET", f"{path}/documents").json()["results"][0]["id"] == str(library.document.pk)
    assert_one_shape(foreign.call("PATCH", path, {"name": "Mine"}), 403)
    assert_one_shape(foreign.call("DELETE", f"/api/v1/documents/{library.document.pk}"), 403)
    api.call("PUT", member, {"role": "editor"})
    assert foreign.call("DELETE", f"/api/v1/documents/{library.document.pk}").status_code == 204
    assert api.call("DELETE", member).status_code == 204
    assert_one_shape(foreign.call("GET", path), 404)


def test_a_group_is_a_member(api: Api, foreign: Api, stranger: User, library: Library) -> None:
    group = Group.objects.create(name="beekeepers")
    stranger.groups.add(group)
    path = f"{COLLECTIONS}/{library.collection.pk}"
    told = api.call("PUT", f"{path}/members/beekeepers", {"role": "viewer"}).json()
    assert (told["member"], told["kind"]) == ("beekeepers", "group")
    assert foreign.call("GET", path).status_code == 200


def test_the_last_owner_stays(api: Api, owner: User, library: Library) -> None:
    member = f"{COLLECTIONS}/{library.collection.pk}/members/{owner.email}"
    assert_one_shape(api.call("DELETE", member), 409)
    assert_one_shape(api.call("PUT", member, {"role": "viewer"}), 409)


def test_a_member_must_be_somebody_and_a_role_one_of_three(api: Api, owner: User, library: Library) -> None:
    members = f"{COLLECTIONS}/{library.collection.pk}/members"
    assert "e-mail" in assert_one_shape(api.call("PUT", f"{members}/nobody", {"role": "viewer"}), 404)["message"]
    refusal = assert_one_shape(api.call("PUT", f"{members}/{owner.email}", {"role": "king"}), 400)
    assert "viewer, editor, owner" in refusal["message"]

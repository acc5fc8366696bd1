"""/api/v1/conversations as its users know it."""

import pytest

from tests.apps.api.conftest import Api, Library, assert_one_shape

pytestmark = [pytest.mark.django_db, pytest.mark.services]
CONVERSATIONS = "/api/v1/conversations"


def test_is_made_read_changed_and_deleted(api: Api) -> None:
    made = api.call("POST", CONVERSATIONS, {"title": "Bees"})
    assert made.status_code == 201
    path = made["Location"]
    assert api.call("GET", path).json() == {**made.json(), "answers": []}
    changed = api.call("PATCH", path, {"title": "Wasps", "pinned": True}).json()
    assert (changed["title"], changed["pinned"]) == ("Wasps", True)
    assert api.call("PATCH", path, {"pinned": False}).json()["title"] == "Wasps"
    assert api.call("DELETE", path).status_code == 204
    assert_one_shape(api.call("GET", path), 404)


def test_shows_its_answers(api: Api, library: Library) -> None:
    whole = api.call("GET", f"{CONVERSATIONS}/{library.conversation.pk}").json()
    assert [answer["id"] for answer in whole["answers"]] == [str(library.answer.pk)]
    assert whole["answers"][0]["citations"][0]["quote"] == library.chunk.text[:37]


def test_a_deleted_document_takes_its_quote_along(api: Api, library: Library) -> None:
    api.call("DELETE", f"/api/v1/documents/{library.document.pk}")
    answer = api.call("GET", f"/api/v1/answers/{library.answer.pk}").json()
    assert answer["text"] == library.answer.text
    citation = answer["citations"][0]
    assert (citation["quote"], citation["available"]) == ("", False)
    assert citation["deleted_at"]


def test_is_found_by_a_word(api: Api, library: Library) -> None:
    api.call("POST", CONVERSATIONS, {"title": "Wasps"})
    for word, titles in (("was", ["Wasps"]), ("dance", ["Bees"]), ("", ["Wasps", "Bees"]), ("horses", [])):
        found = api.call("GET", f"{CONVERSATIONS}?q={word}" if word else CONVERSATIONS).json()["results"]
        assert [row["title"] for row in found] == titles


def test_offers_collections_only_of_its_owner(api: Api, foreign: Api, library: Library) -> None:
    offered = {"collections": [str(library.collection.pk)]}
    assert api.call("POST", CONVERSATIONS, offered).json()["collections"] == offered["collections"]
    assert_one_shape(foreign.call("POST", CONVERSATIONS, offered), 404)


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": "x" * 201}, {"pinned": "maybe"}, {"owner": "me"}])
def test_refuses_with_a_sentence(api: Api, library: Library, body: dict) -> None:
    assert_one_shape(api.call("PATCH", f"{CONVERSATIONS}/{library.conversation.pk}", body), 400)
    library.conversation.refresh_from_db()
    assert library.conversation.title == "Bees"

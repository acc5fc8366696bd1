"""What holds for every route and method, found by enumeration and not by a hand list."""

from typing import Any

import pytest
from django.test import Client

from apps.chat.models import Answer, Conversation, Feedback
from apps.documents.models import Collection, Document, Event, Membership, Source, Version
from apps.users import selectors, services
from apps.users.models import User
from tests.apps.api.conftest import Api, Library, assert_one_shape
from tests.apps.api.routes import CALLS, METHODS, ROUTES, WRITES, Route

pytestmark = [pytest.mark.django_db, pytest.mark.services]
NOBODY = "00000000-0000-7000-8000-000000000000"
CALLS_WITH_ID = [call for call in CALLS if call[0].has_id]
WRITING_CALLS = [call for call in CALLS if call[1] in WRITES]
WITH_A_FORM = [call for call in CALLS if call[1] in ("POST", "PUT", "PATCH")]


def path_in(library: Library, route: Route) -> str:
    """The route's address for what the owner has."""
    owned = {
        "collections": library.collection,
        "documents": library.document,
        "sources": library.source,
        "answers": library.answer,
        "conversations": library.conversation,
    }
    thing = owned.get(route.kind)
    return route.path(id=thing.pk if thing else "", n=1, who=library.conversation.owner.email)


def good_body(library: Library, route: Route) -> dict[str, Any]:
    """What would do if the owner asked; ids in it are the owner's."""
    asked = {"collections": [str(library.collection.pk)]}
    return {
        "/api/v1/search": {"query": "bees", **asked},
        "/api/v1/answers": {"question": "Why do bees dance?", **asked},
        "/api/v1/collections/{id}/members/{who}": {"role": "viewer"},
        "/api/v1/answers/{id}/feedback": {"value": 1},
        "/api/v1/collections/{id}": {"name": "Stolen"},
        "/api/v1/conversations/{id}": {"title": "Stolen"},
        "/api/v1/collections/{id}/documents": {"text": "Planted.", "title": "Planted"},
        "/api/v1/documents/{id}": {"title": "Stolen"},
        "/api/v1/collections/{id}/sources": {"kind": "page", "address": "https://example.org/"},
        "/api/v1/sources/{id}": {"every_hours": 5},
    }.get(route.address, {})


def everything() -> dict[str, list[Any]]:
    """All that a call could have changed."""
    models = (Collection, Membership, Document, Version, Source, Event, Conversation, Answer, Feedback)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def test_the_list_of_routes_is_not_empty() -> None:
    assert len(CALLS) >= 34
    kinds = {"collections", "documents", "sources", "search", "answers", "conversations"}
    assert {route.kind for route in ROUTES} == kinds


def test_without_a_key(library: Library) -> None:
    before = everything()
    for route, method in CALLS:
        body = assert_one_shape(Api().call(method, path_in(library, route), good_body(library, route)), 401)
        assert body["code"] == "not_authenticated"
    assert everything() == before


WRONG_KEYS = ("Bearer aaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "Bearer", "Bearer \x00", "Bearer é")


@pytest.mark.parametrize("header", WRONG_KEYS)
def test_with_a_wrong_key(library: Library, header: str) -> None:
    before = everything()
    wrong = {"Authorization": header}
    for route, method in CALLS:
        assert_one_shape(Api().call(method, path_in(library, route), good_body(library, route), headers=wrong), 401)
    assert everything() == before


def test_with_the_key_of_a_disabled_account(api: Api, owner: User, library: Library) -> None:
    services.disable_account(by=None, user=owner)
    for route, method in CALLS:
        assert_one_shape(api.call(method, path_in(library, route), good_body(library, route)), 401)


def test_with_a_revoked_key(api: Api, owner: User, library: Library) -> None:
    for key in selectors.keys_of(owner):
        services.revoke_api_key(by=owner, key=key)
    for route, method in CALLS:
        assert_one_shape(api.call(method, path_in(library, route), good_body(library, route)), 401)


def test_a_wrong_key_is_refused_even_beside_a_session(owner: User, library: Library) -> None:
    client = Api("aaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    for route, method in CALLS:
        assert_one_shape(client.call(method, path_in(library, route), good_body(library, route)), 401)


def test_what_is_foreign_is_not_there_and_looks_like_what_nobody_has(foreign: Api, library: Library) -> None:
    """Nobody can probe for ids."""
    before = everything()
    for route, method in CALLS_WITH_ID:
        theirs = foreign.call(method, path_in(library, route), good_body(library, route))
        nobodys = foreign.call(method, route.path(id=NOBODY, n=1, who="x@example.org"), good_body(library, route))
        assert assert_one_shape(theirs, 404) == assert_one_shape(nobodys, 404)
    assert everything() == before


@pytest.mark.parametrize("address", ["/api/v1/search", "/api/v1/answers"])
@pytest.mark.parametrize("field", ["collections", "documents", "conversation"])
def test_foreign_ids_in_a_body_are_not_there(
    foreign: Api, stranger: User, library: Library, address: str, field: str
) -> None:
    own = foreign.call("POST", "/api/v1/collections", {"name": "Mine"}).json()["id"]
    body: dict[str, Any] = {"collections": [own], "query" if address.endswith("search") else "question": "bees"}
    foreign_id = {"collections": library.collection, "documents": library.document}.get(field, library.conversation).pk
    body[field] = str(foreign_id) if field == "conversation" else [str(foreign_id)]
    if field == "conversation" and address.endswith("search"):
        assert_one_shape(foreign.call("POST", address, body), 400)
    else:
        assert_one_shape(foreign.call("POST", address, body), 404)


@pytest.mark.parametrize("route", [r for r in ROUTES if not r.has_id and "GET" in r.methods], ids=lambda r: r.address)
def test_lists_of_others_are_empty(foreign: Api, library: Library, route: Route) -> None:
    assert foreign.call("GET", route.address).json()["results"] == []


def test_wrong_methods(api: Api, library: Library) -> None:
    wrong = [(r, m) for r in ROUTES for m in {*METHODS, "OPTIONS", "TRACE", "BREW"} - set(r.methods)]
    for route, method in wrong:
        response = api.call(method, path_in(library, route))
        body = assert_one_shape(response, 405)
        assert method in body["message"]
        assert set(route.methods) <= set(response["Allow"].replace(" ", "").split(","))


def test_the_trailing_slash_is_optional(api: Api, library: Library) -> None:
    # A page of a text file has no image, and streams have tests of their own.
    for route in (r for r in ROUTES if "GET" in r.methods and not r.address.endswith((".png", "/events"))):
        path = path_in(library, route)
        plain, slash = api.call("GET", path), api.call("GET", f"{path}/")
        assert plain.status_code == slash.status_code == 200, path
        assert b"".join(plain) == b"".join(slash)


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_foreign_page_cannot_write_through_the_session(owner: User, library: Library, origin: str) -> None:
    client = Api(enforce_csrf_checks=True)
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    before = everything()
    for route, method in WRITING_CALLS:
        path, body = path_in(library, route), good_body(library, route)
        client.cookies.pop("csrftoken", None)
        assert_one_shape(client.call(method, path, body), 403)
        assert_one_shape(client.call(method, path, body, headers={"Origin": origin}), 403)
        # Knowing the token does not help: the Origin is checked too.
        client.cookies["csrftoken"] = "a" * 32
        assert_one_shape(client.call(method, path, body, headers={"Origin": origin, "X-CSRFToken": "a" * 32}), 403)
    assert everything() == before


def test_the_sites_own_page_can_write_through_the_session(owner: User) -> None:
    client = Api(enforce_csrf_checks=True)
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    client.cookies["csrftoken"] = "a" * 32
    headers = {"X-CSRFToken": "a" * 32, "Origin": "http://testserver"}
    assert client.call("POST", "/api/v1/collections", {"name": "Mine"}, headers=headers).status_code == 201


ODD_IDS = ("not-a-uuid", "%00", "..%2F..", "%F0%9F%98%80", "-1", "null", "0" * 300, "'%20OR%201=1--", "%FF")


@pytest.mark.parametrize("odd", ODD_IDS)
def test_odd_ids_are_not_there(api: Api, library: Library, odd: str) -> None:
    for route, method in CALLS_WITH_ID:
        path = route.path(id=odd, n=1, who="x@example.org")
        assert_one_shape(api.call(method, path, good_body(library, route)), 404)


ODD_BODIES = {
    "a list": b"[]",
    "a text": b'"x"',
    "nothing": b"null",
    "a number": b"1e999",
    "not JSON": b"{",
    "not UTF-8": b'{"name": "\xff"}',
    "NaN": b'{"limit": NaN}',
    "too deep": b"[" * 100_000,
    "a long number": b'{"limit": ' + b"9" * 5000 + b"}",
    "an unknown field": b'{"no_such_field": 1}',
    "an unknown field with NUL": b'{"\\u0000": 1}',
}


@pytest.mark.parametrize("data", ODD_BODIES.values(), ids=ODD_BODIES)
def test_odd_bodies_get_a_sentence(api: Api, library: Library, data: bytes) -> None:
    before = everything()
    for route, method in WITH_A_FORM:
        response = api.call(method, path_in(library, route), data=data)
        if not good_body(library, route) and response.status_code < 300:
            continue  # a call without a form does not look at the body
        assert response.status_code in (400, 409, 415), (route, response.content)
        assert_one_shape(response)
    assert everything() == before


ODD_VALUES = ("\0", "\ud800", -1, 1e308, True, None, [], {}, "x" * 100_000, ["x"], "'; DROP TABLE users_user; --")


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda v: repr(v)[:20])
def test_odd_values_get_a_sentence(api: Api, library: Library, value: Any) -> None:
    """Every field of every form, with values that databases and parsers choke on."""
    for route, method in WITH_A_FORM:
        good = good_body(library, route)
        for field in good:
            response = api.call(method, path_in(library, route), {**good, field: value})
            assert response.status_code < 500 or response.status_code == 503, (route, field, response.content)
            if response.status_code >= 400:
                assert_one_shape(response)


ODD_QUERIES = (
    "limit=-1", "limit=0", "limit=foo", "limit=99999999999999999999", "limit=%00", "cursor=x", "cursor=%00",
    "cursor=cD1mb28=", "cursor=cD0lMDA=", "cursor=bz0tMQ==", "q=%00", "status=foo", "version=foo", "version=%00",
    "last_event_id=-1", "last_event_id=x", "no_such=1", "%00=1",
)  # fmt: skip


def test_odd_query_strings_get_a_sentence(api: Api, library: Library) -> None:
    for route in (route for route in ROUTES if "GET" in route.methods):
        for query in ODD_QUERIES:
            response = api.call("GET", f"{path_in(library, route)}?{query}")
            if response.status_code != 200:
                assert response.status_code in (400, 404), (route, query, response.content)
                assert_one_shape(response)
            elif response.streaming and not response.is_async:
                b"".join(response)  # the file is closed at its end


UNKNOWN = ("/api", "/api/", "/api/v1", "/api/v1/nothing", "/api/v2/search", "/api/v1/%00", "/api/../x")


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("method", METHODS)
def test_unknown_addresses(path: str, method: str) -> None:
    assert_one_shape(Api().call(method, path), 404)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "application/x-www-form-urlencoded"])
def test_other_content_types(api: Api, kind: str) -> None:
    response = api.call("POST", "/api/v1/collections", data=b"name=x", content_type=kind)
    assert_one_shape(response, 415)


def test_a_body_that_is_too_large(api: Api) -> None:
    body = assert_one_shape(api.call("POST", "/api/v1/collections", {"name": "x" * 3_000_000}), 413)
    assert body["code"] == "too_large"


def test_what_breaks_is_told_in_the_one_shape(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("a secret: hunter2")

    monkeypatch.setattr("apps.documents.selectors.collections_of", broken)
    response = api.call("GET", "/api/v1/collections")
    assert_one_shape(response, 500)
    assert b"hunter2" not in response.content


def test_accept_does_not_matter(api: Api) -> None:
    for accept in ("text/event-stream", "text/html", "image/png", "nonsense"):
        response = api.call("GET", "/api/v1/collections", headers={"Accept": accept})
        assert response.status_code == 200
        assert response["Content-Type"] == "application/json"


def test_a_page_gets_no_foreign_answer_by_cors(api: Api) -> None:
    response = api.call("GET", "/api/v1/collections", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in response


def test_the_health_pages_need_no_key() -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}
    assert Client().post("/healthz").status_code == 405

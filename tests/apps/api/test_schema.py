"""The schema is complete, valid and reachable; what really comes back has the shape it says."""

import json
from io import StringIO
from typing import Any

import jsonschema
import pytest
from django.core.management import call_command
from django.test import Client

from tests.apps.api.conftest import Api, Library
from tests.apps.api.routes import CALLS, ROUTES


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_has_every_route_and_method(schema: dict[str, Any]) -> None:
    described = {(path, method.upper()) for path, item in schema["paths"].items() for method in item}
    assert described == {(route.address, method) for route, method in CALLS}


def test_every_call_says_what_it_gives_and_when_it_refuses(schema: dict[str, Any]) -> None:
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            answers = operation["responses"]
            assert any(code.startswith("2") for code in answers), (path, method)
            assert {"401", "503"} <= set(answers)
            assert operation["security"] == [{"key": []}, {"session": []}]
            assert operation["description"]


@pytest.mark.django_db
def test_what_comes_back_has_the_shape_it_says(api: Api, library: Library, schema: dict[str, Any]) -> None:
    things = {"collections": library.collection, "documents": library.document}
    things |= {"answers": library.answer, "conversations": library.conversation, "sources": library.source}
    checked = 0
    for route in ROUTES:
        content = schema["paths"][route.address].get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        if "application/json" not in content:
            continue
        thing = things.get(route.kind)
        response = api.call("GET", route.path(id=thing.pk if thing else "", n=1, who=""))
        wanted = {**content["application/json"]["schema"], "components": schema["components"]}
        jsonschema.validate(response.json(), nullable_as_null(wanted))
        checked += 1
    assert checked >= 8


def nullable_as_null(node: Any) -> Any:
    """OpenAPI 3.0 writes `nullable: true` where JSON Schema has a type "null"."""
    if isinstance(node, list):
        return [nullable_as_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: nullable_as_null(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


@pytest.mark.django_db
@pytest.mark.parametrize("slash", ["", "/"])
def test_schema_and_docs_need_no_key_and_no_internet(slash: str) -> None:
    client = Client()
    assert client.get(f"/api/schema{slash}").status_code == 200
    page = client.get(f"/api/docs{slash}").content.decode()
    assert "swagger-ui" in page
    assert "//cdn" not in page
    assert "https://" not in page

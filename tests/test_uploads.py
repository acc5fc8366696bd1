"""Which requests go to the process for uploads, and how many it works on at once."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings
from rest_framework.parsers import MultiPartParser

from config.uploads import UPLOADS, InTurn, is_upload

UPLOAD = "/api/v1/collections/0190a0c0-0000-7000-8000-000000000000/documents"


def sent_by(credential: str, path: str = UPLOAD) -> HttpRequest:
    request = HttpRequest()
    request.method, request.path_info = "POST", path
    request.META["HTTP_AUTHORIZATION"] = credential
    return request


@dataclass
class Crowd:
    """What became of requests that came at once, and how many were worked on together at most."""

    done: list[Any]
    most: int


def all_at_once(requests: list[HttpRequest], monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """Each takes a moment; one that is named so breaks."""
    inside = most = 0

    async def work(_self: ASGIHandler, request: HttpRequest) -> HttpResponse:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.01)
        inside -= 1
        if request.META["HTTP_AUTHORIZATION"].startswith("broken"):
            raise ValueError("damaged")
        return HttpResponse()

    monkeypatch.setattr(ASGIHandler, "get_response_async", work)

    async def crowd() -> list[Any]:
        handler = InTurn()
        return await asyncio.gather(*map(handler.get_response_async, requests), return_exceptions=True)

    # In a thread of its own: where a browser test ran before, this one has a running loop.
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(lambda: asyncio.run(asyncio.wait_for(crowd(), 10))).result()
    return Crowd(done, most)


def test_a_few_at_a_time_and_one_that_breaks_gives_its_place_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.UPLOADS_AT_ONCE = 2
    came = all_at_once([sent_by(f"{'broken' if n < 4 else 'whole'} {n}") for n in range(9)], monkeypatch)
    assert came.most == 2
    assert [type(each) for each in came.done] == [ValueError] * 4 + [HttpResponse] * 5


def test_one_credential_leaves_a_place_to_others(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.UPLOADS_AT_ONCE = 3
    assert all_at_once([sent_by("a") for _ in range(9)], monkeypatch).most == 2
    assert all_at_once([sent_by("a" if n else "b") for n in range(9)], monkeypatch).most == 3
    settings.UPLOADS_AT_ONCE = 1
    assert all_at_once([sent_by("a") for _ in range(3)], monkeypatch).most == 1


def test_what_is_no_upload_waits_for_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.UPLOADS_AT_ONCE = 1
    assert all_at_once([sent_by("a", "/healthz") for _ in range(5)], monkeypatch).most == 5


def test_a_body_in_pieces_has_a_length_for_django() -> None:
    scope = {"type": "http", "method": "POST", "path": UPLOAD, "headers": [(b"transfer-encoding", b"chunked")]}
    request, _ = InTurn().create_request({**scope, "query_string": b""}, BytesIO(b"bees"))
    assert request.META["CONTENT_LENGTH"] == "4"
    assert request.read() == b"bees"


def routes(patterns: list[Any], space: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every route with its full name."""
    for each in patterns:
        if isinstance(each, URLResolver):
            within = f"{space}{each.namespace}:" if each.namespace else space
            yield from routes(each.url_patterns, within)
        else:
            yield f"{space}{each.name}", each


def test_every_route_that_takes_files_has_that_process() -> None:
    every = dict(routes(get_resolver().url_patterns))
    assert every.keys() >= UPLOADS
    taking = {name for name, route in every.items() if MultiPartParser in _parsers(route)}
    assert taking
    assert taking <= UPLOADS


def _parsers(route: URLPattern) -> tuple[type, ...]:
    """Of what is sent there, if anything may be."""
    view = getattr(route.callback, "cls", None)
    takes_a_body = hasattr(view, "post") or hasattr(view, "put")
    return tuple(view.parser_classes) if takes_a_body else ()


@pytest.mark.parametrize(
    ("method", "path", "is_one"),
    [
        ("POST", "/api/v1/collections/0190a0c0-0000-7000-8000-000000000000/documents", True),
        ("POST", "/api/v1/collections/0190a0c0-0000-7000-8000-000000000000/documents/", True),
        ("GET", "/api/v1/collections/0190a0c0-0000-7000-8000-000000000000/documents", False),
        ("PUT", "/api/v1/documents/0190a0c0-0000-7000-8000-000000000000/file", True),
        ("POST", "/api/v1/search", False),
        ("POST", "/no/such/address", False),
    ],
)
def test_what_is_an_upload(method: str, path: str, is_one: bool) -> None:
    assert is_upload(method, path) is is_one

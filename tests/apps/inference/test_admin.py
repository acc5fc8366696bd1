"""The admin's pages for endpoints, usage and workers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.inference import selectors, services
from apps.inference.models import Endpoint, Usage, Worker
from apps.users.models import User

pytestmark = [pytest.mark.django_db(transaction=True)]
LIST, ADD = "/admin/inference/endpoint/", "/admin/inference/endpoint/add/"
TEST_BUTTON = "inference_endpoint_save_and_test"


@pytest.fixture(autouse=True)
def redis(redis_server: str) -> None:
    """The breaker remembers failures there."""


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(
        User.objects.create_superuser("boss@example.org"), backend="django.contrib.auth.backends.ModelBackend"
    )
    return client


class OneToken(BaseHTTPRequestHandler):
    """A chat server that says one word to whoever has the key."""

    seen: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        OneToken.seen.append(self.headers.get("Authorization", ""))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for delta, finish in (({"role": "assistant", "content": "yes"}, None), ({}, "length")):
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "tiny", "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        """Not into the tests' output."""


@pytest.fixture
def server() -> Iterator[str]:
    """The base URL of a server that answers."""
    OneToken.seen = []
    with HTTPServer(("127.0.0.1", 0), OneToken) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/v1"
        http.shutdown()
        thread.join()


def form(**changed: Any) -> dict[str, Any]:
    prices = {"prompt_price": "0", "cached_price": "0", "completion_price": "0"}
    about = {"name": "gpu-1", "base_url": "http://127.0.0.1:1/v1", "model": "tiny", "api_key": ""}
    return {**about, **prices, "context_window": "4096", "rank": "10", "enabled": "on", **changed}


def told(response: HttpResponse) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))  # type: ignore[attr-defined]


def kept(**changed: Any) -> Endpoint:
    return Endpoint.objects.create(
        **{"name": "gpu-1", "base_url": "http://127.0.0.1:1/v1", "model": "tiny", "api_key": "canary-key", **changed}
    )


def page(endpoint: Endpoint) -> str:
    return f"{LIST}{endpoint.pk}/change/"


def test_adds_an_endpoint(boss: Client) -> None:
    assert boss.get(ADD).status_code == 200
    assert boss.post(ADD, form(api_key="canary-key")).status_code == 302
    endpoint = Endpoint.objects.get()
    assert (endpoint.name, endpoint.api_key, endpoint.context_window) == ("gpu-1", "canary-key", 4096)


def test_prices_name_their_currency_and_only_a_kept_key_can_be_forgotten(boss: Client) -> None:
    adding = boss.get(ADD).content.decode()
    assert "US$ per million cached prompt tokens." in adding
    assert "forget_key" not in adding
    assert "forget_key" not in boss.get(page(kept(name="open", api_key=""))).content.decode()
    assert "forget_key" in boss.get(page(kept())).content.decode()


@pytest.mark.parametrize(
    "bad", [{"base_url": "ftp://x/v1"}, {"base_url": "nonsense"}, {"context_window": "1"}, {"model": ""}]
)
def test_refuses_what_cannot_be_right(boss: Client, bad: dict[str, str]) -> None:
    assert boss.post(ADD, form(**bad)).status_code == 200
    assert not Endpoint.objects.exists()


def test_the_key_is_never_shown_again(boss: Client) -> None:
    endpoint = kept()
    assert "canary-key" not in boss.get(page(endpoint)).content.decode()
    assert "canary-key" not in boss.get(LIST).content.decode()
    refused = boss.post(page(endpoint), form(api_key="another-canary", model=""))
    assert "another-canary" not in refused.content.decode()


def test_an_empty_key_field_keeps_the_key(boss: Client) -> None:
    endpoint = kept()
    assert boss.post(page(endpoint), form(rank="3")).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.api_key, endpoint.rank) == ("canary-key", 3)


def test_a_key_can_be_replaced_and_forgotten(boss: Client) -> None:
    endpoint = kept()
    boss.post(page(endpoint), form(api_key="new-key"))
    endpoint.refresh_from_db()
    assert endpoint.api_key == "new-key"
    boss.post(page(endpoint), form(forget_key="on"))
    endpoint.refresh_from_db()
    assert endpoint.api_key == ""


def test_a_kept_key_does_not_go_to_another_server(boss: Client) -> None:
    endpoint = kept()
    response = boss.post(page(endpoint), form(base_url="http://evil.example/v1"))
    assert response.status_code == 200
    assert "another one now" in response.content.decode()
    endpoint.refresh_from_db()
    assert endpoint.base_url == "http://127.0.0.1:1/v1"
    assert boss.post(page(endpoint), form(base_url="http://127.0.0.1:1/other/v1")).status_code == 302


def test_save_and_test_tells_that_it_answers(boss: Client, server: str) -> None:
    response = boss.post(ADD, form(base_url=server, api_key="canary-key", **{TEST_BUTTON: "1"}))
    assert "gpu-1 answered with tiny in" in told(response)
    assert OneToken.seen == ["Bearer canary-key"]


def test_the_action_tells_why_it_does_not_answer(boss: Client) -> None:
    endpoint = kept()
    response = boss.post(LIST, {"action": "test_selected", "_selected_action": [str(endpoint.pk)]})
    assert "gpu-1 does not answer" in told(response)
    assert "canary-key" not in told(response)


def test_what_was_changed_is_tried_at_once_though_it_failed_before(boss: Client) -> None:
    endpoint = kept()
    services.report_failure(endpoint=endpoint.name, reason="refused")
    assert selectors.endpoints() == []
    boss.post(page(endpoint), form(context_window="8192"))
    assert [spec.context_window for spec in selectors.endpoints()] == [8192]


def test_who_may_only_look_cannot_test(server: str) -> None:
    viewer = User.objects.create_user("viewer@example.org", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_endpoint"))
    client = Client()
    client.force_login(viewer, backend="django.contrib.auth.backends.ModelBackend")
    endpoint = kept(base_url=server)
    assert client.get(page(endpoint)).status_code == 200
    client.post(LIST, {"action": "test_selected", "_selected_action": [str(endpoint.pk)]})
    client.post(page(endpoint), form(base_url=server, **{TEST_BUTTON: "1"}))
    assert OneToken.seen == []


def test_usage_and_workers_are_read_only(boss: Client) -> None:
    usage = Usage.objects.create(answer=kept().pk, engine="gpu-1", model="tiny")
    worker = Worker.objects.create(role="answers", host="here", pid=1, beat_at=timezone.now())
    for name, row in (("usage", usage), ("worker", worker)):
        assert boss.get(f"/admin/inference/{name}/").status_code == 200
        assert boss.get(f"/admin/inference/{name}/{row.pk}/change/").status_code == 200
        assert boss.get(f"/admin/inference/{name}/add/").status_code == 403
        assert boss.post(f"/admin/inference/{name}/{row.pk}/change/", {}).status_code == 403
        assert boss.post(f"/admin/inference/{name}/{row.pk}/delete/", {"post": "yes"}).status_code == 403

"""/api/v1/answers as programs use it: whole, later, or as it is written. A worker's thread writes."""

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.test import AsyncClient
from pytest_django import Settings

from apps.chat import answering
from apps.chat.models import Answer
from apps.users import services as users
from engines import wiring
from tests.apps.api.conftest import Api, assert_one_shape
from tests.apps.chat.world import QUESTION, ScriptedModel, Sent, World, make_world, parse, text_of, worker

pytestmark = pytest.mark.services
ANSWERS = "/api/v1/answers"
PIECES = ("The company pays ", "up to 140 euros ", "a night [1].")


@pytest.fixture
def world(transactional_db: None, redis_server: str) -> World:
    """People, a collection and a document; threads see the same database."""
    wiring.quick_redis_client().delete("answers")
    return make_world()


@pytest.fixture
def key(world: World) -> str:
    return users.create_api_key(by=world.anna, owner=world.anna, name="tests")[1]


@pytest.fixture
def anna(key: str) -> Api:
    return Api(key)


@pytest.fixture
def ben(world: World) -> Api:
    return Api(users.create_api_key(by=world.ben, owner=world.ben, name="tests")[1])


@pytest.fixture
def answering_worker(world: World) -> Iterator[ScriptedModel]:
    """Takes questions off the queue, as Celery would, and writes their answers."""
    model = ScriptedModel(PIECES, before=lambda _n: time.sleep(0.03))
    holder, ended = worker(), threading.Event()

    def work() -> None:
        try:
            while not ended.is_set():
                taken: Any = wiring.redis_client().blpop(["answers"], timeout=0.2)
                if taken:
                    answer_id = json.loads(base64.b64decode(json.loads(taken[1])["body"]))[0][0]
                    answering.write(UUID(answer_id), holder, search=world.search, models=[model])
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield model
    ended.set()
    thread.join(timeout=20)
    assert not thread.is_alive()


def asked(world: World, **more: Any) -> dict[str, Any]:
    return {"question": QUESTION, "collections": [str(world.handbook.pk)], **more}


def streamed(key: str, method: str, path: str, body: dict | None = None, **headers: str) -> tuple[Any, list[Sent]]:
    """A response and its events, read to the end as an ASGI server would."""

    async def read() -> tuple[Any, list[Sent]]:
        options: dict[str, Any] = {"data": json.dumps(body)} if body is not None else {}
        response = await AsyncClient().generic(
            method,
            path,
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}", "Accept": "application/json", **headers},
            **options,
        )
        assert response.status_code == 200, response.content
        return response, parse(b"".join([piece async for piece in response.streaming_content]))

    return asyncio.run(read())


# --------------------------------------------------------------------------------------- three ways to ask


@pytest.mark.usefixtures("answering_worker")
def test_waits_for_the_whole_answer(anna: Api, world: World) -> None:
    response = anna.call("POST", ANSWERS, asked(world))
    assert response.status_code == 201, response.content
    body = response.json()
    assert (body["status"], body["text"], body["refused"]) == ("done", "".join(PIECES), False)
    citation = body["citations"][0]
    assert (citation["n"], citation["page"]) == (1, 1)
    assert citation["quote"] in world.chunks[0].text
    assert body["sentences"][0]["citations"] == [1]
    assert body["receipt"]["milliseconds"]["total"] > 0
    assert anna.call("GET", response["Location"]).json() == body


def test_does_not_wait_when_told_so(anna: Api, world: World) -> None:
    response = anna.call("POST", ANSWERS, asked(world, wait=False))
    assert response.status_code == 202
    assert set(response.json()) == {"id", "conversation", "status"}
    assert response.json()["status"] == "queued"
    assert anna.call("GET", response["Location"]).json()["status"] == "queued"


def test_does_not_wait_for_ever(anna: Api, world: World, settings: Settings) -> None:
    settings.ANSWER_WAIT_SECONDS = 0.3
    begun = time.monotonic()
    response = anna.call("POST", ANSWERS, asked(world))
    assert time.monotonic() - begun < 5
    assert (response.status_code, response.json()["status"]) == (202, "queued")


@pytest.mark.usefixtures("answering_worker")
def test_streams_whatever_accept_says(key: str, anna: Api, world: World) -> None:
    response, sent = streamed(key, "POST", ANSWERS, asked(world, stream=True))
    assert response["Content-Type"] == "text/event-stream"
    assert response["Cache-Control"] == "no-cache"
    assert response["X-Accel-Buffering"] == "no"
    assert text_of(sent) == "".join(PIECES)
    assert [event.id for event in sent] == list(range(1, len(sent) + 1))
    assert (sent[0].event, sent[-1].event) == ("status", "done")
    assert sent[-1].data == anna.call("GET", response["Location"]).json()


@pytest.mark.usefixtures("answering_worker")
def test_a_stream_goes_on_where_it_was_left(key: str, anna: Api, world: World) -> None:
    made = anna.call("POST", ANSWERS, asked(world)).json()
    events = f"{ANSWERS}/{made['id']}/events"
    _, whole = streamed(key, "GET", events)
    assert text_of(whole) == made["text"]
    middle = next(event.id for event in whole if event.event == "token")
    had = text_of([event for event in whole if event.id <= middle])
    for resumed in (
        streamed(key, "GET", events, **{"Last-Event-ID": str(middle)}),
        streamed(key, "GET", f"{events}/?last_event_id={middle}"),
    ):
        assert had + text_of(resumed[1]) == made["text"]
        assert resumed[1][-1].event == "done"


@pytest.mark.usefixtures("answering_worker")
def test_a_question_sent_twice_is_asked_once(key: str, anna: Api, world: World) -> None:
    again = {"Idempotency-Key": "one"}
    first = anna.call("POST", ANSWERS, asked(world), headers=again)
    second = anna.call("POST", ANSWERS, asked(world), headers=again)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    assert Answer.objects.count() == 1


# ------------------------------------------------------------------------------------- what else can be done


@pytest.mark.usefixtures("answering_worker")
def test_a_conversation_goes_on(anna: Api, world: World) -> None:
    first = anna.call("POST", ANSWERS, asked(world)).json()
    second = anna.call("POST", ANSWERS, asked(world, conversation=first["conversation"])).json()
    assert second["conversation"] == first["conversation"]
    path = f"/api/v1/conversations/{first['conversation']}"
    assert [row["id"] for row in anna.call("GET", path).json()["answers"]] == [first["id"], second["id"]]


def test_is_stopped(key: str, anna: Api, world: World, answering_worker: ScriptedModel) -> None:
    answering_worker.pieces = ["word "] * 300
    made = anna.call("POST", ANSWERS, asked(world, wait=False)).json()
    told = anna.call("POST", f"{ANSWERS}/{made['id']}/stop")
    assert told.status_code == 202
    assert streamed(key, "GET", f"{ANSWERS}/{made['id']}/events")[1][-1].event == "done"
    ended = anna.call("GET", f"{ANSWERS}/{made['id']}").json()
    assert ended["status"] == "stopped"
    assert len(ended["text"]) < 300 * 5
    assert anna.call("POST", f"{ANSWERS}/{made['id']}/stop").json()["status"] == "stopped"


def test_takes_feedback_and_the_latest_counts(anna: Api, world: World) -> None:
    path = f"{ANSWERS}/{world.ask().pk}"
    told = {"value": -1, "reasons": ["wrong page"], "comment": "Look at page 2."}
    assert anna.call("POST", f"{path}/feedback", told).json() == told
    assert anna.call("GET", path).json()["feedback"] == told
    anna.call("POST", f"{path}/feedback", {"value": 1})
    assert anna.call("GET", path).json()["feedback"] == {"value": 1, "reasons": [], "comment": ""}


@pytest.mark.parametrize("value", [0, 2, "up", None, True, 1.5])
def test_feedback_is_one_or_minus_one(anna: Api, world: World, value: object) -> None:
    path = f"{ANSWERS}/{world.ask().pk}/feedback"
    assert "value" in assert_one_shape(anna.call("POST", path, {"value": value}), 400)["message"]


# -------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"question": ""}, 400, "question"),
        ({"question": "x" * 100_000}, 400, "100,000 characters"),
        ({"question": "a\0b"}, 400, "question"),
        ({"collections": []}, 400, "collections"),
        ({"collections": ["00000000-0000-7000-8000-000000000000"]}, 404, "collection"),
        ({"collections": ["x"]}, 400, "collections"),
        ({"documents": ["00000000-0000-7000-8000-000000000000"]}, 404, "document"),
        ({"conversation": "00000000-0000-7000-8000-000000000000"}, 404, "conversation"),
        ({"policy": "cheap"}, 400, "fast, balanced, best"),
        ({"model": "gpt-99"}, 400, "gpt-99"),
        ({"stream": "perhaps"}, 400, "stream"),
        ({"temperature": 1}, 400, "temperature"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refuses_with_a_sentence(anna: Api, world: World, change: dict, status: int, says: str) -> None:
    body = assert_one_shape(anna.call("POST", ANSWERS, {**asked(world, wait=False), **change}), status)
    assert says in body["message"]
    assert not Answer.objects.exists()


def test_others_neither_ask_nor_read_nor_stop(ben: Api, world: World) -> None:
    assert_one_shape(ben.call("POST", ANSWERS, asked(world)), 404)
    path = f"{ANSWERS}/{world.ask().pk}"
    for method, rest in (("GET", ""), ("GET", "/events"), ("POST", "/stop"), ("POST", "/feedback")):
        assert_one_shape(ben.call(method, f"{path}{rest}", {"value": 1}), 404)


def test_without_redis_it_is_refused_at_once_and_nothing_is_kept(anna: Api, world: World, settings: Settings) -> None:
    there = settings.REDIS_URL
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    wiring.quick_redis_client.cache_clear()
    try:
        begun = time.monotonic()
        assert_one_shape(anna.call("POST", ANSWERS, asked(world)), 503)
        assert_one_shape(anna.call("POST", "/api/v1/search", {"query": "hotel"}), 503)
        assert time.monotonic() - begun < 4
    finally:
        settings.REDIS_URL = there
        wiring.quick_redis_client.cache_clear()
    assert not Answer.objects.exists()


@pytest.mark.parametrize("how", ["key revoked", "account disabled"])
def test_an_open_stream_ends_when_the_right_to_read_it_does(world: World, key: str, anna: Api, how: str) -> None:
    made = anna.call("POST", ANSWERS, asked(world, wait=False)).json()
    revoke: Callable[[], None] = {
        "key revoked": lambda: users.revoke_api_key(by=world.anna, key=world.anna.api_keys.get()),
        "account disabled": lambda: users.disable_account(by=None, user=world.anna),
    }[how]

    def later() -> None:
        time.sleep(0.5)
        revoke()
        connections.close_all()

    thread = threading.Thread(target=later)
    thread.start()
    begun = time.monotonic()
    _, sent = streamed(key, "GET", f"{ANSWERS}/{made['id']}/events")
    thread.join()
    assert time.monotonic() - begun < 5.5
    assert not any(event.event == "done" for event in sent)
    assert_one_shape(anna.call("GET", f"{ANSWERS}/{made['id']}"), 401)

"""kill -9 of real processes in the middle of an answer (faults 2, 3 and 12): nothing is silently cut."""

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.apps.chat.world import FACTS, QUESTION, Sent, parse, text_of
from tests.fake_engine import CONTEXT_WINDOW, MODEL, FakeEngine, fake_engine
from tests.stack import Stack, until


@pytest.fixture(scope="module")
def footnote(own: Stack) -> Stack:
    """Killed piece by piece, it never stops as a whole."""
    return own.start()


@pytest.fixture(scope="module", autouse=True)
def engine(footnote: Stack) -> Iterator[FakeEngine]:
    """Writes two hundred words in six seconds."""
    with fake_engine() as server, footnote.answering_by(server.base_url, MODEL, CONTEXT_WINDOW):
        server.pace = 0.03
        yield server


@pytest.fixture(scope="module")
def collection(footnote: Stack) -> str:
    with footnote.client() as client:
        made = client.post("/api/v1/collections", json={"name": "Handbook"}).json()["id"]
        document = client.post(
            f"/api/v1/collections/{made}/documents", json={"title": "Travel", "text": "\n\n".join(FACTS)}
        ).json()["id"]
        until(
            lambda: client.get(f"/api/v1/documents/{document}").json()["status"] == "ready", 60, "the document is ready"
        )
    return made


def asked(client: httpx.Client, collection: str) -> str:
    """The id of an answer on its way."""
    body = {"question": QUESTION, "collections": [collection], "wait": False}
    response = client.post("/api/v1/answers", json=body)
    assert response.status_code == 202, response.text
    return response.json()["id"]


def read_until(client: httpx.Client, answer: str, tokens: int, after: int = 0) -> list[Sent]:
    """Events up to so many tokens, or to the end."""
    raw = b""
    headers = {"Last-Event-ID": str(after)}
    with client.stream("GET", f"/api/v1/answers/{answer}/events", headers=headers) as response:
        assert response.status_code == 200
        for piece in response.iter_bytes():
            raw += piece
            if raw.count(b"event: token") >= tokens:
                break
    return parse(raw[: raw.rindex(b"\n\n") + 2])


def ended(client: httpx.Client, answer: str) -> dict:
    """The answer once it has ended."""

    def look() -> dict | None:
        shown = client.get(f"/api/v1/answers/{answer}").json()
        return shown if shown["status"] not in ("queued", "searching", "writing") else None

    return until(look, 30, "the answer ends")


def test_a_killed_writer_is_told_within_five_seconds_and_the_part_is_kept(footnote: Stack, collection: str) -> None:
    with footnote.client() as client:
        answer = asked(client, collection)
        had = read_until(client, answer, 10)
        footnote.kill("answers")
        killed = time.monotonic()
        rest = read_until(client, answer, 10_000, after=had[-1].id)
        assert time.monotonic() - killed < 5
        shown = ended(client, answer)
    assert rest[-1].event == "error"
    assert (shown["status"], shown["error"]["code"]) == ("interrupted", "interrupted")
    assert text_of(had) + text_of(rest) == shown["text"]
    assert rest[-1].data["answer"]["text"] == shown["text"]
    until(lambda: footnote.pids().get("answers"), 20, "the supervisor starts the writer again")


def test_a_killed_web_process_costs_the_reader_nothing(footnote: Stack, collection: str) -> None:
    with footnote.client() as client:
        answer = asked(client, collection)
        had = read_until(client, answer, 10)
        footnote.kill("web")
        until(lambda: answers(client), 30, "the web process is back")
        rest = read_until(client, answer, 10_000, after=had[-1].id)
        shown = ended(client, answer)
    assert shown["status"] == "done"
    assert text_of(had) + text_of(rest) == shown["text"]


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_killed_redis_costs_neither_the_answer_nor_its_text(footnote: Stack, collection: str) -> None:
    with footnote.client() as client:
        answer = asked(client, collection)
        had = read_until(client, answer, 10)
        footnote.kill("valkey")
        rest = read_until(client, answer, 10_000, after=had[-1].id)
        shown = ended(client, answer)
    assert shown["status"] == "done"
    assert rest[-1].event == "done"
    assert text_of(had) + text_of(rest) == shown["text"]


def test_stop_frees_the_engine(footnote: Stack, collection: str, engine: FakeEngine) -> None:
    with footnote.client() as client:
        answer = asked(client, collection)
        read_until(client, answer, 5)
        assert engine.running == 1
        client.post(f"/api/v1/answers/{answer}/stop").raise_for_status()
        until(lambda: engine.running == 0, 2, "the engine's slot is free")
        assert ended(client, answer)["status"] == "stopped"

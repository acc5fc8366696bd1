"""The OpenAI-compatible client before a server with every fault, and the contract it shares with the fake."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from engines.models import Deadlines, EndpointSpec, OpenAIChatModel, Prices, probe, shared_client
from rag.errors import EngineError, EngineGarbage, EngineTimeout, EngineUnavailable
from rag.ports import Delta, Usage
from tests.engines.model_contract import SHORT, ChatModelContract, Subject, falls_to_zero
from tests.fake_engine import FakeEngine, fake_engine, never_accepts
from tests.fakes import FakeChatModel

SOON = Deadlines(connect=0.3, first_token=1.0, gap=0.4)
SLACK = 0.6
"""Seconds a busy machine may be late."""
SECRET = "sk-canary-5f1c"


@pytest.fixture
def server() -> Iterator[FakeEngine]:
    with fake_engine() as engine:
        yield engine


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with shared_client(SOON) as shared:
        yield shared


@pytest.fixture
def model(server: FakeEngine, client: httpx.Client) -> OpenAIChatModel:
    return a_model(server.base_url, client)


def a_model(base_url: str, client: httpx.Client, deadlines: Deadlines = SOON, **more: object) -> OpenAIChatModel:
    spec = EndpointSpec("gpu-1", base_url, **{"model": "tiny", "api_key": SECRET, "context_window": 2048, **more})  # type: ignore[arg-type]
    return OpenAIChatModel(spec, client=client, deadlines=deadlines)


def said(pieces: list[Delta]) -> str:
    return "".join(piece.text for piece in pieces)


class TestTheFake(ChatModelContract):
    @pytest.fixture
    def subject(self) -> Subject:
        words = [f"word{n} " for n in range(200)]
        model = FakeChatModel(words, pace=0.001, usage=Usage(30, 9, 16))
        return Subject(model, FakeChatModel(model="other"), lambda: model.running)


class TestTheClientBeforeAFakeServer(ChatModelContract):
    @pytest.fixture
    def subject(self, server: FakeEngine, client: httpx.Client) -> Subject:
        other = a_model(server.base_url, client, model="other")
        return Subject(a_model(server.base_url, client), other, lambda: server.running)


# ------------------------------------------------------------------------------------ what is sent


def test_it_asks_for_a_stream_with_usage_and_sends_the_key(server: FakeEngine, model: OpenAIChatModel) -> None:
    list(model.stream(SHORT, max_tokens=5))
    sent = server.requests[-1]
    assert sent["stream_options"] == {"include_usage": True}
    assert (sent["model"], sent["max_tokens"], sent["authorization"]) == ("tiny", 5, f"Bearer {SECRET}")
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]


def test_without_a_key_no_authorization_is_sent(server: FakeEngine, client: httpx.Client) -> None:
    list(a_model(server.base_url, client, api_key="").stream(SHORT, max_tokens=2))
    assert server.requests[-1]["authorization"] == ""


def test_a_connection_is_used_again(server: FakeEngine, model: OpenAIChatModel) -> None:
    for _ in range(4):
        list(model.stream(SHORT, max_tokens=2))
    assert server.connections == 1


def test_cached_tokens_are_read_and_cost_their_own_price(server: FakeEngine, client: httpx.Client) -> None:
    model = a_model(server.base_url, client, prices=Prices(prompt=1.0, cached=0.1, completion=2.0))
    usage = next(piece.usage for piece in model.stream(SHORT, max_tokens=2) if piece.usage)
    assert usage == Usage(30, 9, 16)
    assert model.cost(usage) == pytest.approx((14 * 1.0 + 16 * 0.1 + 9 * 2.0) / 1e6)


# ------------------------------------------------------------------------------------ tolerance


def test_a_server_that_gives_no_usage_is_fine(server: FakeEngine, model: OpenAIChatModel) -> None:
    server.mode = "no_usage"
    pieces = list(model.stream(SHORT, max_tokens=3))
    assert said(pieces) == "word0 word1 word2 "
    assert not any(piece.usage for piece in pieces)


def test_a_server_that_knows_no_stream_options_is_asked_without(server: FakeEngine, model: OpenAIChatModel) -> None:
    server.mode = "old"
    assert said(list(model.stream(SHORT, max_tokens=2))) == "word0 word1 "
    assert [("stream_options" in request) for request in server.requests] == [True, False]


def test_an_answer_that_was_cut_says_so(server: FakeEngine, model: OpenAIChatModel) -> None:
    server.mode = "length"
    assert "length" in [piece.finish for piece in model.stream(SHORT, max_tokens=3)]


# ------------------------------------------------------------------------------------ faults


@pytest.mark.parametrize(
    ("mode", "error", "words"),
    [
        ("error_500", EngineUnavailable, "server error"),
        ("overloaded", EngineUnavailable, "overloaded"),
        ("bad_key", EngineUnavailable, "refused the API key"),
        ("garbage", EngineGarbage, "stream of events"),
        ("html", EngineGarbage, "stream of events"),
        ("half_json", EngineGarbage, "not JSON"),
        ("disconnect", EngineUnavailable, "middle of the answer"),
        ("blank", EngineGarbage, "white space"),
        ("empty_chunks", EngineTimeout, "nothing more came"),
        ("comments", EngineTimeout, "no first token"),
        ("slow_first", EngineTimeout, "no first token"),
        ("silent", EngineTimeout, "no first token"),
        ("header_drip", EngineTimeout, "no first token"),
        ("stall", EngineTimeout, "nothing more came"),
    ],
)
def test_every_fault_ends_in_time_with_its_name(
    server: FakeEngine, model: OpenAIChatModel, mode: str, error: type[EngineError], words: str
) -> None:
    server.mode = mode
    began = time.monotonic()
    with pytest.raises(error, match=words):
        list(model.stream(SHORT, max_tokens=50))
    assert time.monotonic() - began < SOON.first_token + SOON.gap + SLACK
    assert falls_to_zero(lambda: server.running)


def test_an_empty_chunk_counts_as_the_first_token(server: FakeEngine, model: OpenAIChatModel) -> None:
    server.mode = "empty_chunks"
    with closing(model.stream(SHORT, max_tokens=5)) as stream:
        assert next(stream).text == ""


def test_a_port_that_nobody_listens_on_is_unavailable(client: httpx.Client) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        model = a_model(f"http://127.0.0.1:{unused.getsockname()[1]}/v1", client)
        with pytest.raises(EngineUnavailable, match="cannot be reached"):
            next(model.stream(SHORT, max_tokens=5))


def test_a_server_that_never_accepts_is_given_up(client: httpx.Client) -> None:
    with never_accepts() as base_url:
        began = time.monotonic()
        with pytest.raises(EngineTimeout, match="did not accept"):
            next(a_model(base_url, client).stream(SHORT, max_tokens=5))
        assert time.monotonic() - began < SOON.connect + SLACK


@pytest.mark.parametrize("base_url", ["not a url", "ftp://127.0.0.1/v1", "http://[broken/v1", ""])
def test_an_address_that_is_none_is_unavailable(client: httpx.Client, base_url: str) -> None:
    with pytest.raises(EngineUnavailable):
        next(a_model(base_url, client).stream(SHORT, max_tokens=5))


def test_a_stop_is_heard_while_the_engine_is_silent(server: FakeEngine, client: httpx.Client) -> None:
    server.mode = "silent"
    patient = a_model(server.base_url, client, Deadlines(first_token=20))
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()
    assert list(patient.stream(SHORT, max_tokens=5, stopped=stop.is_set)) == []
    assert time.monotonic() - began < 2
    assert falls_to_zero(lambda: server.running)


def test_hundreds_of_streams_share_the_client(server: FakeEngine, client: httpx.Client) -> None:
    model = a_model(server.base_url, client, Deadlines(first_token=20, gap=20))
    server.pace = 0.05
    streams = [model.stream(SHORT, max_tokens=3) for _ in range(200)]
    answers: list[str] = []
    threads = [threading.Thread(target=lambda s=s: answers.append(said(list(s)))) for s in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == ["word0 word1 word2 "] * 200


# ------------------------------------------------------------------------------------ secrets and probes


@pytest.mark.parametrize("mode", ["bad_key", "error_500", "garbage", "paced"])
def test_the_key_is_in_no_error_log_or_repr(
    server: FakeEngine, model: OpenAIChatModel, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    caplog.set_level(logging.DEBUG)
    server.mode = mode
    shown = repr(model) + repr(model.spec)
    try:
        list(model.stream(SHORT, max_tokens=3))
    except EngineError as error:
        shown += error.message + repr(error)
    assert SECRET not in shown + caplog.text


def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(server: FakeEngine, client: httpx.Client) -> None:
    for key in (f"{SECRET}\n", f"{SECRET}é"):
        with pytest.raises(EngineUnavailable, match="cannot be sent") as caught:
            next(a_model(server.base_url, client, api_key=key).stream(SHORT, max_tokens=3))
        assert SECRET not in str(caught.value)


def test_a_probe_is_a_real_completion(server: FakeEngine, model: OpenAIChatModel, client: httpx.Client) -> None:
    found = probe(model.spec, client=client, deadlines=SOON)
    assert found.ok
    assert "answered with tiny" in found.message
    assert server.requests[-1]["max_tokens"] == 1


def test_a_probe_says_in_words_what_is_wrong(server: FakeEngine, model: OpenAIChatModel, client: httpx.Client) -> None:
    server.mode = "error_500"
    found = probe(model.spec, client=client, deadlines=SOON)
    assert (found.ok, found.message) == (False, "gpu-1 does not answer: it answered with a server error (500).")

"""Every encoder keeps the port's promises: the fake, OpenVINO, sentence-transformers, and a server's."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from django.conf import settings

from engines import embedding
from engines.embedding import bundled, preparing
from engines.embedding.batching import MicroBatcher
from engines.embedding.http import HttpEmbedder, base_url
from engines.embedding.openvino_cpu import OpenVinoEmbedder
from rag.errors import EngineGarbage, EngineTimeout, EngineUnavailable
from rag.ports import Embedder, Vectors
from tests.fakes_search import FakeEmbedder

PROJECT = Path(__file__).resolve().parents[2]
# Half a minute on two cores, so not in `make test`; CI runs them with the extras, on one worker.
TORCH = (pytest.mark.slow, pytest.mark.xdist_group("torch"))
ODD_TEXTS = ["", " ", "\x00", "😀", "?!…", "Zürich 東京", "word " * 5000, "a" * 8000]


@pytest.fixture(scope="session")
def converted() -> Path:
    """The converted encoder, made at first need and kept between runs."""
    return preparing.prepare(settings.CACHE_DIR)


@pytest.fixture(scope="session")
def openvino_embedder(converted: Path) -> OpenVinoEmbedder:
    return OpenVinoEmbedder(converted)


@pytest.fixture(scope="session")
def torch_embedder() -> Embedder:
    return sentence_transformers_embedder(bundled.NAME)


def sentence_transformers_embedder(name: str) -> Embedder:
    """Torch takes seconds to import: only the worker whose tests need it waits for it."""
    return embedding.load("sentence-transformers", model=name, cache_dir=settings.CACHE_DIR)


def embedding_server(request: httpx.Request) -> httpx.Response:
    """What a /v1/embeddings server does, with vectors that are not of length 1 and rows out of order."""
    if request.url.path == "/v1/models":
        return httpx.Response(200, json={"data": [{"id": "served", "max_model_len": 300}]})
    assert request.url.path == "/v1/embeddings"
    texts = json.loads(request.content)["input"]
    if not all(texts):
        return httpx.Response(400, json={"error": {"message": "empty input"}})
    vectors = FakeEmbedder().embed_passages(texts) * 3
    rows = [{"index": at, "embedding": vector.tolist()} for at, vector in enumerate(vectors)]
    return httpx.Response(200, json={"data": rows[::-1]})


def http_embedder(handler: Callable[[httpx.Request], httpx.Response] = embedding_server) -> HttpEmbedder:
    return HttpEmbedder("http://embeddings.test", "served", client=httpx.Client(transport=httpx.MockTransport(handler)))


@pytest.fixture(params=["fake", "openvino", pytest.param("sentence-transformers", marks=TORCH), "http"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    if request.param == "fake":
        return FakeEmbedder()
    if request.param == "http":
        return http_embedder()
    name = "openvino_embedder" if request.param == "openvino" else "torch_embedder"
    found: Embedder = request.getfixturevalue(name)
    return found


# ------------------------------------------------------------------------------------ the contract


def test_gives_unit_vectors_in_the_order_of_the_texts(embedder: Embedder) -> None:
    texts = [f"The {thing} is kept in room {n}. " * (1 + n % 5) for n, thing in enumerate(["pump", "valve", "key"] * 7)]
    vectors = embedder.embed_passages(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (21, embedder.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)
    for at in (0, 7, 20):
        alone = embedder.embed_passages([texts[at]])[0]
        assert vectors[at] @ alone == pytest.approx(1, abs=2e-3)


def test_takes_any_text(embedder: Embedder) -> None:
    vectors = embedder.embed_passages(ODD_TEXTS)
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)
    for text in ODD_TEXTS:
        assert np.linalg.norm(embedder.embed_query(text)) == pytest.approx(1, abs=1e-4)


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert embedder.embed_passages([]).shape == (0, embedder.dimension)
    assert embedder.count_tokens([]) == []


def test_a_query_meets_the_passage_that_answers_it(embedder: Embedder) -> None:
    query = embedder.embed_query("opening hours of the library")
    assert query.shape == (embedder.dimension,)
    assert query.dtype == np.float32
    near, far = embedder.embed_passages(["The opening hours of the library are 9 to 5.", "Penguins cannot fly."])
    assert query @ near > query @ far + 0.2


def test_concurrent_queries_get_their_own_vectors(embedder: Embedder) -> None:
    texts = [f"question {n} about topic {n * 7}" for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(embedder.embed_query, texts))
    for text, vector in zip(texts, together, strict=True):
        assert vector @ embedder.embed_query(text) == pytest.approx(1, abs=2e-3)


def test_counts_tokens_without_cutting(embedder: Embedder) -> None:
    short, long, empty = embedder.count_tokens(["three short words", "word " * 2000, ""])
    assert (short, empty) == (3, 0)
    assert long == 2000
    assert embedder.max_tokens >= 100
    assert embedder.model


def test_what_is_longer_than_max_tokens_is_cut(embedder: Embedder) -> None:
    fitting = "word " * embedder.max_tokens
    vectors = embedder.embed_passages([fitting, fitting + "and quite another thing " * 200])
    if isinstance(embedder, HttpEmbedder):
        pytest.skip("the server cuts, not we")
    assert vectors[0] @ vectors[1] == pytest.approx(1, abs=1e-3)


# ---------------------------------------------------------------------------- the bundled encoder


@pytest.mark.slow
@pytest.mark.xdist_group("torch")
def test_openvino_and_sentence_transformers_are_one_model(
    openvino_embedder: OpenVinoEmbedder, torch_embedder: Embedder
) -> None:
    texts = ["A refund takes 14 days.", "Ünïcode & numbers 3.14", "token " * 700, "x", "Wie lange dauert das?"]
    assert openvino_embedder.model == torch_embedder.model == bundled.IDENTITY
    assert openvino_embedder.max_tokens == torch_embedder.max_tokens
    assert openvino_embedder.count_tokens(texts) == torch_embedder.count_tokens(texts)
    cosines = (openvino_embedder.embed_passages(texts) * torch_embedder.embed_passages(texts)).sum(axis=1)
    assert cosines.min() >= 0.99
    for text in texts:
        assert openvino_embedder.embed_query(text) @ torch_embedder.embed_query(text) >= 0.999


def test_the_cpu_path_imports_neither_torch_nor_transformers(converted: Path) -> None:
    program = """
import sys, pathlib
from engines.embedding import load
embedder = load("auto", model="all-MiniLM-L6-v2", cache_dir=pathlib.Path(sys.argv[1]))
embedder.embed_query("hello"); embedder.embed_passages(["hello", "there"])
heavy = {"torch", "transformers", "sentence_transformers"} & set(sys.modules)
print(type(embedder).__name__, sorted(heavy))
"""
    command = [sys.executable, "-c", program, str(settings.CACHE_DIR)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.split(maxsplit=1) == ["OpenVinoEmbedder", "[]\n"]


@pytest.mark.slow
def test_the_first_use_by_many_threads_does_not_hang(converted: Path) -> None:
    # Threads that take turns this often met a deadlock of OpenVINO's in one start of eight.
    program = """
import sys, pathlib
sys.setswitchinterval(1e-6)
from engines.embedding.openvino_cpu import OpenVinoEmbedder
print(OpenVinoEmbedder(pathlib.Path(sys.argv[1])).embed_passages(["some words " * n for n in range(1, 20)]).shape)
"""
    command = [sys.executable, "-c", program, str(converted)]
    for _ in range(3):
        done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, check=True, timeout=60)
        assert done.stdout == "(19, 384)\n"


def test_preparing_again_does_nothing(converted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in converted.iterdir()}
    assert preparing.prepare(settings.CACHE_DIR) == converted
    assert {path.name: path.stat().st_mtime_ns for path in converted.iterdir()} == before
    assert capsys.readouterr().out.count("\n") == 1


def test_a_damaged_conversion_is_refused_and_not_chosen(converted: Path, tmp_path: Path) -> None:
    copy = bundled.converted_folder(tmp_path)
    copy.mkdir(parents=True)
    for path in converted.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    choose = {"model": bundled.NAME, "cache_dir": tmp_path}
    assert embedding.choose_backend("openvino", **choose) == "openvino"
    weights = bytearray((copy / "model.bin").read_bytes())
    weights[len(weights) // 2] ^= 1
    (copy / "model.bin").write_bytes(weights)
    assert not preparing.is_usable(copy)
    assert embedding.choose_backend("auto", **choose) == "sentence-transformers"
    with pytest.raises(embedding.UnusableModel, match="damaged"):
        OpenVinoEmbedder(copy)


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / bundled.WEIGHTS).write_bytes(b"something else")
    with pytest.raises(embedding.UnusableModel, match="not the published"):
        bundled.check_weights(tmp_path)
    with pytest.raises(embedding.UnusableModel, match="cannot be read"):
        bundled.check_weights(tmp_path / "nowhere")


def test_a_conversion_that_takes_too_long_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "CONVERSION_SECONDS", 0.2)
    with pytest.raises(embedding.UnusableModel, match="took over"):
        preparing.prepare(tmp_path)
    assert [path.name for path in (tmp_path / "embedding").iterdir()] == ["preparing.lock"]


@pytest.mark.parametrize(
    ("backend", "model", "url", "chosen"),
    [
        ("auto", "all-MiniLM-L6-v2", "", "sentence-transformers"),
        ("auto", "some/other-model", "", "sentence-transformers"),
        ("auto", "some/other-model", "http://server", "http"),
        ("sentence-transformers", "all-MiniLM-L6-v2", "", "sentence-transformers"),
    ],
)
def test_auto_takes_what_is_there(backend: str, model: str, url: str, chosen: str, tmp_path: Path) -> None:
    assert embedding.choose_backend(backend, model=model, cache_dir=tmp_path, url=url) == chosen


@pytest.mark.slow
@pytest.mark.xdist_group("torch")
def test_what_cannot_be_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(embedding.UnusableModel, match="EMBEDDING_URL"):
        embedding.choose_backend("http", model="m", cache_dir=tmp_path)
    with pytest.raises(embedding.UnusableModel, match="bundled"):
        embedding.choose_backend("openvino", model="other", cache_dir=tmp_path)
    with pytest.raises(embedding.UnusableModel, match="is not on this machine"):
        sentence_transformers_embedder("nobody/has-this-model")


# ----------------------------------------------------------------------------------- a server's vectors


def failing(*answers: httpx.Response | Exception) -> Callable[[httpx.Request], httpx.Response]:
    """A server that answers well once (to be constructed), then with these, then well again."""
    left = [None, *answers]

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/models" or not left or (answer := left.pop(0)) is None:
            return embedding_server(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handle


def test_a_moment_of_trouble_is_tried_again() -> None:
    embedder = http_embedder(failing(httpx.Response(503), httpx.ConnectError("refused")))
    assert embedder.embed_passages(["text"]).shape == (1, 32)


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([httpx.Response(500)] * 3, EngineUnavailable),
        ([httpx.Response(401)], EngineUnavailable),
        ([httpx.ReadTimeout("slow")], EngineTimeout),
        ([httpx.Response(200, text="<html>")], EngineGarbage),
        ([httpx.Response(200, json={"data": []})], EngineGarbage),
        ([httpx.Response(200, json={"data": [{"index": 0, "embedding": [1.0, 2.0]}]})], EngineGarbage),
    ],
)
def test_a_servers_failure_is_named(answers: list[httpx.Response | Exception], error: type[Exception]) -> None:
    with pytest.raises(error):
        http_embedder(failing(*answers)).embed_query("text")


@pytest.mark.parametrize("url", ["http://h", "http://h/", "http://h/v1", "http://h/v1/", "http://h/v1/embeddings"])
def test_takes_the_address_as_people_write_it(url: str) -> None:
    assert base_url(url) == "http://h/v1"


# ------------------------------------------------------------------------------------------- batching


def test_queries_that_come_while_the_encoder_is_busy_go_together() -> None:
    sizes: list[int] = []
    busy, go_on = threading.Event(), threading.Event()

    def run(texts: list[str]) -> Vectors:
        sizes.append(len(texts))
        busy.set()
        go_on.wait(5)
        return np.array([[float(text)] for text in texts], np.float32)

    batcher = MicroBatcher(run, limit=16)
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(batcher, "0")
        busy.wait(5)
        others = [pool.submit(batcher, str(n)) for n in range(1, 10)]
        while batcher.waiting() < 9:
            pass
        go_on.set()
        assert [future.result()[0] for future in [first, *others]] == list(range(10))
    assert sizes == [1, 9]


def test_an_error_reaches_its_callers_and_the_next_query_works() -> None:
    def run(texts: list[str]) -> Vectors:
        if "bad" in texts:
            raise ValueError("no")
        return np.ones((len(texts), 1), np.float32)

    batcher = MicroBatcher(run)
    with pytest.raises(ValueError, match="no"):
        batcher("bad")
    assert batcher("good")[0] == 1

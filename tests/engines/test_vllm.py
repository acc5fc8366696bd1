"""The same contract before a real vLLM, with a tiny model of random weights.

Run by `make test-engine` (pytest -m vllm). With VLLM_BASE_URL and VLLM_MODEL it asks that server; else it
makes the model and starts vLLM itself where `.venv-engine` is installed.
"""

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from engines.models import Deadlines, EndpointSpec, OpenAIChatModel, probe, shared_client, vllm
from rag.ports import Message, Usage
from tests.conftest import PROJECT
from tests.engines.model_contract import SHORT, ChatModelContract, Subject

pytestmark = pytest.mark.vllm

VENV = Path(os.environ.get("VLLM_VENV", PROJECT / ".venv-engine"))
PATIENT = Deadlines(connect=2, first_token=60, gap=60)
CONTEXT_WINDOW = 2048
SMALL = [
    *("--max-model-len", str(CONTEXT_WINDOW), "--max-num-seqs", "64"),
    *("--structured-outputs-config", '{"backend":"xgrammar","disable_any_whitespace":true}'),
]


def free_port() -> int:
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return int(probe_socket.getsockname()[1])


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EndpointSpec]:
    """A served tiny model: the one that is named, or one started here and stopped afterwards."""
    if url := os.environ.get("VLLM_BASE_URL"):
        yield EndpointSpec("vllm", url, os.environ.get("VLLM_MODEL", "tiny"), context_window=CONTEXT_WINDOW)
        return
    if not vllm.installed(VENV, gpu=vllm.has_nvidia_gpu()):
        pytest.skip(f"no VLLM_BASE_URL, and no vLLM in {VENV} (manage.py engine --setup-only makes it)")
    folder = tmp_path_factory.mktemp("engine")
    made = [str(VENV / "bin" / "python"), str(PROJECT / "scripts" / "make_test_model.py"), str(folder / "tiny")]
    subprocess.run(made, check=True, capture_output=True)
    with started(folder) as base_url:
        yield EndpointSpec("vllm", base_url, "tiny", context_window=CONTEXT_WINDOW)


class started:
    """vLLM serving `folder/tiny` on a free port while the block runs; its log is kept beside the model."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.log = folder, free_port(), folder / "vllm.log"

    def __enter__(self) -> str:
        gpu = vllm.has_nvidia_gpu()
        base_url = f"http://127.0.0.1:{self.port}/v1"
        command = vllm.serve_command(VENV, str(self.folder / "tiny"), port=self.port, name="tiny", gpu=gpu, extra=SMALL)
        with self.log.open("wb") as log:
            self.server = vllm.start(command, gpu=gpu, output=log.fileno())
        try:
            vllm.wait_until_ready(base_url, self.server, say=lambda words: None, seconds=240)
        except vllm.EngineSetupError as error:
            vllm.stop(self.server)
            raise AssertionError(f"{error}\n{self.log.read_text()[-3000:]}") from error
        return base_url

    def __exit__(self, *exception: object) -> None:
        vllm.stop(self.server)


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    with shared_client(PATIENT) as shared:
        yield shared


@pytest.fixture(scope="session")
def model(spec: EndpointSpec, client: httpx.Client) -> OpenAIChatModel:
    # The first completion compiles; no test's deadline should pay for that.
    model = OpenAIChatModel(spec, client=client, deadlines=PATIENT)
    list(model.stream(SHORT, max_tokens=4))
    return model


def running(spec: EndpointSpec) -> int:
    """What the engine itself says it runs."""
    text = httpx.get(spec.base_url.removesuffix("/v1") + "/metrics", timeout=10, trust_env=False).text
    return int(
        sum(float(value) for value in re.findall(r"^vllm:num_requests_running\{[^}]*\} (\S+)", text, re.MULTILINE))
    )


class TestTheClientBeforeVllm(ChatModelContract):
    @pytest.fixture
    def subject(self, model: OpenAIChatModel, spec: EndpointSpec, client: httpx.Client) -> Subject:
        unknown = OpenAIChatModel(
            EndpointSpec("vllm", spec.base_url, "no-such-model"), client=client, deadlines=PATIENT
        )
        return Subject(model, unknown, lambda: running(spec))


def test_a_probe_finds_it(model: OpenAIChatModel, client: httpx.Client) -> None:
    found = probe(model.spec, client=client, deadlines=PATIENT)
    assert found.ok, found.message


def test_a_shared_prefix_is_cached_and_counted(model: OpenAIChatModel) -> None:
    passages = " ".join(f"passage {n} says that colour {n * 7} is number {n}." for n in range(60))
    taken: list[Usage] = []
    for question in ("What is it?", "Which one?"):
        messages = [Message("system", passages), Message("user", question)]
        with closing(model.stream(messages, max_tokens=4)) as stream:
            taken += [piece.usage for piece in stream if piece.usage]
    assert taken[1].prompt_tokens > 500
    # Blocks of the shared 60 sentences; only the question after them is new.
    assert taken[1].cached_tokens > taken[1].prompt_tokens / 2

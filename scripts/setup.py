"""Makes .venv and what lies in it what the locks say: `scripts/setup [EXTRA ...]`. Standard library only.

Nothing to do takes a few milliseconds. Which indexes pip asks is the user's configuration alone; the one host this
project names is PyTorch's own index of CPU builds, handed in as TORCH_CPU_INDEX by the Makefile.

Environment: TORCH=cpu|cuda (default: cuda where an NVIDIA GPU is found), TORCH_CPU_INDEX, PYTHON.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "footnote-setup.json"
TORCH = "2.13.0"
NEEDED_GB = {"cpu": 3, "cuda": 9}
IMPATIENT = ["--timeout", "10", "--retries", "1"]


def say(text: str) -> None:
    print(f"setup: {text}", flush=True)


def refuse(sentence: str) -> None:
    sys.exit(f"Footnote cannot be set up: {sentence}")


def digest(*paths: Path) -> str:
    """Changes when one of the files does."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def read_stamp() -> dict[str, str]:
    """What stands in .venv, by the name of a step; empty where nothing does."""
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def wanted_torch() -> str:
    """`cuda` where TORCH says so, or where it says nothing and an NVIDIA GPU is there."""
    choice = os.environ.get("TORCH", "")
    if choice not in ("", "cpu", "cuda"):
        refuse(f"TORCH is {choice!r}; say TORCH=cpu or TORCH=cuda, or leave it out.")
    return choice or ("cuda" if has_nvidia_gpu() else "cpu")


def has_nvidia_gpu() -> bool:
    """The driver's tool alone proves nothing: images carry it to machines without a GPU."""
    if Path("/dev/nvidia0").exists():
        return True
    tool = shutil.which("nvidia-smi")
    return bool(tool) and "GPU 0" in subprocess.run([tool, "-L"], capture_output=True, text=True).stdout


def disk_has_room(gigabytes: int) -> None:
    free = shutil.disk_usage(ROOT).free / 2**30
    if free < gigabytes:
        refuse(f"{ROOT} has {free:.1f} GB of disk left and the environment needs {gigabytes} GB; free some space.")


def make_environment() -> None:
    """The virtual environment; one of a Python that has gone is made anew."""
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", ""], capture_output=True).returncode == 0:
        return
    say(f"making .venv with Python {platform.python_version()}")
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True)
    if done.returncode:
        refuse(f"Python's venv module does not work ({last_line(done)}); on Debian, `apt install python3-venv`.")


def last_line(done: "subprocess.CompletedProcess[str]") -> str:
    lines = [line.strip() for line in (done.stderr + "\n" + done.stdout).splitlines() if line.strip()]
    return lines[-1] if lines else f"exit status {done.returncode}"


def pip(*words: str, quiet: bool = False) -> "subprocess.CompletedProcess[str]":
    """pip as the user has configured it."""
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-qq", *words]
    return subprocess.run(command, capture_output=quiet, text=True)


def torch_attempts(kind: str) -> list[list[str]]:
    """Ways to get torch, best first. None of the ways to `cpu` can bring CUDA's gigabytes: a local version such as
    `+cpu` exists on no public index but PyTorch's own, and --no-index asks none at all."""
    if kind == "cuda":
        return [[f"torch=={TORCH}"]]
    if sys.platform == "darwin":
        return [["--no-deps", f"torch=={TORCH}"]]
    attempts = [["--no-deps", *IMPATIENT, f"torch=={TORCH}+cpu"]]
    if index := os.environ.get("TORCH_CPU_INDEX"):
        attempts.append(["--no-deps", *IMPATIENT, "--extra-index-url", index, f"torch=={TORCH}+cpu"])
    attempts.append(["--no-deps", "--no-index", f"torch=={TORCH}"])
    return attempts


def install_torch(kind: str) -> None:
    say(f"installing torch {TORCH} ({kind})")
    # The other build has the same version, so pip would think that nothing is to be done.
    subprocess.run([PYTHON, "-m", "pip", "uninstall", "-y", "-q", "torch"], capture_output=True)
    for words in torch_attempts(kind):
        done = pip(*words, quiet=True)
        if done.returncode == 0:
            return
    refuse(
        f"no {kind} build of torch {TORCH} for Python {platform.python_version()} on {platform.machine()} was found "
        f"({last_line(done)}); set TORCH_CPU_INDEX to an index that has one, PIP_FIND_LINKS to a folder that has one, "
        "or TORCH=cuda to take the one on the package index."
    )


def install_locks(names: list[str]) -> None:
    say(f"installing what requirements/ locks for {', '.join(names)} (the first time takes minutes)")
    locks = [word for name in names for word in ("-r", str(ROOT / "requirements" / f"{name}.lock"))]
    if pip("--require-hashes", "--no-deps", *locks).returncode:
        refuse("pip could not install the locked packages; what it says stands above. Then run it again.")


def prepare_models() -> None:
    say("preparing the embedding model")
    if subprocess.run([PYTHON, "manage.py", "setup_models"], cwd=ROOT).returncode:
        refuse("the embedding model could not be prepared; what it says stands above.")


def model_key() -> str:
    """Changes when the model may have to be prepared anew; where that is not so, preparing is quick."""
    env_file = ROOT / ".env"
    chosen = repr(sorted((k, v) for k, v in os.environ.items() if k.startswith("EMBEDDING_") or k == "CACHE_DIR"))
    cache = Path(os.environ.get("CACHE_DIR") or ROOT / ".cache")
    return f"{chosen} {digest(env_file) if env_file.is_file() else ''} {cache.is_dir()}"


def main(extras: list[str]) -> None:
    started = time.monotonic()
    for extra in extras:
        if not (ROOT / "requirements" / f"{extra}.lock").is_file():
            known = sorted(path.stem for path in (ROOT / "requirements").glob("*.lock") if path.stem != "base")
            refuse(f"there is no extra {extra!r}; choose among {', '.join(known)}.")
    stamp = read_stamp() if PYTHON.exists() else {}
    kind = wanted_torch()
    locks = {name: digest(ROOT / "requirements" / f"{name}.lock") for name in ["base", *extras]}
    stale = [name for name, key in locks.items() if stamp.get(name) != key]
    if stamp.get("torch") != f"{TORCH} {kind}" or stale:
        disk_has_room(NEEDED_GB[kind] if "base" in stale else 1)
        make_environment()
        if stamp.get("torch") != f"{TORCH} {kind}":
            install_torch(kind)
        if stale:
            install_locks(stale)
        stamp |= {**locks, "torch": f"{TORCH} {kind}"}
        STAMP.write_text(json.dumps(stamp, indent=1))
    if stamp.get("model") != f"{locks['base']} {model_key()}":
        prepare_models()
        stamp["model"] = f"{locks['base']} {model_key()}"
        STAMP.write_text(json.dumps(stamp, indent=1))
        say(f"done in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])

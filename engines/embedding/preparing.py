"""Set-up of the bundled encoder: checked, converted and verified once, kept in CACHE_DIR."""

import json
import os
import shutil
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

from engines.embedding import bundled
from engines.files import locked, sweep

PROJECT = Path(__file__).resolve().parent.parent.parent
CONVERSION_SECONDS = 600


def prepare(cache_dir: Path) -> Path:
    """The folder OpenVinoEmbedder loads, made if it is not there or damaged, tuned to this processor; prints
    one line.

    May be called again and by several processes at once; one converts, the others wait for it. Raises UnusableModel.
    """
    folder = bundled.converted_folder(cache_dir)
    with locked(folder.parent / "preparing.lock"):
        if not is_usable(folder):
            sweep(folder.parent)
            shutil.rmtree(folder, ignore_errors=True)
            bundled.check_weights(bundled.source())
            done = convert(bundled.source(), folder)
        else:
            done = f"{bundled.IDENTITY} is converted and whole"
        print(f"Encoder: {done}; {tune(folder)}.", flush=True)
    return folder


def is_usable(folder: Path) -> bool:
    """Whether a whole, verified conversion lies there; reads every byte of it (45 MB, some 50 ms)."""
    try:
        bundled.read_manifest(folder)
    except bundled.UnusableModel:
        return False
    return True


def tune(folder: Path) -> str:
    """Finds the fastest way to encode on this processor (some 10 s) unless that is known; tells it in words."""
    way = import_module("engines.embedding.openvino_cpu").OpenVinoEmbedder(folder).tune()
    return f"fastest here is {way}"


def convert(source: Path, folder: Path) -> str:
    """Runs engines.embedding.conversion in a process of its own; gives a line for people. Raises UnusableModel."""
    started = time.monotonic()
    # OpenVINO's converter reports its use to its maker unless it believes to be in CI; Footnote reports nothing.
    environment = {**os.environ, "CI": "true", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, "-m", "engines.embedding.conversion", str(source), str(folder)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, our own paths
            command,
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=CONVERSION_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise bundled.UnusableModel(f"Converting the encoder took over {CONVERSION_SECONDS} s; try again.") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        raise bundled.UnusableModel(f"The encoder could not be converted: {reason}")
    cosines = json.loads(done.stdout.strip().splitlines()[-1])
    shown = ", ".join(f"{name} {value:.5f}" for name, value in cosines.items())
    return f"{bundled.IDENTITY} converted and verified in {time.monotonic() - started:.0f} s (cosine {shown})"

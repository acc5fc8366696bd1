"""A Python of our own code and nobody's secrets: how the processes that touch documents are started."""

import os
import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[2])
_START = (
    "import sys, json; sys.path.insert(0, sys.argv[1]); from engines.parsing.{module} import main; "
    "main(*json.loads(sys.argv[2]))"
)
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def command(module: str, arguments: str) -> list[str]:
    """The command line that calls `main` of a module of this folder with a JSON list of arguments."""
    return [sys.executable, "-I", "-B", "-X", "utf8", "-c", _START.format(module=module), _ROOT, arguments]


def environment() -> dict[str, str]:
    """No secret of the parent's: only what an interpreter may need to find its libraries.

    Libraries that keep a thread for each core are told to keep one: what has threads cannot be forked.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **threads, **kept}

"""What the tests of child processes share: documents that do harm, and looking whether a process is gone."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engines.parsing import Format, Limits, extract
from rag.errors import ParsingError
from rag.types import Page

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits(memory_mb=400, cpu_seconds=20, wall_seconds=30)
HOSTILE = Format("Hostile", (".hostile",), "text/x-hostile", "tests.files.hostile")
Hostile = Callable[..., Iterator[Page]]


def reading(folder: Path) -> Hostile:
    """Reads a document that tells its reader what harm to do; HOSTILE must be among the formats."""

    def read(what: str, limits: Limits = LIMITS, cancelled: Callable[[], bool] = lambda: False) -> Iterator[Page]:
        path = folder / "document"
        path.write_text(what)
        return extract(path, HOSTILE.media_type, limits=limits, cancelled=cancelled)

    return read


def refused(pages: Iterator[Page]) -> ParsingError:
    with pytest.raises(ParsingError) as caught:
        list(pages)
    return caught.value


def is_gone(process: int, seconds: float = 3) -> bool:
    """Whether a process ends (or is only waited for by its parent) within this time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False

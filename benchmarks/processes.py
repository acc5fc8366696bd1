"""Memory of a whole Footnote: the process `manage.py up` and everything it started."""

import threading
import time
from pathlib import Path

EVERY_SECONDS = 0.25


def descendants(root: int) -> set[int]:
    """The process and all that descend from it now (Linux)."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(status.parent.name)] = int(fields[1])
    found, grew = {root}, True
    while grew:
        new = {pid for pid, parent in parents.items() if parent in found} - found
        found, grew = found | new, bool(new)
    return found


def megabytes(pids: set[int]) -> float:
    """Proportional set size of the processes together: what several share counts once."""
    total = 0
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1000


class Peak:
    """The most memory that a process and its descendants took together while the block ran, in `.megabytes`."""

    def __init__(self, root: int | None) -> None:
        self.megabytes = float("nan") if root is None else 0.0
        self._root = root
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Peak":
        if self._root is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._root is not None:
            self._thread.join()

    def _look(self) -> None:
        assert self._root is not None
        while not self._done.is_set():
            self.megabytes = max(self.megabytes, megabytes(descendants(self._root)))
            time.sleep(EVERY_SECONDS)

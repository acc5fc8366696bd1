"""What `manage.py index` prints of a collection's index: words, and a row of a table."""

from collections.abc import Iterator, Sequence
from typing import Any
from unicodedata import east_asian_width

from engines.index.inspection import Held

COLUMNS = ["Collection", "Documents", "Chunks", "Revision", "Snapshot", "At", "Size", "Age", "Outside", "Lexical"]
LEGEND = (
    "Snapshot: chunks whose vectors lie on this machine's disk, At which revision. Outside: chunks that are not in it "
    "and are read from the database. Lexical: chunks in the lexical index on the disk."
)


def on_disk(held: Held) -> str:
    """The snapshot in words."""
    if held.snapshot is None:
        return "nothing on the disk"
    return f"{held.snapshot.rows} chunks at revision {held.snapshot.revision} in {_size(held.snapshot.bytes)}"


def _cells(facts: dict[str, Any]) -> list[str]:
    """A collection's row of the table."""
    snapshot, lexical = facts["snapshot"], facts["lexical"]
    on_disk = ["none (small)" if facts["small"] else "none yet", "", "", ""]
    if snapshot:
        rows, revision, size, age = snapshot.values()
        on_disk = [str(rows), str(revision), _size(size), _age(age)]
    numbers = [str(facts[name]) for name in ("documents", "chunks", "revision")]
    return [facts["name"], *numbers, *on_disk, str(facts["outside"]), str(lexical["rows"]) if lexical else "none"]


def table(facts: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A line for each collection, names to the left, numbers to the right."""
    rows = [COLUMNS, *(_cells(row) for row in facts)]
    widths = [max(_width(cell) for cell in column) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [
            first + " " * (widths[0] - _width(first)),
            *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)),
        ]
        yield "  ".join(cells)


def _width(text: str) -> int:
    """Columns of a terminal: Chinese, Japanese and Korean signs take two."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"

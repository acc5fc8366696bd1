"""The shapes of a slide in the order in which they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Shapes that begin within a third of an inch (in EMU) of one another stand in one row.
_SAME_ROW = 914_400 // 3
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Corner:
    """The top left corner of a shape, in EMU (914,400 to an inch)."""

    top: int
    left: int


def in_reading_order(placed: Sequence[tuple[Corner | None, Any]]) -> list[Any]:
    """From top to bottom, in a row from left to right; a shape without a place stays at the end."""
    found = sorted(((corner, shape) for corner, shape in placed if corner is not None), key=lambda each: each[0].top)
    rows: list[list[tuple[Corner, Any]]] = []
    for corner, shape in found:
        if rows and corner.top - rows[-1][0][0].top <= _SAME_ROW:
            rows[-1].append((corner, shape))
        else:
            rows.append([(corner, shape)])
    ordered = [shape for row in rows for _, shape in sorted(row, key=lambda each: each[0].left)]
    return ordered + [shape for corner, shape in placed if corner is None]


def left_out(hidden: list[int]) -> str:
    """The warning that names the hidden slides."""
    names = ", ".join(map(str, hidden[:_NAMED])) + (" and more" if len(hidden) > _NAMED else "")
    return f"Hidden slides were left out: {names}."

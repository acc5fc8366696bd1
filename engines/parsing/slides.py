"""The shapes of a slide in the order in which they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# What stands for the height of a shape that does not tell it: two thirds of an inch, in EMU.
_USUAL_HEIGHT = 914_400 * 2 // 3
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Place:
    """The top left corner of a shape and its height, in EMU (914,400 to an inch)."""

    top: int
    left: int
    height: int = 0

    def is_beside(self, other: "Place") -> bool:
        """Whether a shape that begins no higher stands in a row with another: half of the lower one is beside it."""
        return self.top - other.top <= min(self.height or _USUAL_HEIGHT, other.height or _USUAL_HEIGHT) // 2


def in_reading_order(placed: Sequence[tuple[Place | None, Any]]) -> list[Any]:
    """From top to bottom, in a row from left to right; a shape without a place stays at the end."""
    found = sorted(((place, shape) for place, shape in placed if place is not None), key=lambda each: each[0].top)
    rows: list[list[tuple[Place, Any]]] = []
    for place, shape in found:
        if rows and place.is_beside(rows[-1][0][0]):
            rows[-1].append((place, shape))
        else:
            rows.append([(place, shape)])
    ordered = [shape for row in rows for _, shape in sorted(row, key=lambda each: each[0].left)]
    return ordered + [shape for place, shape in placed if place is None]


def left_out(hidden: list[int]) -> str:
    """The warning that names the hidden slides."""
    names = ", ".join(map(str, hidden[:_NAMED])) + (" and more" if len(hidden) > _NAMED else "")
    return f"Hidden slides were left out: {names}."

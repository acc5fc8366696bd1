"""What a format module tells besides its pages."""

from collections.abc import Callable
from dataclasses import dataclass


def _nothing(_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Report:
    """Where a format module says how many pages to expect and what it had to leave out."""

    total: Callable[[int], None] = _nothing
    warning: Callable[[str], None] = _nothing
    """One sentence for the uploader; the document is still read."""

"""What a format module tells besides its pages."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


def _nothing(_: object) -> None:
    """Nobody listens."""


def _unread(_name: str, _pieces: Iterable[bytes]) -> None:
    """Nobody takes the files that are within."""


@dataclass(frozen=True, slots=True)
class Report:
    """Where a format module says how many pages to expect, what it left out, and which files are within."""

    total: Callable[[int], None] = _nothing
    warning: Callable[[str], None] = _nothing
    """One sentence for the uploader; the document is still read."""
    memory: Callable[[float], None] = _nothing
    """At the end: the most memory that the child process held, in MB; 0 where that is not known."""
    scan: Callable[[int], None] = _nothing
    """The page of this number is about to be read by OCR, which has time of its own."""
    file: Callable[[str, Iterable[bytes]], None] = _unread
    """A file within the document (an archive's member, a mail's attachment): the path it has there, which is
    only ever text, and its bytes in pieces. Read to the end before the call returns; an error while the pieces
    are made passes through, and the file is not taken."""
    name: str = ""
    """The one thing it is told: what people call the document. A packed file without a name is called after it."""

"""Builds a page so that `page.text[block.start:block.end]` is the block, by construction."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.types import Block, Box, Kind, Line, Page

# PostgreSQL refuses NUL and lone surrogates; the rest is invisible and would break words apart for search.
_REMOVED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff\ufffe\uffff\ud800-\udfff]+")
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_SPACES = re.compile("[^\\S\n]+")
_TRAILING = re.compile(" *\n *")
LONGEST_HEADER = 500
"""Characters of a table's header. It stands in front of each of the table's rows, and rag.chunking keeps less of it."""
_DENSE = frozenset({Kind.TABLE_ROW, Kind.LIST_ITEM})


def clean(text: str) -> str:
    """Text that every database stores: no NUL, control character, form feed or lone surrogate."""
    if text.isascii() and text.isprintable():
        return text
    return _REMOVED.sub("", _BREAKS.sub("\n", text))


def one_line(text: str) -> str:
    """Cleaned, with every run of white space as one space."""
    return " ".join(clean(text).split())


def tidy(text: str) -> str:
    """Cleaned, spaces collapsed, line breaks kept."""
    return _TRAILING.sub("\n", _SPACES.sub(" ", clean(text))).strip()


def row_text(cells: Iterable[str]) -> str:
    """A table row as a reader sees it: `a | b | c`; "" when every cell is empty."""
    values = [one_line(cell) for cell in cells]
    return " | ".join(values).rstrip(" |") if any(values) else ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A visual line of a block, and what stands between it and the next one."""

    text: str
    box: Box
    glue: str = " "


class PageBuilder:
    """Collects the blocks of one page in reading order."""

    def __init__(self, number: int = 1, *, width: float = 0.0, height: float = 0.0) -> None:
        self._number, self._width, self._height = number, width, height
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._lines: list[Line] = []

    @property
    def length(self) -> int:
        """Characters so far."""
        return self._length

    def add(self, text: str, kind: Kind = Kind.TEXT, *, heading: tuple[str, ...] = (), header: str = "") -> None:
        """A block of text; white space at its ends is dropped, an empty one is left out."""
        text = clean(text).strip("\n") if kind is Kind.CODE else clean(text).strip()
        if not text.strip():
            return
        start = self._open(kind)
        self._append(text)
        self._close(start, kind, heading, header)

    def add_pieces(
        self, pieces: Sequence[Piece], kind: Kind = Kind.TEXT, *, heading: tuple[str, ...] = (), header: str = ""
    ) -> None:
        """A block made of visual lines, each with its box. The pieces' text is stripped and cleaned already."""
        start = self._open(kind)
        for index, piece in enumerate(pieces):
            begin = self._length
            self._append(piece.text)
            self._lines.append(Line(begin, self._length, piece.box))
            if index + 1 < len(pieces):
                self._append(piece.glue)
        self._close(start, kind, heading, header)

    def page(self) -> Page:
        """The page as it is now."""
        return Page(
            self._number, "".join(self._parts), tuple(self._blocks), tuple(self._lines), self._width, self._height
        )

    def _open(self, kind: Kind) -> int:
        if self._blocks:
            dense = kind in _DENSE and self._blocks[-1].kind is kind
            self._append("\n" if dense else "\n\n")
        return self._length

    def _close(self, start: int, kind: Kind, heading: tuple[str, ...], header: str) -> None:
        self._blocks.append(Block(start, self._length, kind, heading, header[:LONGEST_HEADER].rstrip()))

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)


class HeadingPath:
    """The headings above the place that is being read."""

    def __init__(self) -> None:
        self._stack: list[tuple[float, str]] = []
        self.path: tuple[str, ...] = ()

    def push(self, level: float, text: str) -> tuple[str, ...]:
        """Enters a heading (a smaller level is further out); returns the path above it."""
        while self._stack and self._stack[-1][0] >= level:
            self._stack.pop()
        above = tuple(title for _, title in self._stack)
        self._stack.append((level, one_line(text)[:200]))
        self.path = tuple(title for _, title in self._stack)
        return above

"""Plain text: a paragraph is what stands between empty lines."""

import re
from collections.abc import Iterator
from pathlib import Path

from engines.parsing.building import PageBuilder, clean
from engines.parsing.decoding import read_text
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Kind, Page

PART_CHARACTERS = 200_000
"""A text format knows no pages, so a document is one, as long as a browser shows it at once: some eighty printed pages.
A longer one is cut where a block ends, so that the number in a citation is of a part, which the text is shown by."""
_PART_BLOCKS = 5000
_LONGEST_BLOCK = 20_000
_PARAGRAPHS = re.compile(r"\n\n\s*")


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page, or several of a long text; the lines of a paragraph stay as they are."""
    parts = Parts()
    add_paragraphs(parts, read_text(path, limits))
    yield from parts.pages(report)


class Parts:
    """Collects the blocks of a document without pages, and cuts it into parts where it is very long."""

    def __init__(self) -> None:
        self._done: list[Page] = []
        self._builder = PageBuilder()
        self._blocks = 0

    def add(self, text: str, kind: Kind = Kind.TEXT, *, heading: tuple[str, ...] = (), header: str = "") -> None:
        """A block, as `PageBuilder.add` takes it; begins a new part before it, where this one is long enough."""
        is_full = self._builder.length + len(text) > PART_CHARACTERS or self._blocks >= _PART_BLOCKS
        if self._builder.length and is_full:
            self._done.append(self._builder.page())
            self._builder, self._blocks = PageBuilder(len(self._done) + 1), 0
        self._blocks += 1
        self._builder.add(text, kind, heading=heading, header=header)

    def pages(self, report: Report) -> Iterator[Page]:
        """The parts, after their number was told."""
        report.total(len(self._done) + 1)
        yield from self._done
        yield self._builder.page()


def add_paragraphs(parts: Parts, text: str, kind: Kind = Kind.TEXT) -> None:
    """Adds what stands between empty lines, each a block; a very long one, as a log is, in pieces of whole lines."""
    bare = "\n".join(line.rstrip() for line in clean(text).split("\n"))
    for paragraph in _PARAGRAPHS.split(bare):
        for piece in in_pieces(paragraph):
            parts.add(piece, kind)


def in_pieces(text: str) -> Iterator[str]:
    """A text in pieces of at most 20,000 characters, cut at line ends, else at spaces, else where it must be."""
    start = 0
    while len(text) - start > _LONGEST_BLOCK:
        most = start + _LONGEST_BLOCK
        ends = (text.rfind("\n", start + 1, most), text.rfind(" ", start + 1, most), most)
        end = next(end for end in ends if end > start)
        yield text[start:end]
        start = end
    yield text[start:]

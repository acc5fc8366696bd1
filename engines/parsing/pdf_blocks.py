"""Visual lines to blocks: headings, paragraphs, list items and table rows."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from engines.parsing.building import HeadingPath, PageBuilder, Piece
from engines.parsing.pdf_lines import VisualLine
from rag.types import Kind

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_VALUE = re.compile(r"[$€£¥(\s]*[-–—+]?\d[\d,.\s]*[)%\s]*|[-–—]")
_YEAR = re.compile(r"(?:19|20)\d\d")
_SENTENCE_END = (".", "!", "?", ":", ";", "。")
_VOCABULARY = 200_000
_HEADING_CHARS = 150


@dataclass(slots=True)
class _Group:
    """Lines that make one block."""

    lines: list[VisualLine]
    kind: Kind = Kind.TEXT
    header: str = ""


@dataclass(slots=True)
class Layout:
    """What is learned from page to page: the size of body text, the headings passed, words, running heads."""

    headings: HeadingPath = field(default_factory=HeadingPath)
    sizes: Counter[float] = field(default_factory=Counter)
    words: set[str] = field(default_factory=set)
    edges: set[str] = field(default_factory=set)

    def fill(self, builder: PageBuilder, lines: list[VisualLine], width: float, height: float) -> None:
        """Writes the lines of a page into the builder as blocks."""
        for line in lines:
            self.sizes[round(line.height, 1)] += len(line.text)
        if len(self.words) < _VOCABULARY:
            self.words.update(_WORD.findall(" ".join(line.text for line in lines).lower()))
        body = self.sizes.most_common(1)[0][0] if self.sizes else 0.0
        hyphenates = _hyphenates(lines)
        running = self._running_heads(lines, height)
        for group in _groups(lines, running):
            pieces = self._pieces(group, width, height, hyphenates)
            above = self.headings.path
            if group.kind is Kind.TEXT and group.lines[-1].text not in running and _is_heading(group, body):
                group.kind = Kind.HEADING
                first = group.lines[0]
                level = -round(first.height) + (0.0 if first.bold else 0.5)
                above = self.headings.push(level, " ".join(line.text for line in group.lines))
            builder.add_pieces(pieces, group.kind, heading=above, header=group.header)

    def _running_heads(self, lines: list[VisualLine], height: float) -> set[str]:
        """Lines at the page's upper and lower edge that stood there on a page before."""
        edge = [line for line in lines if line.y1 < 0.1 * height or line.y0 > 0.9 * height]
        shapes = {re.sub(r"\d+", "#", line.text): line.text for line in edge}
        known = {text for shape, text in shapes.items() if shape in self.edges}
        if len(self.edges) < _VOCABULARY:
            self.edges.update(shapes)
        return known

    def _pieces(self, group: _Group, width: float, height: float, hyphenates: bool) -> list[Piece]:
        pieces = []
        for line, after in zip(group.lines, [*group.lines[1:], None], strict=True):
            text, glue = line.text, " "
            if after is not None and _is_cut(text, after.text):
                glue = ""
                if self._drops_hyphen(text, after.text, hyphenates):
                    text = text[:-1]
            left, top, right, bottom = line.turn.back((line.x0, line.y0, line.x1, line.y1), width, height)
            box = (left / width, top / height, right / width, bottom / height)
            x0, y0, x1, y1 = (min(max(side, 0.0), 1.0) for side in box)
            pieces.append(Piece(text, (x0, y0, x1, y1), glue))
        return pieces

    def _drops_hyphen(self, text: str, after: str, hyphenates: bool) -> bool:
        """Whether the hyphen at a line's end only shows where the word was cut."""
        if text.endswith("\u00ad"):
            return True
        first, last = _WORD.findall(text[:-1].lower())[-1:], _WORD.findall(after.lower())[:1]
        if not first or not last:
            return False
        if first[0] + last[0] in self.words:
            return True
        return hyphenates and f"{first[0]}-{last[0]}" not in self.words


def _hyphenates(lines: Sequence[VisualLine]) -> bool:
    """Whether the page is set with hyphenation: several lines, and one in twenty, are cut within a word."""
    cut = sum(_is_cut(line.text, after.text) for line, after in pairwise(lines))
    return cut >= 3 and cut * 20 > len(lines)


def _is_cut(text: str, after: str) -> bool:
    return len(text) > 1 and text[-1] in "-\u00ad\u2010" and text[-2].isalpha() and after[:1].islower()


def _groups(lines: list[VisualLine], running: set[str]) -> Iterator[_Group]:
    """Tables row by row, the rest by paragraphs; a running head is a paragraph of its own."""
    pitch = _pitch(lines)
    place = 0
    paragraph: list[VisualLine] = []
    while place < len(lines):
        end = _table_end(lines, place)
        if end > place:
            if paragraph:
                yield _paragraph(paragraph)
                paragraph = []
            yield from _rows(lines[place:end])
            place = end
            continue
        line = lines[place]
        is_border = bool(paragraph) and (line.text in running) != (paragraph[-1].text in running)
        if paragraph and (is_border or _starts_anew(paragraph, line, pitch)):
            yield _paragraph(paragraph)
            paragraph = []
        paragraph.append(line)
        place += 1
    if paragraph:
        yield _paragraph(paragraph)


def _paragraph(lines: list[VisualLine]) -> _Group:
    return _Group(lines, Kind.LIST_ITEM if lines[0].is_item else Kind.TEXT)


def _pitch(lines: Sequence[VisualLine]) -> float:
    """The usual distance between the baselines of neighbouring lines, in line heights."""
    steps = sorted(
        (after.y1 - line.y1) / line.height
        for line, after in pairwise(lines)
        if 0.5 < (after.y1 - line.y1) / line.height < 2.5
    )
    return steps[len(steps) // 3] if steps else 1.2


def _starts_anew(paragraph: list[VisualLine], line: VisualLine, pitch: float) -> bool:
    last = paragraph[-1]
    step = (line.y1 - last.y1) / last.height
    if line.is_item or step < 0.3 or step > 1.3 * max(pitch, 0.9):
        return True
    if abs(line.height - last.height) > 0.15 * last.height:
        return True
    if line.bold != last.bold and not line.text[0].islower():
        return True  # a heading ends here, or starts; a sentence that only begins in bold goes on
    if min(line.x1, last.x1) <= max(line.x0, last.x0):
        return True
    indent = line.x0 - last.x0
    is_first_indented = indent > 0.8 * line.height and not paragraph[0].is_item
    return is_first_indented and len(paragraph) > 1 and last.text.endswith(_SENTENCE_END)


def _is_heading(group: _Group, body: float) -> bool:
    first = group.lines[0]
    text = " ".join(line.text for line in group.lines)
    letters = sum(letter.isalpha() for letter in text)
    if len(text) > _HEADING_CHARS or letters < 3 or letters < 0.5 * len(text) or len(group.lines) > 3:
        return False
    if text.endswith((",", ";", "-")) or text[0].islower() or "@" in text:
        return False
    return first.height > 1.15 * body or (first.bold and first.height > 0.85 * body and not text.endswith("."))


# ------------------------------------------------------------------------------------------- tables


def _is_value(cell: str) -> bool:
    return bool(_VALUE.fullmatch(cell)) and not _YEAR.fullmatch(cell)


def _is_row(line: VisualLine) -> bool:
    return len(line.cells) > 2 or (len(line.cells) == 2 and not line.is_item)


def _table_end(lines: list[VisualLine], start: int) -> int:
    """The end of the table that starts at `start`, or `start` where none does: three rows or more, with at most
    two lines of a single cell (a wrapped label, a subheading) between two rows.
    """
    if not _is_row(lines[start]):
        return start
    rows, end, singles = 1, start + 1, 0
    for place in range(start + 1, len(lines)):
        line, last = lines[place], lines[place - 1]
        if line.y1 < last.y1 - last.height or line.y0 - last.y1 > 3 * last.height:
            break
        if _is_row(line):
            rows, end, singles = rows + 1, place + 1, 0
        else:
            singles += 1
            if singles > 2:
                break
    return end if rows >= 3 else start


def _rows(lines: list[VisualLine]) -> Iterator[_Group]:
    """Each row, with the lines above the first row of values as its header."""
    values = next((i for i, line in enumerate(lines) if any(_is_value(cell) for cell in line.cells[1:])), None)
    count = min(values, 4) if values is not None else int(lines[0].bold)
    header = " / ".join(" | ".join(line.cells) for line in lines[:count])[:300]
    for place, line in enumerate(lines):
        yield _Group([line], Kind.TABLE_ROW, header if place >= count else "")

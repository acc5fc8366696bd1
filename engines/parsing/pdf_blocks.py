"""Visual lines to blocks: headings, paragraphs, list items and table rows."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from engines.parsing.building import HeadingPath, PageBuilder, Piece
from engines.parsing.pdf_lines import VisualLine
from engines.parsing.pdf_outline import Entry, places
from engines.parsing.pdf_paragraphs import starts_anew, usual_pitch, without_interruptions
from engines.parsing.pdf_tables import Carried, Group, rows_of, table_end
from rag.types import Kind

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_VOCABULARY = 200_000
_HEADING_CHARS = 150
_OUTLINE = -10_000.0  # further out than any heading that is known by its size


@dataclass(slots=True)
class Layout:
    """What is learned from page to page: the size of body text, the headings passed, words, running heads, and the
    table that the last page ended in.
    """

    has_fine_outline: bool = False
    """Whether headings come from the document's outline alone, and not by the size of the letters."""
    headings: HeadingPath = field(default_factory=HeadingPath)
    sizes: Counter[float] = field(default_factory=Counter)
    words: set[str] = field(default_factory=set)
    edges: set[str] = field(default_factory=set)
    carried: Carried | None = None

    def fill(
        self,
        builder: PageBuilder,
        lines: list[VisualLine],
        width: float,
        height: float,
        entries: Sequence[Entry] = (),
    ) -> None:
        """Writes the lines of a page into the builder as blocks, under the outline's entries for the page."""
        for line in lines:
            self.sizes[round(line.size, 1)] += len(line.text)
        if len(self.words) < _VOCABULARY:
            self.words.update(_WORD.findall(" ".join(line.text for line in lines).lower()))
        body = self.sizes.most_common(1)[0][0] if self.sizes else 0.0
        hyphenates = _hyphenates(lines)
        running = self._running_heads(lines, height)
        groups = list(_groups(without_interruptions(lines), running, self.carried))
        self.carried = _carried(groups)
        titles = _titles(groups, entries) if entries else {}
        for place, group in enumerate(groups):
            pieces = self._pieces(group, width, height, hyphenates)
            is_running = group.lines[-1].text in running
            is_aside = is_running or group.lines[0].turn is not groups[0].lines[0].turn
            above = self._enter(group, titles.get(place, ()), body, is_aside=is_aside)
            builder.add_pieces(pieces, group.kind, heading=above, header=group.header)
        for entry, _ in titles.get(len(groups), ()):
            self.headings.push(_OUTLINE + entry.depth, entry.title)

    def _enter(
        self, group: Group, titles: Sequence[tuple[Entry, bool]], body: float, *, is_aside: bool
    ) -> tuple[str, ...]:
        """Takes the headings that begin at a block into the path; returns the path above the block. Running heads and
        writing turned aside (names of columns, stamps) are none.
        """
        above = self.headings.path
        for entry, is_named in titles:
            path = self.headings.push(_OUTLINE + entry.depth, entry.title)
            above = path if is_named else self.headings.path
            if is_named and group.kind is not Kind.TABLE_ROW:
                group.kind = Kind.HEADING
        if group.kind in (Kind.TEXT, Kind.LIST_ITEM) and not is_aside and _is_heading(group, body):
            group.kind = Kind.HEADING
            if not self.has_fine_outline:
                first = group.lines[0]
                level = -round(first.size) + (0.0 if first.bold else 0.5)
                above = self.headings.push(level, " ".join(line.text for line in group.lines))
        return above

    def _running_heads(self, lines: list[VisualLine], height: float) -> set[str]:
        """Lines at the page's upper and lower edge that stood there on a page before."""
        edge = [line for line in lines if line.y1 < 0.1 * height or line.y0 > 0.9 * height]
        shapes = {re.sub(r"\d+", "#", line.text): line.text for line in edge}
        known = {text for shape, text in shapes.items() if shape in self.edges}
        if len(self.edges) < _VOCABULARY:
            self.edges.update(shapes)
        return known

    def _pieces(self, group: Group, width: float, height: float, hyphenates: bool) -> list[Piece]:
        pieces = []
        for line, after in zip(group.lines, [*group.lines[1:], None], strict=True):
            text, glue = line.text, " "
            if group.kind is Kind.TABLE_ROW:
                text = " | ".join(line.cells)
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


def _titles(groups: Sequence[Group], entries: Sequence[Entry]) -> dict[int, list[tuple[Entry, bool]]]:
    """Before which group each entry of the outline belongs, and whether the group is its heading."""
    blocks = [(" ".join(line.text for line in group.lines[:3]), group.lines[0].y1) for group in groups]
    found: dict[int, list[tuple[Entry, bool]]] = {}
    for place, entry, is_named in places(entries, blocks):
        found.setdefault(place, []).append((entry, is_named))
    return found


def _groups(lines: list[VisualLine], running: set[str], carried: Carried | None) -> Iterator[Group]:
    """Tables row by row, the rest by paragraphs; a running head is a paragraph of its own."""
    pitch = usual_pitch(lines)
    place = 0
    paragraph: list[VisualLine] = []
    while place < len(lines):
        end = table_end(lines, place)
        if end > place:
            if paragraph:
                yield _paragraph(paragraph)
                paragraph = []
            is_first = place <= 2 or all(line.text in running for line in lines[:place])
            yield from rows_of(lines[place:end], lines[:place], carried if is_first else None)
            place = end
            continue
        line = lines[place]
        is_border = bool(paragraph) and (line.text in running) != (paragraph[-1].text in running)
        if paragraph and (is_border or starts_anew(paragraph, line, pitch)):
            yield _paragraph(paragraph)
            paragraph = []
        paragraph.append(line)
        place += 1
    if paragraph:
        yield _paragraph(paragraph)


def _paragraph(lines: list[VisualLine]) -> Group:
    return Group(lines, Kind.LIST_ITEM if lines[0].is_item else Kind.TEXT)


def _carried(groups: Sequence[Group]) -> Carried | None:
    """The table the page ends in, a page number or two aside."""
    last = next((group for group in reversed(groups[-3:]) if group.kind is Kind.TABLE_ROW), None)
    if last is None or not last.header:
        return None
    return Carried(last.header, len(last.lines[0].cells), last.lines[0].x0)


def _is_heading(group: Group, body: float) -> bool:
    first = group.lines[0]
    if len(group.lines) > 3 or first.stands_alone:
        return False
    if group.kind is Kind.LIST_ITEM and not (first.bold and first.text[0].isalnum() and first.size > 1.1 * body):
        return False  # only a bold and larger line with a number is no item of a list
    text = " ".join(line.text for line in group.lines)
    letters = sum(map(str.isalpha, text[:_HEADING_CHARS]))
    if len(text) > _HEADING_CHARS or letters < 3 or letters < 0.5 * len(text):
        return False
    if text.endswith((",", ";", "-")) or text[0].islower() or "@" in text:
        return False
    return first.size > 1.15 * body or (first.bold and first.size > 0.85 * body and not text.endswith("."))

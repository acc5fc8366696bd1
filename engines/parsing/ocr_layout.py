"""What OCR saw on a page to the page's text: lines in reading order, then blocks as in a PDF with text.

OCR gives lines of text in no order that a writer had, with boxes that hug the letters. So columns are told from
tables by what stands in them, and boxes of nearly one height are taken for one size of type.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from engines.parsing.building import PageBuilder, one_line
from engines.parsing.pdf_blocks import Layout
from engines.parsing.pdf_display import Turn
from engines.parsing.pdf_glyphs import Run
from engines.parsing.pdf_lines import lines_of
from rag.types import Box, Page

_PROSE_LETTERS = 18
"""Letters that a line of a column has on average; the cells of a table have fewer."""
_SAME_SIZE = (0.72, 1.35)
_STEP = 1.2
_NUMBER = re.compile(r"[\d\s.,$€£¥%()+–—-]+")


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A line of text, and its box in pixels of the upright picture."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    turn: Turn = Turn.UPRIGHT

    @property
    def height(self) -> float:
        return max(self.y1 - self.y0, 1.0)


@dataclass(frozen=True, slots=True)
class Seen:
    """A page as OCR saw it once it stood upright: `width` x `height` pixels, turned `quarters` times to the left
    and then by `skew` radians about its middle (clockwise, to make its lines level).
    """

    lines: tuple[SeenLine, ...]
    width: float
    height: float
    quarters: int = 0
    skew: float = 0.0

    def box_on_page(self, box: Box) -> Box:
        """A box on the upright page as the box that holds it on the page as it is shown."""
        corners = [self._as_shown(x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
        across, down = [x for x, _ in corners], [y for _, y in corners]
        return min(across), min(down), max(across), max(down)

    def _as_shown(self, x: float, y: float) -> tuple[float, float]:
        if self.skew:
            right, down = (x - 0.5) * self.width, (y - 0.5) * self.height
            sine, cosine = math.sin(self.skew), math.cos(self.skew)
            x = 0.5 + (right * cosine - down * sine) / self.width
            y = 0.5 + (right * sine + down * cosine) / self.height
        for _ in range(self.quarters):
            x, y = 1 - y, x
        return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)


def page_of(seen: Seen, number: int, width: float, height: float, layout: Layout) -> Page:
    """The page; `width` and `height` are points as it is shown, boxes are as it is shown."""
    across, down = (height, width) if seen.quarters % 2 else (width, height)
    scale_x, scale_y = across / max(seen.width, 1.0), down / max(seen.height, 1.0)
    upright = _of_one_size([line for line in seen.lines if line.turn is Turn.UPRIGHT])
    turned = [line for line in seen.lines if line.turn is not Turn.UPRIGHT]
    runs = []
    for line in [*in_reading_order(upright), *turned]:
        box = line.x0 * scale_x, line.y0 * scale_y, line.x1 * scale_x, line.y1 * scale_y
        x0, y0, x1, y1 = line.turn.into(box, across, down)
        text = one_line(line.text)
        runs.append(Run(text, x0, y0, x1, y1, turn=line.turn, size=max(y1 - y0, 0.1), base=y1))
    builder = PageBuilder(number, width=width, height=height)
    layout.fill(builder, lines_of(runs), across, down)
    page = builder.page()
    return replace(page, lines=tuple(replace(line, box=seen.box_on_page(line.box)) for line in page.lines))


def _of_one_size(lines: Sequence[SeenLine]) -> list[SeenLine]:
    """Lines with the height of most text where theirs is near it, others in steps from there: a box is as high as its
    letters happen to be."""
    heights: Counter[float] = Counter()
    for line in lines:
        heights[round(line.height)] += len(line.text)
    half, body = sum(heights.values()) / 2, 0.0
    for height in sorted(heights):
        half -= heights[height]
        if half <= 0:
            body = height
            break
    return [_resized(line, body) for line in lines]


def _resized(line: SeenLine, body: float) -> SeenLine:
    low, high = _SAME_SIZE
    steps = 0 if low * body < line.height < high * body else round(math.log(line.height / body, _STEP))
    height = body * _STEP**steps
    middle = (line.y0 + line.y1) / 2
    return replace(line, y0=middle - height / 2, y1=middle + height / 2)


# ----------------------------------------------------------------------------------------- reading order


def in_reading_order(lines: Sequence[SeenLine]) -> list[SeenLine]:
    """Column after column where columns of prose stand side by side, else row after row from left to right."""
    gutter = _gutter(lines)
    if gutter is None:
        return list(_by_rows(lines))
    ordered: list[SeenLine] = []
    for left, right in _bands(lines, gutter):
        if _is_columns(left, right):
            ordered += in_reading_order(left) + in_reading_order(right)
        else:
            ordered += _by_rows([*left, *right])
    return ordered


def _by_rows(lines: Sequence[SeenLine]) -> Iterator[SeenLine]:
    row: list[SeenLine] = []
    for line in sorted(lines, key=lambda line: line.y0 + line.y1):
        if row and not _on_one_height(row[0], line):
            yield from sorted(row, key=lambda line: line.x0)
            row = []
        row.append(line)
    yield from sorted(row, key=lambda line: line.x0)


def _on_one_height(one: SeenLine, other: SeenLine) -> bool:
    return min(one.y1, other.y1) - max(one.y0, other.y0) > 0.5 * min(one.height, other.height)


def _gutter(lines: Sequence[SeenLine]) -> float | None:
    """The place across the page that parts most text into columns of prose, or None where none does."""
    best, place = 0, None
    for x in sorted({round(line.x0 / 8) * 8.0 for line in lines}):
        columns = [left + right for left, right in _bands(lines, x) if _is_columns(left, right)]
        text = sum(len(line.text) for column in columns for line in column)
        if text > best:
            best, place = text, x
    return place


def _bands(lines: Sequence[SeenLine], x: float) -> Iterator[tuple[list[SeenLine], list[SeenLine]]]:
    """From top to bottom, what stands left and right of `x` between the lines that cross it; a crossing line is a
    band of its own.
    """
    left: list[SeenLine] = []
    right: list[SeenLine] = []
    for line in sorted(lines, key=lambda line: line.y0 + line.y1):
        slack = 0.4 * line.height
        if line.x1 <= x + slack:
            left.append(line)
        elif line.x0 >= x - slack:
            right.append(line)
        else:
            if left or right:
                yield left, right
            yield [line], []
            left, right = [], []
    if left or right:
        yield left, right


def _is_columns(left: Sequence[SeenLine], right: Sequence[SeenLine]) -> bool:
    return len(left) + len(right) >= 6 and bool(left) and bool(right) and _is_prose(left) and _is_prose(right)


def _is_prose(lines: Sequence[SeenLine]) -> bool:
    letters = sum(letter.isalpha() for line in lines for letter in line.text)
    numbers = sum(bool(_NUMBER.fullmatch(line.text)) for line in lines)
    return letters >= _PROSE_LETTERS * len(lines) and numbers * 5 <= len(lines)

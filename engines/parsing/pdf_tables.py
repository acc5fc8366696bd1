"""Tables of a PDF page: which lines are rows, and what stands above their columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engines.parsing.pdf_lines import VisualLine
from rag.types import Kind

_VALUE = re.compile(r"[$€£¥(\s]*[-–—+]?\d[\d,.\s]*[)%\s]*|[-–—]")
_DATE = re.compile(r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}")
_YEAR = re.compile(r"(?:19|20)\d\d")
_HEADER_CHARS = 400
_NAME_CHARS = 60
_NAMES = 40
_NAMES_HEIGHT = 8


@dataclass(slots=True)
class Group:
    """Lines that make one block."""

    lines: list[VisualLine]
    kind: Kind = Kind.TEXT
    header: str = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """The header of a table that a page ended in, for its rows on the next one."""

    header: str
    cells: int
    left: float

    def fits(self, line: VisualLine) -> bool:
        """Whether a line can be the table's next row."""
        return abs(len(line.cells) - self.cells) <= 1 and abs(line.x0 - self.left) < 2 * line.size


def table_end(lines: list[VisualLine], start: int) -> int:
    """The end of the table that starts at `start`, or `start` where none does: three rows or more, with at most
    two lines of a single cell (a wrapped label, a subheading) between two rows.
    """
    if not _is_row(lines[start]):
        return start
    rows, row, end, singles = 1, start, start + 1, 0
    for place in range(start + 1, len(lines)):
        line, last = lines[place], lines[place - 1]
        is_apart = line.y1 < last.y1 - 1.5 * last.height or line.y0 - last.y1 > 3 * last.height
        if is_apart or line.turn is not last.turn or line.stands_alone:
            break
        if _is_row(line):
            rows, row, end, singles = rows + 1, place, place + 1, 0
        elif end == place and _goes_on(lines[row], last, line):
            end = place + 1
        else:
            singles += 1
            if singles > 2:
                break
    return end if rows >= 3 else start


def rows_of(lines: list[VisualLine], above: Sequence[VisualLine], carried: Carried | None) -> list[Group]:
    """Each row with its further lines, and as its header the lines above the first row of values, with what stands
    above their columns among the lines before the table; a table without any takes the header that is carried over
    from the page before.
    """
    values = next((i for i, line in enumerate(lines) if _has_values(line)), None)
    count = min(values, 4) if values is not None else int(_is_header(lines[0], lines[1]))
    levels = [*_names_above(above, lines), *(" | ".join(line.cells) for line in lines[:count])]
    header = " / ".join(levels)[:_HEADER_CHARS]
    if not header and carried is not None and carried.fits(lines[0]):
        header = carried.header
    rows: list[Group] = []
    for place, line in enumerate(lines):
        if place > count and _goes_on(rows[-1].lines[0], rows[-1].lines[-1], line):
            rows[-1].lines.append(line)
        else:
            rows.append(Group([line], Kind.TABLE_ROW, header if place >= count else ""))
    return rows


def _names_above(above: Sequence[VisualLine], rows: Sequence[VisualLine]) -> list[str]:
    """The names of columns that were drawn one by one, from the uppermost level to the lowest."""
    first = rows[0]
    left = min(line.lefts[1] for line in rows if len(line.lefts) > 1)
    names: list[VisualLine] = []
    for line in reversed(above[-_NAMES:]):
        is_near = first.y0 - _NAMES_HEIGHT * line.size < line.y0 and line.y1 < first.y0 + 0.5 * line.size
        is_name = max(map(len, line.cells)) <= _NAME_CHARS and not line.text.endswith(".") and not line.is_item
        if line.turn is not first.turn or not is_near or not is_name or line.stands_alone:
            break
        if line.x0 > left - 3 * line.size:
            names.append(line)
    levels: list[list[VisualLine]] = []
    for line in sorted(names, key=lambda line: line.y0 + line.y1):
        if levels and line.y0 + line.y1 < 2 * levels[-1][0].y1:
            levels[-1].append(line)
        else:
            levels.append([line])
    return _stacked([sorted(level, key=lambda line: line.x0) for level in levels])


def _stacked(levels: Sequence[Sequence[VisualLine]]) -> list[str]:
    """The levels as text; two of which each name stands above one of the next are one: `July 2,` over `2018`."""
    texts: list[list[str]] = []
    for place, level in enumerate(levels):
        before = levels[place - 1] if place else ()
        is_one = len(before) == len(level) > 1 and all(
            len(upper.cells) == len(lower.cells) == 1 and min(upper.x1, lower.x1) > max(upper.x0, lower.x0)
            for upper, lower in zip(before, level, strict=True)
        )
        cells = [cell for line in level for cell in line.cells]
        if is_one:
            texts[-1] = [f"{upper} {lower}" for upper, lower in zip(texts[-1], cells, strict=True)]
        else:
            texts.append(cells)
    return [" | ".join(cells) for cells in texts]


def _is_row(line: VisualLine) -> bool:
    return len(line.cells) > 2 or (len(line.cells) == 2 and not line.is_item)


def _goes_on(row: VisualLine, last: VisualLine, line: VisualLine) -> bool:
    """Whether a line is further text of a cell of the row above, other than the first: that may be a new label."""
    is_close = line.y0 - last.y1 < 0.5 * line.size and abs(line.size - row.size) < 0.15 * row.size
    if len(line.cells) > 1 or not is_close or line.bold != row.bold or not any(map(str.isalpha, line.text)):
        return False
    return any(abs(line.x0 - left) < 0.5 * line.size for left in row.lefts[1:])


def _is_header(line: VisualLine, after: VisualLine) -> bool:
    """Whether the first row of a table without values is a header: set in bold, or names for three columns or more."""
    if line.bold:
        return True
    names = all(any(map(str.isalpha, cell)) and not any(map(str.isdigit, cell)) for cell in line.cells)
    return names and len(line.cells) == len(after.cells) >= 3 and max(map(len, line.cells)) <= _NAME_CHARS


def _has_values(line: VisualLine) -> bool:
    """Whether it is a row of values: a number, or a date beside words (dates alone are a header)."""
    cells = line.cells[1:]
    if any(_VALUE.fullmatch(cell) and not _YEAR.fullmatch(cell) for cell in cells):
        return True
    has_date = any(_DATE.fullmatch(cell) for cell in line.cells)
    return has_date and any(any(map(str.isalpha, cell)) for cell in cells)

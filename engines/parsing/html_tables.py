"""HTML tables: which hold data, and their rows as a reader sees them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from engines.parsing.building import one_line, row_text
from engines.parsing.html_sight import is_unseen

_LAYOUT = "h1, h2, h3, h4, pre, form, main, article, section, nav"
_LONGEST_CELL = 1500
_MOST_COLUMNS = 200
_LONGEST_REPEATED = 100
_MOST_REPEATED = 100
_SYMBOLS = frozenset({"$", "€", "£", "¥", "US$", "("})
_TAILS = frozenset({")", "%", ")%", "%)"})
_FIGURE = re.compile(r"[(\-−–]?\d")
_YEAR = re.compile(r"(19|20)\d\d")


@dataclass(slots=True)
class Row:
    """A table row; `header` is the header row's text for the rows below it."""

    text: str
    header: str = ""
    is_prose: bool = False
    """Whether it is a paragraph that a table only lays out."""


@dataclass(slots=True)
class _Line:
    """A row in the table's grid."""

    cells: list[str] = field(default_factory=list)
    spread: list[str] = field(default_factory=list)
    """The same, a cell's text in each column that it spans."""
    heads: int = 0
    own: int = 0
    in_head: bool = False
    begins_with_head: bool = False


def is_data(table: LexborNode) -> bool:
    """Whether a table holds data: none within, and a row with two cells that say something, none an essay."""
    if table.attributes.get("role") in ("presentation", "none") or table.css_first(_LAYOUT) is not None:
        return False
    if any(inner.mem_id != table.mem_id for inner in table.css("table")):
        return False
    several = False
    for row, _ in _rows(table):
        texts = [one_line(cell.text(deep=True)) for cell in _cells(row)]
        if any(len(text) > _LONGEST_CELL for text in texts):
            return False
        several = several or sum(bool(text) for text in texts) > 1
    return several


def rows_of(table: LexborNode, text_of: Callable[[LexborNode], str]) -> list[Row]:
    """The rows. A cell that spans rows is said in each of them, so that each row can be read alone."""
    lines = _grid(table, text_of)
    for line in lines:
        _join_symbols(line.cells)
    keep = _columns(lines, spans=any(line.spread != line.cells for line in lines))
    count, header = _header(lines, keep)
    found = []
    for number, line in enumerate(lines):
        text = row_text(_kept(line.cells, keep))
        alone = sum(bool(cell) for cell in line.cells) == 1
        found.append(Row(text, "" if number < count else header, is_prose=alone and len(text) > 200))
    return found


def _rows(table: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    for part in table.iter():
        tag = part.tag or ""
        if is_unseen(part, tag):
            continue
        if tag == "tr":
            yield part, False
        elif tag in ("thead", "tbody", "tfoot"):
            for row in part.iter():
                if row.tag == "tr" and not is_unseen(row, "tr"):
                    yield row, tag == "thead"


def _cells(row: LexborNode) -> list[LexborNode]:
    return [cell for cell in row.iter() if cell.tag in ("td", "th") and not is_unseen(cell, cell.tag)]


def _grid(table: LexborNode, text_of: Callable[[LexborNode], str]) -> list[_Line]:
    lines = []
    repeated: dict[int, tuple[int, str]] = {}
    for row, in_head in _rows(table):
        line = _Line(in_head=in_head)
        for cell in _cells(row):
            _repeat(line, repeated)
            text = one_line(text_of(cell))
            line.begins_with_head = line.begins_with_head or (not line.own and cell.tag == "th")
            line.own += bool(text)
            line.heads += bool(text) and cell.tag == "th"
            column, width = len(line.cells), _span(cell, "colspan", _MOST_COLUMNS - len(line.cells))
            height = _span(cell, "rowspan", _MOST_REPEATED)
            if height > 1:
                short = text if len(text) <= _LONGEST_REPEATED else ""
                repeated.update({column + i: (height - 1, "" if i else short) for i in range(width)})
            line.cells += [text, *[""] * (width - 1)]
            line.spread += [text] * width
        _repeat(line, repeated)
        if line.own:
            lines.append(line)
    return lines


def _repeat(line: _Line, repeated: dict[int, tuple[int, str]]) -> None:
    """Fills the columns that cells of the rows above reach down into."""
    while (column := len(line.cells)) in repeated:
        left, text = repeated.pop(column)
        if left > 1:
            repeated[column] = (left - 1, text)
        line.cells.append(text)
        line.spread.append(text)


def _span(cell: LexborNode, name: str, most: int) -> int:
    value = cell.attributes.get(name) or ""
    return max(1, min(int(value), most)) if value.isascii() and value.isdigit() and len(value) < 9 else 1


def _join_symbols(cells: list[str]) -> None:
    """A currency sign or a closing bracket in a cell of its own belongs to its number."""
    for place, cell in enumerate(cells):
        if cell in _SYMBOLS and (after := _next(cells, place)) is not None and _FIGURE.match(cells[after]):
            cells[place], cells[after] = "", cell + cells[after]
        elif cell in _TAILS and place and cells[place - 1][-1:].isdigit():
            cells[place], cells[place - 1] = "", cells[place - 1] + cell


def _next(cells: list[str], place: int) -> int | None:
    return next((after for after in range(place + 1, min(place + 3, len(cells))) if cells[after]), None)


def _columns(lines: list[_Line], *, spans: bool) -> list[list[int]]:
    """Columns to show, each a group of grid columns of which a row fills at most one.

    Only where cells span columns are columns put together: there, grid columns are a matter of layout.
    """
    width = max((len(line.cells) for line in lines), default=0)
    filled = [
        {number for number, line in enumerate(lines) if line.cells[place : place + 1] > [""]} for place in range(width)
    ]
    groups: list[list[int]] = []
    taken: set[int] = set()
    for place, rows in enumerate(filled):
        if not rows:
            continue
        if groups and spans and not taken & rows:
            groups[-1].append(place)
            taken |= rows
        else:
            groups.append([place])
            taken = set(rows)
    return groups


def _kept(cells: list[str], groups: list[list[int]]) -> list[str]:
    return ["".join(cells[place] for place in group if place < len(cells)) for group in groups]


def _header(lines: list[_Line], keep: list[list[int]]) -> tuple[int, str]:
    """How many rows the header has, and its text; 0 and "" where there is none."""
    count = 0
    while count < len(lines) and (
        lines[count].in_head or (lines[count].own > 1 and lines[count].heads == lines[count].own)
    ):
        count += 1
    if 0 < count < len(lines) + 1 and count < max(2, len(lines)):
        return count, row_text(_stacked(lines[:count], group) for group in keep)
    if count or any(line.begins_with_head for line in lines):
        return 0, ""
    first = next((number for number, line in enumerate(lines) if line.own > 1), len(lines))
    if first == len(lines) or any(_is_value(cell) for cell in lines[first].cells):
        return 0, ""
    return first + 1, row_text(_kept(lines[first].cells, keep))


def _stacked(lines: list[_Line], group: list[int]) -> str:
    """What header rows say above one column, from top to bottom, each once."""
    said = [line.spread[place] for line in lines for place in group if place < len(line.spread)]
    return " ".join(dict.fromkeys(text for text in said if text))


def _is_value(cell: str) -> bool:
    digits = sum(character.isdigit() for character in cell)
    return digits * 2 >= sum(character.isalnum() for character in cell) > 0 and not _YEAR.fullmatch(cell)

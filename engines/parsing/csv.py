"""CSV and TSV of any dialect and encoding: each row a table row, `a | b | c`, under its header."""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from engines.parsing.decoding import read_text
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from engines.parsing.sheets_layout import Sheet, sheet_pages
from engines.parsing.sheets_values import Row
from rag.types import Page

_DELIMITERS = ",;\t|"
_SAMPLE = 64 * 1024
_LONGEST_CELL = 200
"""Lines in one cell, past which its quotation mark is taken for one that was never closed."""


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """A page for each thousand rows, laid out as a sheet is. A ragged row stays as it is."""
    csv.field_size_limit(max(limits.characters, 1))
    text = read_text(path, limits)
    for page in sheet_pages(Sheet("", False, _numbered(text)), 1, limits):
        report.total(page.number)
        yield page


def _numbered(text: str) -> Iterator[tuple[int, Row]]:
    for number, cells in enumerate(_rows(text)):
        row = {column: (cell, _is_number(cell)) for column, cell in enumerate(cells) if cell and not cell.isspace()}
        if row:
            yield number, row


def _rows(text: str) -> Iterator[list[str]]:
    first, _, rest = text.partition("\n")
    if first.startswith("sep=") and len(first.strip()) == 5:  # Excel's own line; a tab may be at its end
        delimiter, text = first[4], rest
    else:
        delimiter = _delimiter(text)
    # NUL ends a csv parser's patience; it cannot stand in the page either.
    for cells in _read(io.StringIO(text.replace("\0", ""), newline=""), delimiter):
        if cells and cells[-1].count("\n") > _LONGEST_CELL:
            start, *lines = cells[-1].split("\n")
            yield [*cells[:-1], start]
            yield from csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
        else:
            yield cells


def _read(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != "\t")


def _delimiter(text: str) -> str:
    """The delimiter that splits the most lines into the same number of cells, more cells winning."""
    lines = text[:_SAMPLE].splitlines()[:200]
    if len(text) > _SAMPLE and len(lines) > 1:
        lines.pop()  # it may be cut off

    def merit(delimiter: str) -> tuple[int, int]:
        counts = [len(row) for row in _read(lines, delimiter) if row]
        common = max(set(counts), key=counts.count, default=1)
        return (counts.count(common) if common > 1 else 0, common)

    return max(_DELIMITERS, key=merit)


def _is_number(cell: str) -> bool:
    cell = cell.strip()
    if cell[:1].isalpha():
        return False
    try:
        float(cell.replace(",", "").lstrip("$€£ ").rstrip("% "))
    except ValueError:
        return False
    return True

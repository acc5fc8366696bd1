"""CSV of any dialect: each row a table row, `a | b | c`, with the first row as its header."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from engines.parsing.building import PageBuilder, row_text
from engines.parsing.decoding import read_text
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Kind, Page

_DELIMITERS = ",;\t|"
_SAMPLE = 64 * 1024


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page. A ragged row stays as it is; the header is the first row of several cells, if none is a number."""
    report.total(1)
    csv.field_size_limit(max(limits.characters, 1))
    text = read_text(path, limits)
    builder = PageBuilder()
    header: str | None = None
    for cells in _rows(text):
        row = row_text(cells)
        builder.add(row, Kind.TABLE_ROW, header=header or "")
        if header is None and len(cells) > 1:
            header = "" if any(_is_number(cell) for cell in cells) else row
    yield builder.page()


def _rows(text: str) -> Iterator[list[str]]:
    # NUL ends a csv parser's patience; it cannot stand in the page either.
    source = io.StringIO(text.replace("\0", ""), newline="")
    yield from csv.reader(source, delimiter=_delimiter(text[:_SAMPLE]), skipinitialspace=True)


def _delimiter(sample: str) -> str:
    """The delimiter that splits the most lines into the same number of cells, more cells winning."""
    lines = sample.splitlines()[:200]

    def merit(delimiter: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        common = max(set(counts), key=counts.count, default=1)
        return (counts.count(common) if common > 1 else 0, common)

    return max(_DELIMITERS, key=merit)


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip().replace(",", "").lstrip("$€£").rstrip("%"))
    except ValueError:
        return False
    return True

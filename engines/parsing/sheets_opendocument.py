"""The tables of an OpenDocument spreadsheet, row by row from `content.xml`.

Rows and cells that repeat are written once with a count, up to the edge of the sheet; what is empty is passed
over whatever its count, so that a sheet takes no memory for cells that are not there.
"""

import zipfile
from collections.abc import Iterator
from typing import Any

from engines.parsing import refusals
from engines.parsing.limits import Limits
from engines.parsing.packages import Package
from engines.parsing.sheets_layout import Sheet
from engines.parsing.sheets_values import Cell, Row, plain_number
from engines.parsing.sheets_xml import events, let_go

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_ERROR = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value-type"
_AMOUNTS = frozenset({"float", "percentage", "currency", "date", "time"})
_MANIFEST = "META-INF/manifest.xml"
_COLUMNS = 16_384
_ROWS = 1_048_576


def sheets(package: Package, archive: zipfile.ZipFile, limits: Limits) -> Iterator[Sheet]:
    """The tables in the order of their tabs; the rows of one are to be read before the next.

    Raises KeyError or lxml's errors where the file is damaged, ParsingError where it is encrypted.
    """
    if _MANIFEST in package and next(package.xml(_MANIFEST).iter("{*}encryption-data"), None) is not None:
        raise refusals.encrypted()
    hidden: set[str] = set()
    steps = events(archive, "content.xml")
    for event, element in steps:
        if event == "start" and element.tag == f"{_TABLE}table":
            rows = _rows(steps, element, limits)
            is_hidden = element.get(f"{_TABLE}style-name", "") in hidden
            yield Sheet(element.get(f"{_TABLE}name", ""), is_hidden, rows)
            for _ in rows:
                """What nobody read of it."""
        elif event == "end" and element.tag == f"{_STYLE}style":
            properties = element.find(f"{_STYLE}table-properties")
            if properties is not None and properties.get(f"{_TABLE}display") == "false":
                hidden.add(element.get(f"{_STYLE}name", ""))


def _rows(steps: Iterator[tuple[str, Any]], table: Any, limits: Limits) -> Iterator[tuple[int, Row]]:
    """The rows of the table whose start was met, until its end; a repeated row comes as often as it says."""
    number = 0
    depth = 0
    for event, element in steps:
        if element.tag == f"{_TABLE}table":
            depth += 1 if event == "start" else -1  # a table within a cell's drawing
            if depth < 0:
                table.clear()
                return
        if event == "start" or element.tag != f"{_TABLE}table-row" or depth:
            continue
        count = _count(element, "rows", _ROWS)
        row = _cells(element, limits)
        if row:
            for repeated in range(min(count, limits.blocks + 1)):
                yield number + repeated, row
        number += count
        let_go(element)


def _cells(row: Any, limits: Limits) -> Row:
    cells: Row = {}
    column = size = 0
    for cell in row.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
        count = _count(cell, "columns", _COLUMNS)
        text, is_amount = _cell(cell)
        if text.strip():
            size += len(text) * count
            if size > limits.characters:
                raise refusals.too_much_text(limits)
            for place in range(column, min(column + count, _COLUMNS)):
                cells[place] = (text, is_amount)
        column += count
    return cells


def _cell(cell: Any) -> Cell:
    """Numbers and dates by their value; percentages, currencies and times as they are shown."""
    if cell.get(_ERROR) == "error":
        return "", False
    kind = cell.get(f"{_OFFICE}value-type", "")
    text = "\n".join(_paragraph(each) for each in cell.iterchildren(f"{_TEXT}p", f"{_TEXT}h"))
    if kind == "date":
        value = cell.get(f"{_OFFICE}date-value", text)
        return value.removesuffix("T00:00:00").replace("T", " "), True
    if kind == "float" or (kind in _AMOUNTS and not text):
        return _number(cell.get(f"{_OFFICE}value"), text), True
    return text, kind in _AMOUNTS


def _number(value: str | None, otherwise: str) -> str:
    try:
        return plain_number(float(value or ""))
    except (ValueError, OverflowError):
        return otherwise


def _paragraph(root: Any) -> str:
    """The text of a paragraph without its notes; its blanks, tabs and line breaks are elements."""
    parts: list[str] = [root.text or ""]
    for element in root.iterdescendants():
        if any(above.tag == f"{_OFFICE}annotation" for above in (element, *element.iterancestors())):
            continue
        if element.tag == f"{_TEXT}s":
            parts.append(" ")
        elif element.tag in (f"{_TEXT}tab", f"{_TEXT}line-break"):
            parts.append("\n" if element.tag.endswith("break") else "\t")
        parts.append(element.text or "")
        parts.append(element.tail or "")
    return "".join(parts)


def _count(element: Any, what: str, most: int) -> int:
    """How often a row or cell repeats, no more often than a sheet has room for."""
    stated = element.get(f"{_TABLE}number-{what}-repeated", "1")
    return max(1, min(int(stated), most)) if stated.isdecimal() else 1

"""The sheets of an XLSX workbook, row by row from their XML.

Cells are read one row at a time, so a sheet takes no memory for cells that are not there: two cells a million
rows apart are two cells. Strict and transitional files differ in their namespaces only, which are not looked at.
"""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lxml import etree

from engines.parsing import refusals
from engines.parsing.limits import Limits
from engines.parsing.packages import Package
from engines.parsing.sheets_layout import Sheet
from engines.parsing.sheets_values import BUILT_IN, PLAIN, Cell, NumberFormat, Row, number_format, number_text
from engines.parsing.sheets_xml import elements

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_COLUMNS = 16_384


def sheets(package: Package, archive: zipfile.ZipFile, limits: Limits) -> Iterator[Sheet]:
    """The worksheets in the order of their tabs. Raises KeyError or lxml's errors where the file is damaged."""
    main = next((part for part in package.related("", "officeDocument")), "xl/workbook.xml")
    workbook = package.xml(main)
    relations = package.relations(main)
    book = _Book(archive, limits)
    for properties in workbook.iter("{*}workbookPr"):
        book.from_1904 = properties.get("date1904") in ("1", "true")
    for relation in relations.values():
        if relation.kind == "sharedStrings":
            book.read_strings(relation.target)
        elif relation.kind == "styles":
            book.read_styles(package.xml(relation.target))
    for entry in workbook.iter("{*}sheet"):
        identifier = next((str(value) for name, value in entry.attrib.items() if str(name).endswith("}id")), "")
        relation = relations[identifier]
        if relation.kind == "worksheet":  # a chart sheet holds no cells
            hidden = entry.get("state", "visible") != "visible"
            yield Sheet(entry.get("name") or "", hidden, book.rows(relation.target))


@dataclass(slots=True)
class _Book:
    """What the sheets of a workbook share: strings, number formats, the day that dates count from."""

    archive: zipfile.ZipFile
    limits: Limits
    from_1904: bool = False
    strings: list[str] = field(default_factory=list)
    formats: list[NumberFormat] = field(default_factory=list)

    def read_strings(self, part: str) -> None:
        """The strings that cells point to. Each is used, so together they are bound as the text is."""
        size = 0
        for item in elements(self.archive, part, "{*}si"):
            self.strings.append(_rich_text(item))
            size += len(self.strings[-1]) + 1
            if size > self.limits.characters + self.limits.blocks:
                raise refusals.too_much_text(self.limits)

    def read_styles(self, styles: Any) -> None:
        """The number format of each cell style."""
        known = dict(BUILT_IN)
        for each in styles.iter("{*}numFmt"):
            known[_whole(each.get("numFmtId"))] = number_format(each.get("formatCode", ""))
        for cells in styles.iter("{*}cellXfs"):
            self.formats = [known.get(_whole(each.get("numFmtId")), PLAIN) for each in cells.iter("{*}xf")]

    def rows(self, part: str) -> Iterator[tuple[int, Row]]:
        """The rows of a sheet that hold something, with their number from 0."""
        number = -1
        for element in elements(self.archive, part, "{*}row"):
            stated = element.get("r", "")
            number = int(stated) - 1 if stated.isdecimal() else number + 1
            cells: Row = {}
            column = -1
            for each in element.iterchildren("{*}c"):
                place = _column(each.get("r", "").rstrip("0123456789"))
                column = column + 1 if place is None else place
                if not len(each):
                    continue  # styled, but empty
                text, is_amount = self._cell(each)
                if text.strip() and column < _COLUMNS:
                    cells[column] = (text, is_amount)
            if cells:
                yield number, dict(sorted(cells.items()))

    def _cell(self, cell: Any) -> Cell:
        kind = cell.get("t", "n")
        value = ""
        for child in cell:  # much faster than a search by name, and there are millions of cells
            tag = child.tag.rpartition("}")[2]
            if tag == "v":
                value = child.text or ""
            elif tag == "is" and kind == "inlineStr":
                return _rich_text(child), False
        match kind:
            case "e":
                return "", False
            case "s":
                index = _whole(value)
                return (self.strings[index] if 0 <= index < len(self.strings) else ""), False
            case "b":
                return ("TRUE" if value.strip() == "1" else "FALSE") if value else "", False
            case "str":
                return _unescaped(value), False
            case "d":
                return value.removesuffix("T00:00:00").replace("T", " "), True
            case _:
                return self._number(value, _whole(cell.get("s"))), True

    def _number(self, value: str, style: int) -> str:
        shown = self.formats[style] if 0 <= style < len(self.formats) else PLAIN
        if shown is PLAIN and value.isdecimal() and len(value) < 15:
            return value
        try:
            return number_text(float(value), shown, from_1904=self.from_1904) if value else ""
        except (ValueError, OverflowError):
            return value


def _rich_text(item: Any) -> str:
    """A string of one or several runs; the reading aid above Japanese is left out."""
    runs = item.iterchildren("{*}t", "{*}r")
    parts = (each.text if etree.QName(each).localname == "t" else each.findtext("{*}t") for each in runs)
    return _unescaped("".join(part or "" for part in parts))


def _unescaped(text: str) -> str:
    """`_x000D_` is how a character is written that XML does not take."""
    return _ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text) if "_x" in text else text


@lru_cache(1000)
def _column(letters: str) -> int | None:
    """The column called `AB`, from 0; None where there is none."""
    if not letters.isascii() or not letters.isalpha() or len(letters) > 3:
        return None
    column = 0
    for letter in letters.upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1


def _whole(value: str | None) -> int:
    """A whole number that stands in an attribute; 0 where there is none, -1 where it is something else."""
    try:
        return int(value or 0)
    except ValueError:
        return -1

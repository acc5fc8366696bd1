"""What stands on a sheet: tables with their headers, and text above, between and below them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

from engines.parsing import refusals
from engines.parsing.building import LONGEST_HEADER, PageBuilder, one_line, row_text
from engines.parsing.limits import Limits
from engines.parsing.sheets_values import Row
from rag.types import Kind, Page

PAGE_ROWS = 1000
"""A longer sheet is several pages, so that a page can be shown and stored."""
_PAGE_CHARACTERS = 500_000
BAND_ROWS = 1000
"""Rows that are looked at together; a longer table goes on under the header it began with."""
_HEADER_ROWS = 3
_LONG = 200
"""It goes with every row, so that a long one would be most of what is stored."""
_LABEL = re.compile(r"(?:19|20)\d\d(?:-\d\d-\d\d)?")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet and its rows that hold something, with their number from 0, in ascending order."""

    name: str
    hidden: bool
    rows: Iterator[tuple[int, Row]]


@dataclass(frozen=True, slots=True)
class Line:
    """A row as a block of text."""

    text: str
    kind: Kind
    header: str = ""


@dataclass(slots=True)
class _Band:
    """Rows without an empty one between them, at most BAND_ROWS of them."""

    rows: list[Row]
    goes_on: bool = False
    """Whether it is the rest of the band before it."""

    @property
    def columns(self) -> set[int]:
        return {column for row in self.rows for column in row}


def sheet_pages(sheet: Sheet, number: int, limits: Limits) -> Iterator[Page]:
    """The pages of a sheet from this number on, the first under its name as a heading; none for an empty sheet."""
    name = one_line(sheet.name)
    heading = (name[:_LONG],) if name else ()
    builder = PageBuilder(number)
    rows = 0
    for at, line in enumerate(lines(sheet.rows, limits)):
        if at == 0:
            builder.add(name, Kind.HEADING)
        builder.add(line.text, line.kind, heading=heading, header=line.header)
        rows += 1
        if rows >= PAGE_ROWS or builder.length > _PAGE_CHARACTERS:
            yield builder.page()
            number += 1
            builder, rows = PageBuilder(number), 0
    if rows:
        yield builder.page()


def lines(rows: Iterable[tuple[int, Row]], limits: Limits) -> Iterator[Line]:
    """The rows of a sheet in reading order; of tables side by side the left one first.

    A header is the row of several labels above a table's amounts, or up to three such rows. A table that an empty
    row parts goes on under its header. Raises ParsingError("too_large").
    """
    reader = _Reader()
    empty = _Band([])
    for band, following in pairwise(chain(_bands(rows, limits), [empty])):
        parts = [band] if band.goes_on or following.goes_on else _side_by_side(band)
        for part in parts:
            yield from reader.read(part, following if len(parts) == 1 else empty)


def _bands(rows: Iterable[tuple[int, Row]], limits: Limits) -> Iterator[_Band]:
    band = _Band([])
    last, size = -1, 0
    for number, row in rows:
        if band.rows and (number != last + 1 or len(band.rows) >= BAND_ROWS):
            yield band
            band, size = _Band([], goes_on=number == last + 1), 0
        band.rows.append(row)
        last = number
        size += sum(len(text) for text, _ in row.values())
        if size > limits.characters:
            raise refusals.too_much_text(limits)
    if band.rows:
        yield band


def _side_by_side(band: _Band) -> list[_Band]:
    """The tables that empty columns part, if each has a whole header of its own and rows that it names."""
    columns = sorted(band.columns)
    groups: list[list[int]] = []
    for column in columns:
        if groups and column == groups[-1][-1] + 1:
            groups[-1].append(column)
        else:
            groups.append([column])
    if not 1 < len(groups) <= 20:
        return [band]
    parts = []
    for group in groups:
        rows = [{column: row[column] for column in group if column in row} for row in band.rows]
        parts.append(_Band([row for row in rows if row]))
    heights = {len(part.rows) for part in parts}
    for part, group in zip(parts, groups, strict=True):
        is_whole = len(group) > 1 and len(part.rows) > 1 and len(part.rows[0]) == len(group)
        names = [group[0] in row and not row[group[0]][1] for row in part.rows[1:]]
        if not (is_whole and _is_header(part.rows[0], group[0]) and (all(names) or len(heights) > 1)):
            return [band]
    return parts


class _Reader:
    """Remembers the header that the rows below it have."""

    def __init__(self) -> None:
        self._header = ""
        self._columns: set[int] = set()

    def read(self, band: _Band, following: _Band) -> Iterator[Line]:
        """The lines of a band; `following` is the next one on the sheet."""
        rows = band.rows
        titles = 0
        if not band.goes_on:
            titles = next((at for at, row in enumerate(rows) if len(row) > 1), len(rows))
            for row in rows[:titles]:
                yield Line(next(iter(row.values()))[0], Kind.TEXT)
        table = _Band(rows[titles:], band.goes_on)
        if not table.rows:
            return
        is_below = not titles and bool(self._columns) and bool(self._columns & table.columns)
        count = 0 if band.goes_on else _header_rows(table, following, is_below=is_below)
        if count or not is_below:
            self._header, self._columns = "", set()
        self._columns |= table.columns
        shown = sorted(self._columns)
        for at, row in enumerate(table.rows):
            text = row_text([row[column][0] if column in row else "" for column in shown])
            is_prose = len(row) == 1 and len(text) > _LONG
            yield Line(text, Kind.TEXT) if is_prose else Line(text, Kind.TABLE_ROW, self._header)
            if at < count:
                self._header = f"{self._header}\n{text.strip()}".strip()[:LONGEST_HEADER]


def _header_rows(table: _Band, following: _Band, *, is_below: bool) -> int:
    """How many of the first rows of a table are its header; `is_below`: it may go on under the one above."""
    left = min(table.columns)
    labels = next((at for at, row in enumerate(table.rows) if not _is_header(row, left)), len(table.rows))
    if labels == 0:
        return 0
    if labels < len(table.rows):
        amounts = any(is_amount for _, is_amount in table.rows[labels].values())
        if amounts and labels <= _HEADER_ROWS:
            return labels
        return 0 if is_below else 1
    heads_next = bool(following.rows) and not _is_header(following.rows[0], left) and len(following.rows[0]) > 1
    if heads_next and labels <= _HEADER_ROWS:
        return labels
    return 0 if is_below else 1


def _is_header(row: Row, left: int) -> bool:
    """Whether a row may be one: several labels; a year or a date is one too, if some words or a gap stand beside."""
    if len(row) < 2:
        return False
    words = any(not is_amount for _, is_amount in row.values())
    return (words or left not in row) and all(
        not is_amount or _LABEL.fullmatch(text) is not None for text, is_amount in row.values()
    )

"""JSON, JSON lines and GeoJSON: values as `key: value` lines under the keys above them; notebooks by their cells.

A list of like objects is a table under the header of its keys. Numbers are read as they are written. Left out are
files written as base64 within a string, and the coordinates of lines and areas.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from engines.parsing.building import one_line, row_text
from engines.parsing.decoding import read_text
from engines.parsing.limits import Limits
from engines.parsing.notebooks import add_notebook
from engines.parsing.reporting import Report
from engines.parsing.text import Parts, add_paragraphs, in_pieces
from rag.types import Kind, Page

_DEPTH = 100
"""Levels; no one reads more, and Python recurses no deeper than a few hundred."""
_LEVELS = 8
_SMALL, _SHORT, _ROW = 8, 200, 1000
_COLUMNS = 100
_BASE64 = re.compile(r"(?:data:[\w/+.;=-]{1,100},)?[A-Za-z0-9+/_\r\n-]{1000,}={0,2}\s*")
_TITLES = ("title", "name")
Heading = tuple[str, ...]


class _Number(str):
    """A number as the file writes it."""


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page, or several of a long document. What is no JSON is read as plain text, with a warning."""
    text = read_text(path, limits)
    parts = Parts()
    value = _decoded(text)
    if value is _BROKEN:
        value = _values_of_lines(text)
    if value is None:
        report.warning("The file is not valid JSON, or is nested too deeply, so it was read as plain text.")
        add_paragraphs(parts, text, Kind.CODE)
    elif isinstance(value, dict) and isinstance(value.get("cells"), list) and "nbformat" in value:
        add_notebook(parts, value)
    else:
        _Reader(parts).read(value)
    yield from parts.pages(report)


_BROKEN = object()


def _decoded(text: str) -> Any:
    """The value a text writes down; _BROKEN where it is none, or is deeper than _DEPTH."""
    try:
        value = json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_Number)
    except (ValueError, RecursionError):
        return _BROKEN
    level = [value]
    for _ in range(_DEPTH):
        level = [inner for each in level if isinstance(each, dict | list) for inner in _inner(each)]
        if not level:
            return value
    return _BROKEN


def _inner(value: dict[str, Any] | list[Any]) -> Sequence[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _values_of_lines(text: str) -> list[Any] | None:
    """The values of JSON lines, a damaged line as its text; None where the first two lines are not such."""
    lines = (line for line in text.split("\n") if line.strip())
    values = [_decoded(line) for line in islice(lines, 2)]
    if len(values) < 2 or not all(isinstance(value, dict | list) for value in values):
        return None
    for line in lines:
        value = _decoded(line)
        values.append(line.strip() if value is _BROKEN else value)
    return values


class _Reader:
    """Walks a value into blocks, at most _DEPTH deep."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lines: list[str] = []

    def read(self, value: Any, path: Heading = ()) -> None:
        """Adds a whole value under the headings above it."""
        if isinstance(value, dict):
            self._object(value, path)
        elif isinstance(value, list):
            self._list(value, path)
        else:
            self._lines.append(scalar(value))
        self._flush(path)

    def _object(self, value: dict[str, Any], path: Heading) -> None:
        if value.get("type") == "Feature" and "geometry" in value:
            value = {**value, "geometry": _place(value["geometry"])}
        for key, inner in value.items():
            flat = flattened(inner, key)
            if flat is not None:
                for name, text in flat.items():
                    self._line(f"{name}: {text}" if text else "", path)
            elif inner:
                self._flush(path)
                title = one_line(key)
                self._parts.add(title, Kind.HEADING, heading=path)
                self.read(inner, _below(path, title))
        self._flush(path)

    def _list(self, values: list[Any], path: Heading) -> None:
        if all(isinstance(value, dict) for value in values) and self._table(values, path):
            return
        for value in values:
            if isinstance(value, dict):
                title = next((scalar(value[name]) for name in _TITLES if name in value and _is_scalar(value[name])), "")
                self.read(value, _below(path, one_line(title)))
            elif isinstance(value, list):
                row = row_text(map(scalar, value)) if all(map(_is_scalar, value)) else ""
                if row:
                    self._parts.add(row, Kind.TABLE_ROW, heading=path)
                else:
                    self.read(value, path)
            elif text := scalar(value):
                for piece in in_pieces(text):
                    self._parts.add(f"- {piece.strip()}", Kind.LIST_ITEM, heading=path)

    def _table(self, values: list[dict[str, Any]], path: Heading) -> bool:
        """Adds a list of objects as a table, if each is as small as a row."""
        rows = [_flat_object(value) for value in values]
        columns: dict[str, None] = {}
        for row in rows:
            if row is None or sum(map(len, row.values())) > _ROW or len(columns) > _COLUMNS:
                return False
            columns.update(dict.fromkeys(row))
        names = row_text(columns)
        self._parts.add(names, Kind.TABLE_ROW, heading=path)
        for row in rows:
            text = row_text([(row or {}).get(column, "") for column in columns])
            self._parts.add(text, Kind.TABLE_ROW, heading=path, header=names)
        return True

    def _line(self, line: str, path: Heading) -> None:
        if line:
            self._lines.append(line)
        if sum(map(len, self._lines)) > _ROW:
            self._flush(path)

    def _flush(self, path: Heading) -> None:
        for piece in in_pieces("\n".join(self._lines)):
            self._parts.add(piece, heading=path)
        self._lines.clear()


def _below(path: Heading, title: str) -> Heading:
    """The path of what stands under a title; of a deep one the innermost."""
    return (*path, title[:_SHORT])[-_LEVELS:] if title else path


def flattened(value: Any, key: str) -> dict[str, str] | None:
    """A value as lines of text by their names, if it is small: a scalar, a short list, an object of a few."""
    if _is_scalar(value):
        return {key: scalar(value)}
    found: dict[str, str] = {}
    waiting = [(key, value)]
    for _ in range(3 * _SMALL):
        if not waiting:
            return found
        name, each = waiting.pop()
        if _is_scalar(each):
            found[name] = scalar(each)
        elif isinstance(each, list):
            if len(each) > _SHORT or not all(map(_is_scalar, each)):
                return None
            found[name] = ", ".join(filter(None, map(scalar, each)))
        elif len(each) <= _SMALL:
            waiting += [(f"{name}.{inner}", each[inner]) for inner in reversed(each)]
        else:
            return None
        if len(found) > _SMALL or len(found.get(name, "")) > _SHORT:
            return None
    return None


def _flat_object(value: dict[str, Any]) -> dict[str, str] | None:
    """An object as a table's row; None where a value of it is not small."""
    if value.get("type") == "Feature" and "geometry" in value:
        value = {**(value.get("properties") or {}), "geometry": _place(value["geometry"])}
    row: dict[str, str] = {}
    for key, inner in value.items():
        flat = flattened(inner, key)
        if flat is None:
            return None
        row |= flat
    return row


def _place(geometry: Any) -> str:
    """The kind of a GeoJSON geometry, and where a point is."""
    if not isinstance(geometry, dict):
        return ""
    at = geometry.get("coordinates")
    is_point = geometry.get("type") == "Point" and isinstance(at, list) and all(map(_is_scalar, at))
    return f"{scalar(geometry.get('type'))} {', '.join(map(scalar, at)) if is_point and at else ''}".strip()


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, dict | list)


def scalar(value: Any) -> str:
    """A string or number as it is, true and false as words; nothing for null and for a file in base64."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _Number):  # of which a very long one looks like base64
        return value
    if not isinstance(value, str) or (len(value) >= _ROW and _BASE64.fullmatch(value)):
        return ""
    return value.strip()

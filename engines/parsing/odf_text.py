"""The blocks of an OpenDocument text, slide or cell: paragraphs, headings, lists and tables in reading order."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engines.parsing.building import HeadingPath, one_line, row_text, tidy
from engines.parsing.odf_styles import DEPTHS, TEXT, Counter, Styles, whole
from rag.types import Kind

TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
# What nobody sees, or sees as a comment; of ruby text the reading aids; templates of indexes.
_SKIPPED = {
    *(OFFICE + name for name in ("annotation", "annotation-end", "forms", "event-listeners")),
    *(TEXT + name for name in ("tracked-changes", "note-citation", "ruby-text", "script", "hidden-paragraph")),
    *(f"{TEXT}{name}-source" for name in ("table-of-content", "illustration-index", "table-index", "object-index")),
    *(f"{TEXT}{name}-source" for name in ("user-index", "alphabetical-index", "bibliography")),
    *("{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}" + name for name in ("title", "desc")),
}
_ROWS = {TABLE + name for name in ("table-header-rows", "table-rows", "table-row-group")}
_MOST_COLUMNS, _MOST_ROWS, _MOST_SPACES = 64, 50, 100
_LAYOUT_CHARACTERS = 200

Add = Callable[..., None]
"""`PageBuilder.add` or `Flow.add`."""


@dataclass(slots=True)
class _Paragraph:
    """The text of a paragraph, and what hangs on it: notes and text boxes."""

    text: str
    asides: list[Any]
    turns_before: int
    turns_after: int


@dataclass(slots=True)
class _List:
    """Where a list, and the items around it, stand."""

    style: str
    counter: Counter
    depth: int = 0


@dataclass(slots=True)
class Reader:
    """Reads containers into blocks; `turn` hears of the pages that begin."""

    styles: Styles
    add: Add
    turn: Callable[[int], None] = lambda _: None
    formulas: Mapping[str, str] = field(default_factory=dict)
    headings: HeadingPath = field(default_factory=HeadingPath)
    _outline: Counter = field(default_factory=Counter)
    _lists: dict[str, Counter] = field(default_factory=dict)

    def read(self, container: Any, within: _List | None = None, label: str | None = None) -> None:
        """All blocks below an element. Within a list item, `label` is the mark of its first paragraph."""
        for element in container.iterchildren("{*}*"):
            tag = element.tag
            if tag in _SKIPPED or element.get(f"{TEXT}display") == "none":
                continue
            if tag in (f"{TEXT}p", f"{TEXT}h"):
                self._paragraph(element, within, label)
                label = ""
            elif tag == f"{TEXT}list":
                self._list(element, within)
            elif tag == f"{TABLE}table":
                self._table(element)
            elif tag == f"{TEXT}soft-page-break":
                self.turn(1)
            elif equation := _equation(element, self.formulas):
                self.add(equation, heading=self.headings.path)
            else:  # sections, indexes, frames, shapes
                self.read(element, within, label)

    def _paragraph(self, element: Any, within: _List | None, label: str | None) -> None:
        style = element.get(f"{TEXT}style-name")
        if self.styles.is_hidden(style):
            return
        paragraph = _paragraph(element, self.styles, self.formulas)
        self.turn(paragraph.turns_before + self.styles.begins_page(style))
        text = paragraph.text
        if element.tag == f"{TEXT}h" and text:
            level = min(max(whole(element.get(f"{TEXT}outline-level"), 1), 1), DEPTHS)
            if not label and within is None and element.get(f"{TEXT}is-list-header") != "true":
                label = self.styles.heading_label(self._outline, level - 1)
            title = one_line(f"{label} {text}" if label and not label.startswith("-") else text)
            self.add(title, Kind.HEADING, heading=self.headings.push(level, title))
        elif within is not None and label is not None:
            self.add(f"{label} {text}".strip() if text else "", Kind.LIST_ITEM, heading=self.headings.path)
        else:
            self.add(text, heading=self.headings.path)
        self.turn(paragraph.turns_after + self.styles.ends_page(style))
        for aside in paragraph.asides:
            self.read(aside)

    def _list(self, element: Any, within: _List | None) -> None:
        for item, found, label in self._items(element, within):
            self.read(item, found, label)

    def _items(self, element: Any, within: _List | None) -> Iterator[tuple[Any, _List, str | None]]:
        """The items of a list with their marks; an item that only holds a deeper list has none."""
        found = self._entered(element, within)
        for item in element.iterchildren(f"{TEXT}list-item", f"{TEXT}list-header"):
            label: str | None = ""
            paragraph = next(item.iterchildren(f"{TEXT}p", f"{TEXT}h"), None)
            if item.tag == f"{TEXT}list-item" and paragraph is not None:
                start = whole(item.get(f"{TEXT}start-value"))
                numbering = self.styles.get(paragraph.get(f"{TEXT}style-name"), f"{TEXT}enable-numbering")
                label = None
                if numbering != "false":
                    label = self.styles.list_label(found.style, found.counter, found.depth, start)
            yield item, found, label

    def _entered(self, element: Any, within: _List | None) -> _List:
        style = element.get(f"{TEXT}style-name", "")
        if within is not None:
            return _List(style or within.style, within.counter, min(within.depth + 1, DEPTHS - 1))
        earlier = element.get(f"{TEXT}continue-list", "")
        if not earlier and element.get(f"{TEXT}continue-numbering") == "true":
            earlier = f"style {style}"
        counter = self._lists.get(earlier, Counter()) if earlier else Counter()
        self._lists[f"style {style}"] = self._lists[element.get(_XML_ID, "")] = counter
        return _List(style, counter)

    def _table(self, table: Any) -> None:
        header: str | None = None
        asides: list[Any] = []
        for row in _rows(table):
            if row.tag == f"{TEXT}soft-page-break":
                self.turn(1)
                continue
            inner: list[Any] = []
            cells = self._cells(row, inner, asides)
            text = row_text(cells)
            if sum(map(bool, cells)) == 1 and len(text) > _LAYOUT_CHARACTERS:
                self.add(tidy("".join(cells)), heading=self.headings.path)  # a table for layout
            else:
                for _ in range(min(max(whole(row.get(f"{TABLE}number-rows-repeated"), 1), 1), _MOST_ROWS)):
                    self.add(text, Kind.TABLE_ROW, heading=self.headings.path, header=header or "")
                # A title across the whole table says nothing of its columns
                if header is None and (sum(map(bool, cells)) > 1 or len(cells) == 1):
                    header = text
            for each in inner:
                self._table(each)
        for aside in asides:
            self.read(aside)

    def _cells(self, row: Any, inner: list[Any], asides: list[Any]) -> list[str]:
        """The text of a row's cells; tables and notes within them are put into the two lists."""
        cells: list[str] = []
        for cell in row.iterchildren(f"{TABLE}table-cell", f"{TABLE}covered-table-cell"):
            words: list[str] = []
            if cell.tag == f"{TABLE}table-cell":
                self._gather(cell, None, words, inner, asides)
            repeated = min(max(whole(cell.get(f"{TABLE}number-columns-repeated"), 1), 1), _MOST_COLUMNS)
            cells += ["\n".join(words)] * (repeated if len(cells) < _MOST_COLUMNS else 1)
        return cells

    def _gather(
        self, container: Any, within: _List | None, words: list[str], inner: list[Any], asides: list[Any]
    ) -> None:
        for element in container.iterchildren("{*}*"):
            if element.tag in _SKIPPED:
                continue
            if element.tag in (f"{TEXT}p", f"{TEXT}h"):
                if not self.styles.is_hidden(element.get(f"{TEXT}style-name")):
                    paragraph = _paragraph(element, self.styles, self.formulas)
                    words.append(paragraph.text)
                    asides += paragraph.asides
            elif element.tag == f"{TEXT}list":
                for item, found, label in self._items(element, within):
                    # Impress puts every cell's text into a list, with a bullet or not
                    words += [label] if label and not label.startswith("-") else []
                    self._gather(item, found, words, inner, asides)
            elif element.tag == f"{TABLE}table":
                inner.append(element)
            else:
                self._gather(element, within, words, inner, asides)


def _rows(table: Any) -> Iterator[Any]:
    for element in table.iterchildren("{*}*"):
        if element.tag in (f"{TABLE}table-row", f"{TEXT}soft-page-break"):
            yield element
        elif element.tag in _ROWS:
            yield from _rows(element)


def _paragraph(element: Any, styles: Styles, formulas: Mapping[str, str]) -> _Paragraph:
    parts: list[str] = []
    asides: list[Any] = []
    turns = [0, 0]

    def walk(parent: Any) -> None:
        parts.append(parent.text or "")
        for child in parent.iterchildren("{*}*"):
            tag = child.tag
            if tag == f"{TEXT}s":
                parts.append(" " * min(max(whole(child.get(f"{TEXT}c"), 1), 1), _MOST_SPACES))
            elif tag == f"{TEXT}tab":
                parts.append("\t")
            elif tag == f"{TEXT}line-break":
                parts.append("\v")
            elif tag == f"{TEXT}soft-page-break":
                turns[any(map(str.strip, parts))] += 1
            elif equation := _equation(child, formulas):
                parts.append(equation)
            elif tag == f"{TEXT}note-body" or tag.startswith((DRAW, TABLE)):
                asides.append(child)
            elif not (tag in _SKIPPED or _is_hidden(child, styles)):
                walk(child)
            parts.append(child.tail or "")

    walk(element)
    # A line break of the file is no more than a space
    return _Paragraph(tidy(" ".join("".join(parts).split("\n"))), asides, *turns)


def _is_hidden(element: Any, styles: Styles) -> bool:
    if element.tag == f"{TEXT}span":
        return styles.is_hidden(element.get(f"{TEXT}style-name"))
    return element.get(f"{TEXT}is-hidden") == "true"


def _equation(element: Any, formulas: Mapping[str, str]) -> str:
    """The text of a frame that holds an equation; "" for any other element."""
    if element.tag != f"{DRAW}frame":
        return ""
    found = element.find(f"{DRAW}object")
    return "" if found is None else formulas.get(found.get(_HREF, ""), "")

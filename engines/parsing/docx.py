"""DOCX: the body in order, read from its XML, so that inserted text and content controls are not lost.

A DOCX has no pages until a program lays it out, but Word notes in the text where its pages began when it was last
saved, and in the properties how many there were. Where both agree, as they do in files that Word itself saved, those
are the pages: a footnote then names the page that the reader finds in Word. A block stands whole on the page it begins
on. Where they do not, as in files of other programs, a number counted from the author's own page breaks would be wrong
in the reader's eyes, so the document is one page. A long one is cut at headings and page breaks into parts of 20,000
characters or more, which a warning says, since nobody can look through a page of a whole book.

Footnotes and endnotes stand after the paragraph, and after the table, that refers to them. Headers, footers,
comments, deleted and hidden text are left out.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engines.parsing import refusals
from engines.parsing.building import HeadingPath, one_line, row_text, tidy
from engines.parsing.docx_styles import Numbering, Style, Styles, W, is_on, value, whole
from engines.parsing.docx_text import Paragraph
from engines.parsing.drawings import read_graphic
from engines.parsing.flow import Flow
from engines.parsing.limits import Limits
from engines.parsing.numbering import bullet
from engines.parsing.packages import Package, opened
from engines.parsing.reporting import Report
from rag.types import Kind, Page

_WRAPPERS = {W + name for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag")}
_PAGES = "{http://schemas.openxmlformats.org/officeDocument/2006/extended-properties}Pages"
_LAYOUT_CHARACTERS = 200
_WIDEST = 64
"""More columns than Word has; a forged span must not fill memory."""


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """The pages Word last laid out, or one page, or the parts of a long document (see above)."""
    with opened(path, limits, "DOCX") as package:
        main = next(iter(package.related("", "officeDocument")), "word/document.xml")
        reader = _Reader(package, main, limits)
        body = package.xml(main).find(f"{W}body")
        if body is None:
            raise refusals.broken("DOCX")
        reader.read(body)
        stated = _stated_pages(package)
    yield from reader.flow.pages(stated, report)


def _stated_pages(package: Package) -> int:
    for part in package.related("", "extended-properties"):
        found = package.xml(part).findtext(_PAGES)
        return max(0, whole(found or ""))
    return 0


class _Reader:
    """Walks block elements into the flow."""

    def __init__(self, package: Package, main: str, limits: Limits) -> None:
        self.flow = Flow(limits)
        self._package, self._links = package, package.relations(main)
        self._headings = HeadingPath()
        self._styles = Styles(_part(package, main, "styles"))
        self._numbering = Numbering(_part(package, main, "numbering"), self._styles)
        self._notes: dict[tuple[str, str], Any] = {}
        for kind in ("footnotes", "endnotes"):
            for note in _part(package, main, kind, empty=()):
                self._notes[kind, note.get(f"{W}id", "")] = note

    def read(self, container: Any) -> None:
        """All paragraphs and tables of a body, text box or cell."""
        for element in _below(container, f"{W}p", f"{W}tbl"):
            if element.tag == f"{W}tbl":
                self._table(element)
            else:
                self._paragraph(element)

    def _paragraph(self, element: Any) -> None:
        paragraph = Paragraph(element, self._styles)
        properties = element.find(f"{W}pPr")
        style = self._styles.get(value(properties, "pStyle"))
        if paragraph.break_before or is_on(properties, "pageBreakBefore"):
            self.flow.page_break()
        self.flow.turn(paragraph.turns_before)
        self._add(paragraph, properties, style)
        self.flow.turn(paragraph.turns_after)
        section = None if properties is None else properties.find(f"{W}sectPr")
        if paragraph.break_after or (section is not None and value(section, "type") != "continuous"):
            self.flow.page_break()
        self._beside([paragraph])

    def _add(self, paragraph: Paragraph, properties: Any, style: Style) -> None:
        level = _level(properties, style)
        if style.is_code and level is None:
            self.flow.add(paragraph.text.rstrip(), Kind.CODE, heading=self._headings.path)
            return
        text = tidy(paragraph.text)
        label = self._label(properties, style)  # an empty item is counted, too
        if not text:
            return
        if level is not None:
            title = one_line(f"{label} {text}" if label and not label.startswith("-") else text)
            self.flow.add(title, Kind.HEADING, heading=self._headings.push(level, title))
        else:
            # A caption counts as "Figure 4-1": a number, but no list
            kind = Kind.TEXT if label is None or " " in label else Kind.LIST_ITEM
            self.flow.add(f"{label or ''} {text}".strip(), kind, heading=self._headings.path)

    def _label(self, properties: Any, style: Style) -> str | None:
        """The mark before a list item or a numbered heading; None where there is no list."""
        name, direct = value(properties, "pStyle"), value(properties, "numPr/numId")
        list_id = direct or style.list_id
        if list_id == "0":
            return None
        if depth := value(properties, "numPr/ilvl"):
            at = whole(depth)
        elif style.list_level is not None:
            at = style.list_level
        else:
            at = self._numbering.depth_of(list_id, name)
        label = self._numbering.label(list_id, at) if list_id else None
        return bullet(at) if label is None and (direct or style.is_list) else label

    def _beside(self, paragraphs: list[Paragraph]) -> None:
        """The text boxes, charts and notes that hang on these paragraphs."""
        for paragraph in paragraphs:
            for box in paragraph.boxes:
                self.read(box)
            for link in (self._links.get(each) for each in paragraph.graphics):
                if link is not None and link.target in self._package:
                    for text, kind in read_graphic(self._package.xml(link.target)):
                        self.flow.add(text, kind, heading=self._headings.path)
            for reference in paragraph.notes:
                note = self._notes.pop(reference, None)
                if note is not None:
                    inner = [Paragraph(each, self._styles) for each in note.iter(f"{W}p")]
                    self.flow.add(tidy("\n".join(each.text for each in inner)), heading=self._headings.path)

    def _table(self, table: Any) -> None:
        """Rows as blocks; what only lies in a table for its layout as the text it is; inner tables after their row."""
        header: str | None = None
        aside: list[Paragraph] = []
        rows = [(row, list(_below(row, f"{W}tc"))) for row in _below(table, f"{W}tr") if not _is_deleted(row)]
        for row, cells in rows:
            if len(cells) == 1 and (len(rows) == 1 or _holds_much(cells[0])):
                self.read(cells[0])
                continue
            found = [_Cell(cell, self._styles, self._cell_label) for cell in cells]
            before = next((cell.turns_before for cell in found if cell.text), 0)
            self.flow.turn(before)
            text = row_text(
                [*[""] * _span(row, "trPr/gridBefore", 0), *(part for cell in found for part in cell.parts)]
            )
            self.flow.add(text, Kind.TABLE_ROW, heading=self._headings.path, header=header or "")
            # A title across the whole table says nothing of its columns
            if header is None and (sum(bool(cell.text) for cell in found) > 1 or len(cells) == 1):
                header = text
            self.flow.turn(max((cell.turns for cell in found), default=0) - before)
            for cell in found:
                aside += cell.paragraphs
                for inner in cell.tables:
                    self._table(inner)
        self._beside(aside)

    def _cell_label(self, element: Any) -> str:
        properties = element.find(f"{W}pPr")
        return self._label(properties, self._styles.get(value(properties, "pStyle"))) or ""


class _Cell:
    """A cell of a table."""

    def __init__(self, element: Any, styles: Styles, label: Callable[[Any], str]) -> None:
        self.paragraphs: list[Paragraph] = []
        self.tables: list[Any] = []
        words: list[str] = []
        merged = element.find(f"{W}tcPr/{W}vMerge")
        if merged is None or merged.get(f"{W}val") == "restart":
            for block in _below(element, f"{W}p", f"{W}tbl"):
                if block.tag == f"{W}tbl":
                    self.tables.append(block)
                    continue
                paragraph = Paragraph(block, styles)
                self.paragraphs.append(paragraph)
                words += [label(block), paragraph.text] if paragraph.text.strip() else []
        self.text = one_line(" ".join(words))
        self.parts = [self.text, *[""] * (_span(element, "tcPr/gridSpan", 1) - 1)]
        """Its text, and nothing for each further column that it covers."""
        first = next((at for at, each in enumerate(self.paragraphs) if each.text.strip()), 0)
        self.turns = sum(each.turns_before + each.turns_after for each in self.paragraphs)
        self.turns_before = sum(each.turns_before for each in self.paragraphs[: first + 1])


def _part(package: Package, main: str, kind: str, empty: Any = None) -> Any:
    """The root of a part that the main part links to, or `empty` where there is none."""
    name = next(iter(package.related(main, kind)), None)
    return empty if name is None else package.xml(name)


def _span(element: Any, path: str, default: int) -> int:
    return min(max(whole(value(element, path), default), default), _WIDEST)


def _is_deleted(row: Any) -> bool:
    return row.find(f"{W}trPr/{W}del") is not None


def _holds_much(cell: Any) -> bool:
    """Whether a row's only cell holds text rather than a value."""
    return sum(len(each.text or "") for each in cell.iter(f"{W}t")) > _LAYOUT_CHARACTERS


def _level(properties: Any, style: Style) -> int | None:
    """How deep a heading is (0 for the title), or None for what is none."""
    depth = value(properties, "outlineLvl")
    if depth.isdigit():
        return whole(depth) + 1 if whole(depth) < 9 else None
    return style.level


def _below(container: Any, *tags: str) -> Iterator[Any]:
    """The elements of these kinds in order, also those inside content controls and tracked insertions."""
    waiting = [container.iterchildren("{*}*")]
    while waiting:
        element = next(waiting[-1], None)
        if element is None:
            waiting.pop()
        elif element.tag in tags:
            yield element
        elif element.tag in _WRAPPERS:
            waiting.append(element.iterchildren("{*}*"))

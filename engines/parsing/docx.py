"""DOCX: the body in order, read from its XML, so that inserted text and content controls are not lost."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from lxml import etree

from engines.parsing import refusals
from engines.parsing.building import HeadingPath, PageBuilder, row_text, tidy
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Kind, Page

_OLE = b"\xd0\xcf\x11\xe0"
_TEXT = {qn("w:t"), qn("m:t")}
_BREAKS = {qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:tab"): "\t", qn("w:noBreakHyphen"): "-"}
_SKIPPED = {"{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback", qn("w:del"), qn("w:moveFrom")}
_WRAPPERS = {qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:moveTo"), qn("w:customXml"), qn("w:smartTag")}
_HEADING = re.compile(r"heading (\d)", re.I)
_CODE = re.compile(r"code|preformatted|source|listing", re.I)
# A tree of lxml takes about eight times the XML it was read from.
_TREE_FACTOR = 8


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page: DOCX knows no pages until it is laid out. Footnotes stand at its end."""
    report.total(1)
    document = _open(path, limits)
    reader = _Reader(document, limits)
    reader.read(document.element.body)
    reader.read_notes()
    yield reader.builder.page()


def _open(path: Path, limits: Limits) -> Any:
    with path.open("rb") as file:
        if file.read(4) == _OLE:
            raise refusals.encrypted()
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_bomb(archive.infolist(), limits)
        return docx.Document(str(path))
    except (zipfile.BadZipFile, PackageNotFoundError, etree.XMLSyntaxError, KeyError, ValueError, OSError, EOFError):
        raise refusals.broken("DOCX") from None
    except (NotImplementedError, RuntimeError, AttributeError, zipfile.zlib.error):  # type: ignore[attr-defined]
        raise refusals.broken("DOCX") from None


def _refuse_bomb(parts: list[zipfile.ZipInfo], limits: Limits) -> None:
    """By the sizes the archive states: zipfile reads no more of a part than that."""
    if any(part.flag_bits & 1 for part in parts):
        raise refusals.encrypted()
    xml = sum(part.file_size for part in parts if part.filename.endswith((".xml", ".rels")))
    other = sum(part.file_size for part in parts) - xml
    needed = (xml * _TREE_FACTOR + other * 2) / 1024 / 1024
    if needed > limits.memory_mb:
        raise refusals.unpacks_too_large((xml + other) / 1024 / 1024, limits)


class _Reader:
    """Walks block elements into the builder."""

    def __init__(self, document: Any, limits: Limits) -> None:
        self.builder = PageBuilder()
        self._document = document
        self._limits = limits
        self._headings = HeadingPath()
        self._styles = {style.style_id: style.name or "" for style in document.styles}

    def read(self, container: Any) -> None:
        for element in _blocks(container):
            if element.tag == qn("w:tbl"):
                self._table(element)
            else:
                self._paragraph(element)
            if self.builder.length > self._limits.characters:
                raise refusals.too_much_text(self._limits)

    def read_notes(self) -> None:
        """Footnotes and endnotes, each as a paragraph after the text."""
        for kind in (RELATIONSHIP_TYPE.FOOTNOTES, RELATIONSHIP_TYPE.ENDNOTES):
            for relation in self._document.part.rels.values():
                if relation.reltype == kind and not relation.is_external:
                    for note in parse_xml(relation.target_part.blob):
                        if note.get(qn("w:type")) is None:
                            self.builder.add(tidy(_text(note)))

    def _paragraph(self, element: Any) -> None:
        text = _text(element)
        if not text.strip():
            return
        style = self._style(element)
        level = _level(element, style)
        if level is not None:
            title = " ".join(text.split())
            self.builder.add(title, Kind.HEADING, heading=self._headings.push(level, title))
        elif _CODE.search(style):
            self.builder.add(text.rstrip(), Kind.CODE, heading=self._headings.path)
        elif element.find(f"{qn('w:pPr')}/{qn('w:numPr')}") is not None or style.lower().startswith("list"):
            self.builder.add(f"- {tidy(text)}", Kind.LIST_ITEM, heading=self._headings.path)
        else:
            self.builder.add(tidy(text), heading=self._headings.path)

    def _style(self, element: Any) -> str:
        style = element.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
        identifier = "" if style is None else style.get(qn("w:val"), "")
        return self._styles.get(identifier, identifier)

    def _table(self, table: Any) -> None:
        header: str | None = None
        for row in _own(table, qn("w:tr")):
            cells = [_text(cell) for cell in _own(row, qn("w:tc"))]
            text = row_text(cells)
            if len([cell for cell in cells if cell.strip()]) == 1 and len(text) > 200:
                self.builder.add(tidy("".join(cells)), heading=self._headings.path)  # a table for layout
                continue
            self.builder.add(text, Kind.TABLE_ROW, heading=self._headings.path, header=header or "")
            header = text if header is None else header


def _level(element: Any, style: str) -> int | None:
    """How deep a heading is (0 for the title), or None for what is none."""
    if style.lower() == "title":
        return 0
    if match := _HEADING.fullmatch(style):
        return int(match.group(1))
    outline = element.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}")
    depth = "" if outline is None else outline.get(qn("w:val"), "")
    return int(depth) + 1 if depth.isdigit() and int(depth) < 9 else None


def _blocks(container: Any) -> Iterator[Any]:
    """Paragraphs and tables in order, also those inside content controls and tracked insertions."""
    waiting = [iter(container)]
    while waiting:
        element = next(waiting[-1], None)
        if element is None:
            waiting.pop()
        elif element.tag in (qn("w:p"), qn("w:tbl")):
            yield element
        elif element.tag in _WRAPPERS:
            waiting.append(iter(element))


def _own(parent: Any, tag: str) -> Iterator[Any]:
    """A table's rows or a row's cells, also those inside content controls, but none of an inner table."""
    waiting = [iter(parent)]
    while waiting:
        element = next(waiting[-1], None)
        if element is None:
            waiting.pop()
        elif element.tag == tag:
            yield element
        elif element.tag in _WRAPPERS:
            waiting.append(iter(element))


def _text(root: Any) -> str:
    """The visible text below an element: deleted text and the second copy of drawings left out."""
    parts: list[str] = []
    skipping = None
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if skipping is not None:
            if event == "end" and element is skipping:
                skipping = None
        elif event == "start" and element.tag in _SKIPPED:
            skipping = element
        elif event == "start" and element.tag in _TEXT:
            parts.append(element.text or "")
        elif event == "start" and element.tag in _BREAKS:
            parts.append(_BREAKS[element.tag])
        elif event == "end" and element.tag == qn("w:p") and element is not root:
            parts.append("\n")
    return "".join(parts)

"""PPTX: a page a slide, read from its XML: a damaged picture or a missing font does not keep anyone from the text.

The title is the heading of its slide; shapes follow from top to bottom and left to right, what is grouped together.
Notes stand at the end. A hidden slide is an empty page, so that page numbers are slide numbers. Dates, footers and
slide numbers are left out, and so are the descriptions of pictures unless a slide has no other text.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engines.parsing import refusals
from engines.parsing.building import PageBuilder, one_line, row_text
from engines.parsing.drawings import R, graphic_link, read_graphic
from engines.parsing.limits import Limits
from engines.parsing.packages import Package, Relation, opened
from engines.parsing.pptx_layouts import Layouts, placeholder
from engines.parsing.pptx_text import MC, A, P, paragraphs
from engines.parsing.reporting import Report
from engines.parsing.slides import left_out
from rag.types import Kind, Page

_SHAPES = {P + name for name in ("sp", "grpSp", "graphicFrame", "pic", "cxnSp", "contentPart")}
_TITLES = ("title", "ctrTitle")
_STAMPS = ("dt", "ftr", "sldNum", "hdr")
_OFF = ("0", "false")
_ON = ("1", "true")


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """A page a slide, in the order of the show."""
    with opened(path, limits, "PPTX") as package:
        main = next(iter(package.related("", "officeDocument")), "ppt/presentation.xml")
        links = package.relations(main)
        ids = [each.get(f"{R}id", "") for each in package.xml(main).iterfind(f"{P}sldIdLst/{P}sldId")]
        if len(ids) > limits.pages:
            raise refusals.too_many_pages(len(ids), limits)
        report.total(len(ids))
        layouts = Layouts(package)
        hidden = []
        for slide_number, identifier in enumerate(ids, start=1):
            slide = _Slide(package, links[identifier].target, layouts, limits, slide_number)
            if slide.is_hidden:
                hidden.append(slide_number)
            else:
                slide.read()
            yield slide.builder.page()
    if hidden:
        report.warning(left_out(hidden))


class _Slide:
    """Reads one slide into the builder."""

    def __init__(self, package: Package, part: str, layouts: Layouts, limits: Limits, slide_number: int) -> None:
        self.builder = PageBuilder(slide_number)
        self._package, self._part, self._limits = package, part, limits
        self._root = package.xml(part)
        self.is_hidden = self._root.get("show", "1") in _OFF
        self._links: dict[str, Relation] = package.relations(part)
        self._layout = layouts.of(part)
        self._heading: tuple[str, ...] = ()

    def read(self) -> None:
        """Title, shapes and notes."""
        shapes = self._root.find(f"{P}cSld/{P}spTree")
        found = [] if shapes is None else self._in_order(shapes)
        titles = [each for each in found if _kind(each) in _TITLES]
        for shape in titles:
            title = one_line(" ".join(text for text, _ in paragraphs(shape.find(f"{P}txBody"), [])))
            self.builder.add(title, Kind.HEADING, heading=self._heading)
            self._heading = (*self._heading, title[:200]) if title else self._heading
        for shape in found:
            if shape not in titles:
                self._shape(shape)
        if not self.builder.length:
            for shape in self._root.iter(f"{P}cNvPr"):
                self.builder.add(shape.get("descr", ""))
        self._notes()

    def _in_order(self, container: Any) -> list[Any]:
        """The visible shapes of a slide or group, as they are read."""
        shapes = []
        for child in container.iterchildren("{*}*"):
            if child.tag == f"{MC}AlternateContent":
                chosen = next(child.iterchildren(f"{MC}Choice", f"{MC}Fallback"), None)
                child = next(iter(() if chosen is None else chosen.iterchildren("{*}*")), child)
            if child.tag in _SHAPES and not _is_left_out(child):
                shapes.append(child)
        return self._layout.in_order(shapes)

    def _shape(self, shape: Any) -> None:
        if self.builder.length > self._limits.characters:
            raise refusals.too_much_text(self._limits)
        if shape.tag == f"{P}grpSp":
            for inner in self._in_order(shape):
                self._shape(inner)
        elif shape.tag == f"{P}graphicFrame":
            self._graphic(shape)
        else:
            styles = self._layout.list_styles(shape)
            for text, mark in paragraphs(shape.find(f"{P}txBody"), styles):
                self._add(text if mark is None else f"{mark} {text}", Kind.TEXT if mark is None else Kind.LIST_ITEM)

    def _graphic(self, frame: Any) -> None:
        for child in frame.iterfind(f"{A}graphic/{A}graphicData/*"):
            link = self._links.get(graphic_link(child))
            if child.tag == f"{A}tbl":
                self._table(child)
            elif link is not None and link.target in self._package:
                for text, kind in read_graphic(self._package.xml(link.target)):
                    self._add(text, kind)

    def _table(self, table: Any) -> None:
        header = ""
        for row in table.iterchildren(f"{A}tr"):
            cells = [_cell(cell) for cell in row.iterchildren(f"{A}tc")]
            text = row_text(cells)
            self._add(text, Kind.TABLE_ROW, header)
            # A title across the whole table says nothing of its columns
            if not header and (sum(map(bool, cells)) > 1 or len(cells) == 1):
                header = text

    def _notes(self) -> None:
        for part in self._package.related(self._part, "notesSlide"):
            for shape in self._package.xml(part).iter(f"{P}sp"):
                if _kind(shape) == "body":
                    found = paragraphs(shape.find(f"{P}txBody"), [])
                    text = "\n".join(f"{mark} {text}" if mark else text for text, mark in found)
                    self._add(f"Notes: {text}" if text else "")

    def _add(self, text: str, kind: Kind = Kind.TEXT, header: str = "") -> None:
        self.builder.add(text, kind, heading=self._heading, header=header)


def _kind(shape: Any) -> str:
    """The type of the placeholder a shape fills; "" for none."""
    found = placeholder(shape)
    return "" if found is None else str(found.get("type", "obj"))


def _is_left_out(shape: Any) -> bool:
    properties = shape.find(f"*/{P}cNvPr")
    return _kind(shape) in _STAMPS or (properties is not None and properties.get("hidden") in _ON)


def _cell(cell: Any) -> str:
    """The text of a table's cell; "" where it is covered by a merged one."""
    if cell.get("hMerge") in _ON or cell.get("vMerge") in _ON:
        return ""
    found = paragraphs(cell.find(f"{A}txBody"), [])
    return one_line(" ".join(f"{mark} {text}" if mark else text for text, mark in found))

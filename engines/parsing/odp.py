"""ODP: a page a slide; the title is its heading, notes stand at the end. A hidden slide is an empty page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engines.parsing import refusals
from engines.parsing.building import PageBuilder, one_line
from engines.parsing.limits import Limits
from engines.parsing.odf_package import open_package
from engines.parsing.odf_styles import PRESENTATION, Styles
from engines.parsing.odf_text import DRAW, OFFICE, TABLE, Reader
from engines.parsing.packages import UNREADABLE
from engines.parsing.reporting import Report
from engines.parsing.slides import Place, in_reading_order, left_out
from rag.types import Kind, Page

_SVG = "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}"
_STAMPS = ("date-time", "footer", "header", "page-number", "page")
_EMU = {"cm": 360_000, "mm": 36_000, "in": 914_400, "pt": 12_700, "pc": 152_400, "px": 9_525}


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """A page a slide, in the order of the show."""
    parts = open_package(path, limits, "ODP")
    slides = parts.content.findall(f"{OFFICE}body/{OFFICE}presentation/{DRAW}page")
    if len(slides) > limits.pages:
        raise refusals.too_many_pages(len(slides), limits)
    report.total(len(slides))
    styles = Styles(parts.content, parts.styles)
    hidden = []
    try:
        for slide_number, slide in enumerate(slides, start=1):
            builder = PageBuilder(slide_number)
            if styles.get(slide.get(f"{DRAW}style-name"), f"{PRESENTATION}visibility") == "hidden":
                hidden.append(slide_number)
            else:
                _read(slide, Reader(styles, builder.add, formulas=parts.formulas), builder)
            yield builder.page()
    except UNREADABLE:
        raise refusals.broken("ODP") from None
    if hidden:
        report.warning(left_out(hidden))


def _read(slide: Any, reader: Reader, builder: PageBuilder) -> None:
    shapes = [each for each in slide.iterchildren("{*}*") if each.tag.startswith((DRAW, TABLE))]
    titles = [each for each in shapes if each.get(f"{PRESENTATION}class") == "title"]
    for shape in titles:
        title = one_line(_text(shape, reader.styles))
        if title:
            builder.add(title, Kind.HEADING, heading=reader.headings.push(1, title))
    for shape in _in_order([each for each in shapes if each not in titles]):
        _shape(shape, reader)
    for notes in slide.iterchildren(f"{PRESENTATION}notes"):
        frames = [each for each in notes.iterchildren("{*}*") if each.get(f"{PRESENTATION}class") == "notes"]
        text = "\n".join(filter(None, (_text(frame, reader.styles) for frame in frames)))
        builder.add(f"Notes: {text}" if text else "", heading=reader.headings.path)


def _shape(shape: Any, reader: Reader) -> None:
    if shape.get(f"{PRESENTATION}class") in _STAMPS or shape.get(f"{PRESENTATION}placeholder") == "true":
        return
    if shape.tag == f"{DRAW}g":
        for inner in _in_order(list(shape.iterchildren("{*}*"))):
            _shape(inner, reader)
    else:
        reader.read(shape)


def _in_order(shapes: list[Any]) -> list[Any]:
    return in_reading_order([(_place(shape), shape) for shape in shapes])


def _place(shape: Any) -> Place | None:
    """Where a shape begins; a group where the first of its shapes does."""
    found = next((each for each in shape.iter("{*}*") if each.get(f"{_SVG}y") is not None), None)
    if found is None:
        return None
    return Place(*(_length(found.get(f"{_SVG}{name}", "0cm")) for name in ("y", "x", "height")))


def _length(text: str) -> int:
    """A length such as "2.5cm", in EMU."""
    try:
        return int(float(text[:-2][:20]) * _EMU.get(text[-2:], 0))
    except (ValueError, OverflowError):
        return 0


def _text(shape: Any, styles: Styles) -> str:
    """The lines of a shape."""
    lines: list[str] = []
    Reader(styles, lambda text, *_, **__: lines.append(text)).read(shape)
    return "\n".join(filter(None, lines))

"""PDF by pdfium: page after page, nothing of the page before is kept but words, headings and sizes."""

import io
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
from pypdfium2 import raw

from engines.parsing import refusals
from engines.parsing.building import PageBuilder
from engines.parsing.limits import Limits
from engines.parsing.ocr import Scans
from engines.parsing.pdf_blocks import Layout
from engines.parsing.pdf_display import Display
from engines.parsing.pdf_files import Attached, report_attached, report_pinned
from engines.parsing.pdf_forms import with_fields
from engines.parsing.pdf_glyphs import runs_of
from engines.parsing.pdf_lines import lines_of
from engines.parsing.pdf_outline import Outline
from engines.parsing.reporting import Report
from rag.errors import ParsingError
from rag.types import Page

_PIXELS = 40_000_000
_WIDEST = 4000
_FORMS = (raw.FORMTYPE_ACRO_FORM, raw.FORMTYPE_XFA_FOREGROUND)


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """Each page with a box per visual line. A damaged page comes empty, with a warning; where no page has a word,
    the last one lists the attached files, if there are any."""
    document = _open(path)
    count = len(document)
    if count > limits.pages:
        raise refusals.too_many_pages(count, limits)
    report.total(count)
    outline = Outline.of(document)
    layout = Layout(outline.is_fine)
    scans = Scans(limits, report)
    attached = Attached(report)
    damaged, any_text = 0, False
    for index in range(count):
        try:
            page = scans.page(document, _page(document, index, layout, outline, attached.report), layout)
        except pypdfium2.PdfiumError:
            damaged += 1
            report.warning(f"Page {index + 1} is damaged and could not be read.")
            page = Page(index + 1, "")
        any_text = any_text or any(map(str.isalnum, page.text))
        if index + 1 == count:
            report_attached(document, attached.report)
            page = page if any_text else attached.listed_on(page)
        yield page
    if damaged == count:
        raise refusals.broken("PDF")
    scans.tell()


def render(path: Path, number: int, width: int) -> bytes:
    """Page `number` (from 1) as a PNG, `width` pixels wide; less where it would pass 40 million pixels."""
    document = _open(path)
    if not 1 <= number <= len(document):
        raise ParsingError("broken", f"The document has no page {number}.", f"It has {len(document)} pages.")
    try:
        page = document[number - 1]
        page_width, page_height = page.get_size()
        scale = max(16, min(width, _WIDEST)) / max(page_width, 1.0)
        scale = min(scale, (_PIXELS / max(page_width * page_height, 1.0)) ** 0.5)
        image = page.render(scale=scale).to_pil()
    except pypdfium2.PdfiumError:
        raise refusals.broken("PDF") from None
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=3)
    return out.getvalue()


def _open(path: Path) -> pypdfium2.PdfDocument:
    try:
        document = pypdfium2.PdfDocument(path)
        if document.get_formtype() in _FORMS:
            document.init_forms()
        return document
    except pypdfium2.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise refusals.encrypted() from None
        raise refusals.broken("PDF") from None


def _page(document: pypdfium2.PdfDocument, index: int, layout: Layout, outline: Outline, report: Report) -> Page:
    page = document[index]
    try:
        display = Display.of(page)
        builder = PageBuilder(index + 1, width=display.width, height=display.height)
        textpage = page.get_textpage()
        try:
            lines = lines_of(runs_of(textpage, display))
        finally:
            textpage.close()
        lines = with_fields(page, display, lines)
        report_pinned(page, report)
        layout.fill(builder, lines, display.width, display.height, outline.on(index, display))
        return builder.page()
    finally:
        page.close()

"""The files attached to a PDF: those of the document, and those pinned to its pages."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

import pypdfium2
from pypdfium2 import raw

from engines.parsing.archives import Names
from engines.parsing.building import PageBuilder
from engines.parsing.reporting import Report
from rag.types import Kind, Page

_FILES = 5000
_ANNOTATIONS = 5000
_PIECE = 1024 * 1024


class Attached:
    """Remembers the names of the files that `report`, which stands for another, hands out."""

    def __init__(self, report: Report) -> None:
        self.report = replace(report, file=self._hand_out)
        self._outer, self._names, self._given = report, Names(), list[str]()

    def listed_on(self, page: Page) -> Page:
        """The page with the list of these files, as it is where there are none.

        A cover sheet that is only a picture would else be refused for want of text, and its files with it.
        """
        if not self._given:
            return page
        self._outer.warning("The PDF has no text of its own, only attached files, which are documents of their own.")
        builder = PageBuilder(page.number, width=page.width, height=page.height)
        for name in self._given:
            builder.add(f"- {name}", Kind.LIST_ITEM)
        return builder.page()

    def _hand_out(self, name: str, pieces: Iterable[bytes]) -> None:
        self._outer.file(name, pieces)
        self._given.append(self._names.distinct(name))


def report_attached(document: pypdfium2.PdfDocument, report: Report) -> None:
    """Hands out each file attached to the document; a damaged one is left out, with a warning."""
    for index in range(min(document.count_attachments(), _FILES)):
        _report(partial(document.get_attachment, index), report)


def report_pinned(page: pypdfium2.PdfPage, report: Report) -> None:
    """Hands out each file pinned to a page."""
    for index in range(min(raw.FPDFPage_GetAnnotCount(page.raw), _ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        try:
            if raw.FPDFAnnot_GetSubtype(annotation) == raw.FPDF_ANNOT_FILEATTACHMENT:
                handle = raw.FPDFAnnot_GetFileAttachment(annotation)
                if handle:
                    _report(partial(pypdfium2.PdfAttachment, handle, page.pdf), report)
        finally:
            raw.FPDFPage_CloseAnnot(annotation)


def _report(attached: Callable[[], pypdfium2.PdfAttachment], report: Report) -> None:
    name = ""
    try:
        attachment = attached()
        name = attachment.get_name()
        data = bytes(attachment.get_data())
    except pypdfium2.PdfiumError:
        report.warning(f"The attached file {name!r} is damaged and could not be read.")
    else:
        report.file(name or "attachment", _pieces(data))


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]

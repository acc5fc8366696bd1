"""The files attached to a PDF: those of the document, and those pinned to its pages."""

from collections.abc import Callable, Iterator
from functools import partial

import pypdfium2
from pypdfium2 import raw

from engines.parsing.reporting import Report

_FILES = 5000
_ANNOTATIONS = 5000
_PIECE = 1024 * 1024


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

"""The files attached to a PDF: those of the document, and those pinned to its pages."""

from collections.abc import Iterator

import pypdfium2

from engines.parsing.reporting import Report

_FILES = 5000
_PIECE = 1024 * 1024


def report_files(document: pypdfium2.PdfDocument, report: Report) -> None:
    """Hands out each attached file; a damaged one is left out, with a warning."""
    for index in range(min(document.count_attachments(), _FILES)):
        name = f"attachment {index + 1}"
        try:
            attachment = document.get_attachment(index)
            name = attachment.get_name() or name
            data = bytes(attachment.get_data())
        except pypdfium2.PdfiumError:
            report.warning(f"The attached file {name!r} is damaged and could not be read.")
            continue
        report.file(name, _pieces(data))


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]

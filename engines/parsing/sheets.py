"""Spreadsheets (XLSX, XLS, ODS): a page a sheet, each row a table row under its header.

Formulas are read by their last result, errors as empty cells. Hidden sheets are left out, with a warning: people
keep there what they do not mean to share. Hidden rows and columns are read, as a filter hides rows too.
Comments, text boxes and charts are not read.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.parsing import refusals, sheets_binary, sheets_opendocument, sheets_openxml
from engines.parsing.building import one_line
from engines.parsing.containers import OLE
from engines.parsing.limits import Limits
from engines.parsing.packages import opened
from engines.parsing.reporting import Report
from engines.parsing.sheets_layout import Sheet, sheet_pages
from rag.types import Page

_HEAD = 1 << 20


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """The pages of each sheet that is not hidden, under the sheet's name; an empty sheet has none."""
    number = 0
    hidden: list[str] = []
    with _opened(path, limits) as sheets:
        for sheet in sheets:
            if sheet.hidden:
                hidden.append(one_line(sheet.name))
                continue
            for page in sheet_pages(sheet, number + 1, limits):
                number = page.number
                if number > limits.pages:
                    raise refusals.too_many_pages(number, limits)
                report.total(number)
                yield page
    if hidden:
        report.warning(f"Hidden sheets were left out: {', '.join(hidden)}.")


@contextmanager
def _opened(path: Path, limits: Limits) -> Iterator[Iterator[Sheet]]:
    """The sheets of a workbook; what goes wrong while they are read ends as a ParsingError."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(OLE):
        if sheets_binary.is_encrypted(head):
            raise refusals.encrypted()
        with sheets_binary.readable("XLS"):
            yield sheets_binary.sheets(path)
        return
    # The file is closed here even where rows are left unread.
    with opened(path, limits, "spreadsheet") as package, path.open("rb") as file, zipfile.ZipFile(file) as archive:
        if "xl/workbook.bin" in package:
            with sheets_binary.readable("XLSB"):
                yield sheets_binary.sheets(path)
        elif "content.xml" in package:
            yield sheets_opendocument.sheets(package, archive, limits)
        else:
            yield sheets_openxml.sheets(package, archive, limits)

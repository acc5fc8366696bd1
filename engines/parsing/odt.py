"""ODT: the text in reading order, on the pages that its program noted (engines/parsing/docx.py says when).

Notes stand after the paragraph that refers to them. Annotations, deleted and hidden text, headers and footers are
left out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engines.parsing import refusals
from engines.parsing.flow import Flow
from engines.parsing.limits import Limits
from engines.parsing.odf_package import open_package
from engines.parsing.odf_styles import Styles, whole
from engines.parsing.odf_text import OFFICE, Reader
from engines.parsing.packages import UNREADABLE
from engines.parsing.reporting import Report
from rag.types import Page

_META = "{urn:oasis:names:tc:opendocument:xmlns:meta:1.0}"


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """The pages the document was last laid out in, or one page, or the parts of a long document."""
    parts = open_package(path, limits, "ODT")
    body = parts.content.find(f"{OFFICE}body/{OFFICE}text")
    if body is None:
        raise refusals.broken("ODT")
    flow = Flow(limits)
    try:
        Reader(Styles(parts.content, parts.styles), flow.add, flow.turn_if_begun, parts.formulas).read(body)
    except UNREADABLE:
        raise refusals.broken("ODT") from None
    yield from flow.pages(_stated_pages(parts.meta), report)


def _stated_pages(meta: Any) -> int:
    statistic = None if meta is None else next(meta.iter(f"{_META}document-statistic"), None)
    return 0 if statistic is None else whole(statistic.get(f"{_META}page-count"))

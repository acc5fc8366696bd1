"""Plain text: a paragraph is what stands between empty lines."""

import re
from collections.abc import Iterator
from pathlib import Path

from engines.parsing.building import PageBuilder, clean
from engines.parsing.decoding import read_text
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Page

_PARAGRAPHS = re.compile(r"\n[^\S\n]*\n\s*")
_LINE_ENDS = re.compile(r"[^\S\n]+$", re.M)


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page; the lines of a paragraph stay as they are."""
    report.total(1)
    builder = PageBuilder()
    text = _LINE_ENDS.sub("", clean(read_text(path, limits)))
    for paragraph in _PARAGRAPHS.split(text):
        builder.add(paragraph)
    yield builder.page()

"""The tree of an HTML document, unless it is nested so deep that making one would take minutes."""

import re

from selectolax.lexbor import LexborHTMLParser

from rag.errors import ParsingError

DEEPEST = 30_000
"""Elements open at once. The parser takes time for each in proportion to how many are open: so many take seconds, ten
times as many minutes. Browsers stop at 512."""
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_END_BY_THEMSELVES = frozenset(
    {
        *(
            "area",
            "base",
            "br",
            "col",
            "embed",
            "hr",
            "img",
            "input",
            "link",
            "meta",
            "param",
            "source",
            "track",
            "wbr",
        ),
        *("p", "li", "dt", "dd", "td", "th", "tr", "thead", "tbody", "tfoot", "colgroup", "option", "optgroup"),
        *("rp", "rt", "html", "head", "body"),
    }
)


def parsed(markup: str) -> LexborHTMLParser:
    """Raises ParsingError("broken") for one that is nested too deep."""
    depth = 0
    for tag in _TAG.finditer(markup):
        if tag[2].lower() not in _END_BY_THEMSELVES:
            depth = max(0, depth - 1) if tag[1] else depth + 1
            if depth > DEEPEST:
                message = f"Its HTML opens more than {DEEPEST:,} elements within one another, so it cannot be read."
                raise ParsingError("broken", message, "Save it as PDF or as plain text and upload that.")
    return LexborHTMLParser(markup)

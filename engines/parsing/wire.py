"""Pages as lines of JSON between the child process and its parent.

A table's header and a heading path recur in thousands of blocks, so each is sent once a page.
"""

import base64
import json
from typing import Any

from rag.types import Block, Kind, Line, Page

FILE_BYTES = 48 * 1024
"""Bytes of a file in one line; a multiple of three, so that base64 needs no padding in between."""


def pack(data: bytes) -> str:
    """Bytes as text for a line; the inverse of `unpack`."""
    return base64.b64encode(data).decode("ascii")


def unpack(text: str) -> bytes:
    """Raises ValueError for what `pack` cannot have made."""
    return base64.b64decode(text, validate=True)


def encode(message: dict[str, Any]) -> bytes:
    """One line."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def page_to_json(page: Page) -> dict[str, Any]:
    """A page as JSON; the inverse of `page_from_json`."""
    headings: dict[tuple[str, ...], int] = {}
    headers: dict[str, int] = {}
    blocks = [
        [
            block.start,
            block.end,
            block.kind.value,
            headings.setdefault(block.heading, len(headings)),
            headers.setdefault(block.header, len(headers)),
        ]
        for block in page.blocks
    ]
    return {
        "number": page.number,
        "text": page.text,
        "headings": list(headings),
        "headers": list(headers),
        "blocks": blocks,
        "lines": [[line.start, line.end, *(round(side, 5) for side in line.box)] for line in page.lines],
        "width": page.width,
        "height": page.height,
    }


def page_from_json(row: dict[str, Any]) -> Page:
    """A page from JSON. Raises ValueError, KeyError or TypeError for what is none: the child is not trusted."""
    text = row["text"]
    if not isinstance(text, str) or "\0" in text:
        raise ValueError("no page text")
    text.encode()  # a lone surrogate raises UnicodeEncodeError, which is a ValueError
    headings = [tuple(str(part) for part in path) for path in row["headings"]]
    headers = [str(header) for header in row["headers"]]
    blocks = tuple(
        Block(*_span(start, end, len(text)), Kind(kind), headings[heading], headers[header])
        for start, end, kind, heading, header in row["blocks"]
    )
    lines = tuple(
        Line(*_span(start, end, len(text)), (float(x0), float(y0), float(x1), float(y1)))
        for start, end, x0, y0, x1, y1 in row["lines"]
    )
    return Page(int(row["number"]), text, blocks, lines, float(row["width"]), float(row["height"]))


def _span(start: int, end: int, length: int) -> tuple[int, int]:
    if not 0 <= start <= end <= length:
        raise ValueError("a span outside the page")
    return int(start), int(end)

"""Markdown (CommonMark and tables) by markdown-it's tokens: the words without their marks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from engines.parsing.building import HeadingPath, clean, row_text, tidy
from engines.parsing.decoding import read_text
from engines.parsing.html_tree import parsed
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from engines.parsing.text import Parts
from rag.types import Kind, Page

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_HIDDEN = ["script", "style", "template", "noscript"]


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page, or several of a long text. Front matter, scripts and comments are left out; a fence keeps its lines."""
    parts = Parts()
    add_markdown(parts, HeadingPath(), _FRONT_MATTER.sub("", clean(read_text(path, limits))))
    yield from parts.pages(report)


def add_markdown(parts: Parts, headings: HeadingPath, text: str) -> None:
    """Adds the blocks of a Markdown text, and enters its headings."""
    reader = _Reader(parts, headings)
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        reader.take(token)


@dataclass(slots=True)
class _Reader:
    """Follows the tokens of a document."""

    parts: Parts
    headings: HeadingPath
    level: int | None = None
    markers: list[str] = field(default_factory=list)
    item: str = ""
    cells: list[str] | None = None
    header: str = ""

    def take(self, token: Token) -> None:
        match token.type:
            case "heading_open":
                self.level = int(token.tag[1:])
            case "heading_close":
                self.level = None
            case "bullet_list_open" | "ordered_list_open":
                self.markers.append(token.type)
            case "bullet_list_close" | "ordered_list_close":
                self.markers.pop()
            case "list_item_open":
                self.item = f"{token.info}{token.markup} " if token.info else "- "
            case "tr_open":
                self.cells = []
            case "tr_close":
                self._row()
            case "table_open" | "table_close":
                self.header = ""
            case "fence" | "code_block":
                self.parts.add(token.content, Kind.CODE, heading=self.headings.path)
            case "html_block":
                self.parts.add(_plain(token.content), heading=self.headings.path)
            case "inline":
                self._inline(tidy(_inline_text(token)))

    def _inline(self, text: str) -> None:
        if self.cells is not None:
            self.cells.append(text)
        elif self.level is not None:
            text = " ".join(text.split())
            if text:
                self.parts.add(text, Kind.HEADING, heading=self.headings.push(self.level, text))
        elif self.markers:
            # An item's further paragraphs have no mark of their own
            self.parts.add(f"{self.item}{text}" if text else "", Kind.LIST_ITEM, heading=self.headings.path)
            self.item = ""
        else:
            self.parts.add(text, heading=self.headings.path)

    def _row(self) -> None:
        row = row_text(self.cells or [])
        self.parts.add(row, Kind.TABLE_ROW, heading=self.headings.path, header=self.header)
        self.header = self.header or row
        self.cells = None


def _inline_text(token: Token) -> str:
    parts = []
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type == "softbreak":
            parts.append(" ")
        elif child.type == "hardbreak":
            parts.append("\n")
        elif child.type == "image":
            parts.append(_inline_text(child))
    return "".join(parts)


def _plain(html: str) -> str:
    """The text of a piece of HTML; comments and scripts have none."""
    tree = parsed(html)
    tree.strip_tags(_HIDDEN)
    return tidy(tree.body.text(deep=True, separator=" ")) if tree.body is not None else ""

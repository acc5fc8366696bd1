"""reStructuredText by docutils: sections, lists, tables and literal blocks, without their marks.

Nothing is read but the text itself: no included files, no raw HTML, no settings from disk. Directives that only
Sphinx knows are read for what stands in them.
"""

import io
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Parser, states

from engines.parsing.building import LONGEST_HEADER, HeadingPath, clean, one_line, row_text, tidy
from engines.parsing.decoding import read_text
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from engines.parsing.text import Parts, add_paragraphs
from rag.types import Kind, Page

_DIRECTIVES = ("admonitions", "body", "images", "misc", "parts", "references", "tables")
for _late in ("readers.standalone", "writers.null", "languages.en", "parsers.rst.languages.en"):
    import_module(f"docutils.{_late}")
for _late in _DIRECTIVES:
    import_module(f"docutils.parsers.rst.directives.{_late}")
# docutils imports these by name when it meets them, which each child that is forked would do anew.

_LONGEST = 2_000_000
_MOST_WORK = 200_000_000
"""Characters that docutils looks at for the ends of marks within paragraphs. It looks for each from where it begins to
where the paragraph ends, which of a long one that is full of marks takes quadratic time."""
_MOST_ERRORS = 2000
"""Marks that end nowhere; each is told of, which takes long."""
_MOST_REFERENCES = 10_000
"""Names with a mark, each of which is looked for among all others."""
_NESTING = 5
_START = re.compile(r"[*`|]+|_\b|_(?!\w)|\]_")
_ROLE = re.compile(r":[\w:+.-]+:`~?!?([^`<]+?)(?:\s*<[^`>]*>)?`")
_DIRECTIVE = re.compile(r"\.\. +([\w:+.-]+)::[ \t]*(.*(?:\n(?!\s*\n| *:\w).*)*)")
_OPTION = re.compile(r"\s*:[\w -]+:.*")
_CHANGES = frozenset({"versionadded", "versionchanged", "deprecated", "versionremoved"})
_UNREAD = frozenset({"raw", "include", "toctree", "index", "highlight", "currentmodule", "module"})
_NOTES = (nodes.footnote, nodes.citation)
_SILENT = (
    nodes.comment, nodes.substitution_definition, nodes.target, nodes.pending, nodes.raw, nodes.meta, nodes.transition,
    nodes.decoration, nodes.label, nodes.generated,
)  # fmt: skip
_CODE = (nodes.literal_block, nodes.doctest_block, nodes.math_block)


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page, or several of a long text. What docutils cannot read is read as plain text, with a warning."""
    text = clean(read_text(path, limits))
    parts = Parts()
    if len(text) > _LONGEST:
        report.warning("The text is too long to be read as reStructuredText, so it was read as plain text.")
        add_paragraphs(parts, text)
    else:
        try:
            _Reader(parts).read(text)
        except MemoryError:
            raise
        except Exception:  # docutils meets text that it is not made for with errors of every kind
            report.warning("The file is not valid reStructuredText, so it was read as plain text.")
            parts = Parts()
            add_paragraphs(parts, text)
    yield from parts.pages(report)


class _TooMuchWork(Exception):
    """A text that has the marks of reStructuredText, but not as such."""


class _Work:
    """Counts what reading the marks within paragraphs takes: runs of them without their ends are no author's."""

    def __init__(self) -> None:
        self._looked_at = self._errors = self._references = 0

    def inliner(self) -> states.Inliner:
        """What reads the marks within paragraphs, and then raises _TooMuchWork."""
        inliner = states.Inliner()  # which cannot be inherited from: it looks its patterns up in its own class
        read = inliner.parse

        def parse(text: str, *where: Any) -> Any:
            self._looked_at += len(text) * sum(1 for _ in _START.finditer(text))
            if self._looked_at > _MOST_WORK:
                raise _TooMuchWork
            found, messages = read(text, *where)
            self._errors += len(messages)
            self._references += sum(isinstance(node, nodes.Element) and node.hasattr("refname") for node in found)
            if self._errors > _MOST_ERRORS or self._references > _MOST_REFERENCES:
                raise _TooMuchWork
            return found, messages

        inliner.parse = parse
        return inliner


def _tree(text: str, work: _Work) -> nodes.document:
    return publish_doctree(
        text,
        source_path="document",
        parser=Parser(inliner=work.inliner()),
        settings_overrides={
            "_disable_config": True,
            "file_insertion_enabled": False,
            "raw_enabled": False,
            "input_encoding": "unicode",
            "docinfo_xform": False,
            "syntax_highlight": "none",
            "line_length_limit": _LONGEST,
            "report_level": 3,  # what it says of unknown directives holds their text
            "halt_level": 5,
            "traceback": True,
            "warning_stream": io.StringIO(),
        },
    )


class _Reader:
    """Walks the tree that docutils made of a text."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._work = _Work()
        self._headings = HeadingPath()
        self._level = 0
        self._nesting = 0
        self._mark = ""
        self._in_list = False

    def read(self, text: str) -> None:
        """Adds the blocks of a text, below the heading it stands under."""
        self._nesting += 1
        self._children(_tree(text, self._work))
        self._nesting -= 1

    def _children(self, node: nodes.Node) -> None:
        for child in node.children:
            self._node(child)

    def _node(self, node: nodes.Node) -> None:
        match node:
            case nodes.title() | nodes.subtitle() if isinstance(node.parent, nodes.document | nodes.section):
                title = one_line(_inline(node))
                depth = self._level + 0.5 if isinstance(node, nodes.subtitle) else self._level
                self._parts.add(title, Kind.HEADING, heading=self._headings.push(depth, title))
            case nodes.section():
                if "system-messages" not in node["classes"]:
                    self._level += 1
                    self._children(node)
                    self._level -= 1
            case nodes.list_item():
                self._marked(_bullet(node), node)
            case nodes.footnote() | nodes.citation():
                self._marked(f"[{node[0].astext()}] ", node)
            case nodes.field():
                self._marked(f"{_inline(node[0])}: ", node[1])
            case nodes.option_list_item():
                self._marked(f"{', '.join(option.astext() for option in node[0])} ", node[1])
            case nodes.definition_list_item():
                terms = [_inline(child) for child in node if not isinstance(child, nodes.definition)]
                self._marked(f"{' : '.join(terms)}\n", node[-1])
            case nodes.table():
                self._table(node)
            case nodes.system_message():
                self._failed(node)
            case nodes.topic() if "contents" in node["classes"]:
                """The list of the headings, which stand where they belong too."""
            case nodes.Admonition() if not isinstance(node, nodes.admonition):
                self._marked(f"{str(node.tagname).capitalize()}: ", node)
            case _:
                self._leaf(node)

    def _leaf(self, node: nodes.Node) -> None:
        if isinstance(node, _CODE):
            self._code(node.astext())
        elif isinstance(node, nodes.line_block):
            self._text(tidy("\n".join(_lines(node))))
        elif isinstance(node, nodes.image):
            self._text(one_line(node.get("alt", "")))
        elif isinstance(node, nodes.TextElement):
            if not isinstance(node, _SILENT):
                self._text(one_line(_inline(node)))
        elif not isinstance(node, _SILENT):
            self._children(node)

    def _marked(self, mark: str, node: nodes.Node) -> None:
        """The children, the first paragraph of which begins with a mark."""
        outer, self._in_list = self._in_list, isinstance(node, nodes.list_item)
        self._mark = mark
        self._children(node)
        if self._mark.strip(" -*\n"):
            self._text("")
        self._mark = ""
        self._in_list = outer

    def _text(self, text: str) -> None:
        kind = Kind.LIST_ITEM if self._in_list else Kind.TEXT
        self._parts.add(f"{self._mark}{text}", kind, heading=self._headings.path)
        self._mark = ""

    def _code(self, text: str) -> None:
        if self._mark.strip(" -*\n"):
            self._text("")
        self._parts.add(text, Kind.CODE, heading=self._headings.path)

    def _table(self, table: nodes.table) -> None:
        header = ""
        for title in table.findall(nodes.title):
            self._text(one_line(_inline(title)))
        for row in table.findall(nodes.row):
            text = row_text(" ".join(_inline(child) for child in entry) for entry in row)
            self._parts.add(text, Kind.TABLE_ROW, heading=self._headings.path, header=header)
            if isinstance(row.parent, nodes.thead):
                header = f"{header}\n{text}".strip()[:LONGEST_HEADER]

    def _failed(self, message: nodes.system_message) -> None:
        """What docutils could not read: the inside of a directive it does not know, else the text as it is."""
        for literal in message.findall(nodes.literal_block):
            text = literal.astext()
            match = _DIRECTIVE.match(text)
            if match is None:
                self._code(text)
            elif match.group(1) not in _UNREAD and self._nesting < _NESTING:
                lines = textwrap.dedent(text[match.end() :]).split("\n")
                while lines and (not lines[0].strip() or _OPTION.fullmatch(lines[0])):
                    lines.pop(0)
                name = f"{match.group(1)} " if match.group(1) in _CHANGES else ""
                argument = name + _ROLE.sub(r"\1", one_line(match.group(2)))
                self._parts.add(argument, heading=self._headings.path)
                self.read("\n".join(lines))


def _bullet(item: nodes.list_item) -> str:
    """The mark before a list item: `- `, or its number as it is written."""
    items = item.parent
    if not isinstance(items, nodes.enumerated_list):
        return "- "
    number = items.get("start", 1) + items.index(item)
    kind = items.get("enumtype", "arabic")
    label = str(number)
    if kind.endswith("alpha") and number <= 26:
        label = chr(ord("a" if kind.startswith("lower") else "A") + number - 1)
    return f"{items.get('prefix', '')}{label}{items.get('suffix', '.')} "


def _lines(block: nodes.line_block) -> Iterator[str]:
    for child in block:
        if isinstance(child, nodes.line_block):
            yield from _lines(child)
        else:
            yield _inline(child)


def _inline(node: nodes.Node) -> str:
    """The words of a paragraph: links by their text, notes by their number, pictures by what is said of them."""
    if isinstance(node, nodes.Text):
        return str(node.astext())
    if isinstance(node, nodes.problematic):
        return _ROLE.sub(r"\1", node.astext())
    if isinstance(node, nodes.image):
        return str(node.get("alt", ""))
    if isinstance(node, nodes.footnote_reference | nodes.citation_reference):
        return f"[{node.astext()}]"
    if isinstance(node, nodes.system_message | nodes.raw | nodes.comment):
        return ""
    joined = " " if isinstance(node, nodes.Element) and not isinstance(node, nodes.TextElement) else ""
    return joined.join(_inline(child) for child in node.children)

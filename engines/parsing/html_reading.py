"""Walks HTML as a reader sees it into blocks: of web pages, of mails and of books."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from engines.parsing import html_tables, refusals
from engines.parsing.building import HeadingPath, PageBuilder, clean, one_line
from engines.parsing.html_sight import DEEPEST_LOOK, SECTIONS, is_citation, is_unseen
from engines.parsing.limits import Limits
from rag.types import Kind

HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "dir",
        "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "frameset", "header", "hgroup", "hr",
        "html", "legend", "main", "menu", "ol", "p", "search", "section", "summary", "table", "tbody", "td", "tfoot",
        "th", "thead", "tr", "ul",
    }
)  # fmt: skip
_OWN_KIND = frozenset({"pre", "listing", "xmp", "li", "dt", "dd", *HEADINGS})
_LISTS = frozenset({"ol", "ul", "menu", "dir"})
_CODE = frozenset({"pre", "listing", "xmp"})
_WATCHED = _BLOCKS | {"sup"}
_RAISED = str.maketrans("0123456789+-−n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ⁿ")
_POWER = re.compile(r"[0-9+\-−n]{1,6}")
_MATH_IMAGE = re.compile(r"\b(math|latex|tex)", re.I)
_BREAK = "\n"
_TWO_BREAKS = re.compile(r"\n\s*\n\s*\Z")


def never(_node: LexborNode, _within_section: bool) -> bool:
    """Nothing is left out."""
    return False


@dataclass(slots=True)
class _Open:
    """An element that says what kind its text is, and what stands in front of its first block."""

    tag: str
    marker: str = ""


@dataclass(slots=True)
class HtmlReader:
    """Collects text until a block ends. Walks by hand: a page may be nested deeper than Python recurses."""

    limits: Limits
    builder: PageBuilder = field(default_factory=PageBuilder)
    headings: HeadingPath = field(default_factory=HeadingPath)
    leaves_out: Callable[[LexborNode, bool], bool] = never
    """Asked of each element, and whether a section is around it: is it, with all that is in it, no part of the text?"""
    within_section: bool = False
    title: str = ""
    """A heading that says this stands above all others, whatever its level."""
    _waiting: list[str] = field(default_factory=list)
    _kinds: list[_Open] = field(default_factory=list)
    _counters: list[int | None] = field(default_factory=list)
    _term: str = ""
    _depth: Counter[str] = field(default_factory=Counter)

    def walk(self, root: LexborNode) -> None:
        """Adds what is below the root. Raises ParsingError("too_large")."""
        node: LexborNode | None = root
        while node is not None:
            enter = self._open(node)
            if enter and (child := node.child) is not None:
                node = child
                continue
            if enter:
                self._close(node)
            while node is not None and node.mem_id != root.mem_id and node.next is None:
                node = node.parent
                if node is not None:
                    self._close(node)
            if node is None or node.mem_id == root.mem_id:
                break
            node = node.next
        self._flush()
        self._end_term()

    def _open(self, node: LexborNode) -> bool:
        """Takes a node in; says whether its children are to be walked."""
        tag = node.tag or ""
        if tag == "-text":
            self._waiting.append(node.text_content or "")
            return False
        if tag.startswith(("-", "!")) or is_unseen(node, tag):
            return False
        if self._depth[tag] < DEEPEST_LOOK and self.leaves_out(node, self._is_in_section):
            return False
        if self._is_said(node, tag):
            return False
        if tag in _WATCHED:
            self._depth[tag] += 1
        if tag in _OWN_KIND or tag in _BLOCKS:
            self._begin(tag, node)
        return True

    def _is_said(self, node: LexborNode, tag: str) -> bool:
        """Whether an element was read as a whole, as those are that are more than their text."""
        match tag:
            case "br":
                self._waiting.append(_BREAK)
                # Two breaks part paragraphs
                if not self._within_code and _TWO_BREAKS.search("".join(self._waiting[-4:])):
                    self._flush()
                return True
            case "math":
                self._waiting.append(_formula(node))
                return True
            case "img":
                attributes = node.attributes
                if _MATH_IMAGE.search(attributes.get("class") or ""):
                    self._waiting.append(f" {attributes.get('alt') or ''} ")
                return True
            case "sup" if self._depth["sup"] < DEEPEST_LOOK:
                return self._raised(node)
            case "a" if self._kind in HEADINGS:
                return one_line(node.text(deep=True)) in ("¶", "#", "§", "🔗", "⚓", "⚓︎", "[edit]")
            case "table" if self._depth["table"] < DEEPEST_LOOK and html_tables.is_data(node):
                self._flush()
                self._table(node)
                return True
        return False

    def _raised(self, node: LexborNode) -> bool:
        text = one_line(node.text(deep=True))
        if is_citation(node, text):
            return True
        if _POWER.fullmatch(text):
            self._waiting.append(text.translate(_RAISED))
            return True
        return False

    def _begin(self, tag: str, node: LexborNode) -> None:
        if self._within_code:
            self._new_line()
            return
        self._flush()
        if tag in _LISTS or tag == "dl":
            self._end_term()
        if tag in _LISTS:
            self._counters.append(_first_number(node) if tag == "ol" else None)
        if tag in _OWN_KIND:
            self._kinds.append(_Open(tag, self._marker(node) if tag == "li" else ""))

    def _marker(self, item: LexborNode) -> str:
        number = self._counters[-1] if self._counters else None
        if number is None:
            return "- "
        value = item.attributes.get("value") or ""
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 9 else number
        self._counters[-1] = number + 1
        return f"{number}. "

    def _close(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag in _WATCHED:
            self._depth[tag] -= 1
        if tag not in _OWN_KIND and tag not in _BLOCKS:
            return
        if self._within_code and tag not in _CODE:
            self._new_line()
            return
        self._flush()
        if tag in _OWN_KIND and self._kinds:
            self._kinds.pop()
        if tag in _LISTS and self._counters:
            self._counters.pop()
        if tag == "dl":
            self._end_term()

    @property
    def _is_in_section(self) -> bool:
        return self.within_section or any(self._depth[tag] for tag in SECTIONS)

    @property
    def _kind(self) -> str:
        return self._kinds[-1].tag if self._kinds else ""

    @property
    def _within_code(self) -> bool:
        return self._kind in _CODE

    def _new_line(self) -> None:
        if self._waiting and not self._waiting[-1].endswith("\n"):
            self._waiting.append("\n")

    def _flush(self) -> None:
        """Ends the block that was being collected."""
        text = "".join(self._waiting)
        self._waiting.clear()
        kind = self._kind
        if kind in _CODE:
            self._end_term()
            self.builder.add(text, Kind.CODE, heading=self.headings.path)
        elif text := one_line(text):
            self._add(kind, text)
        if self.builder.length > self.limits.characters:
            raise refusals.too_much_text(self.limits)

    def _add(self, kind: str, text: str) -> None:
        if kind in HEADINGS:
            self._end_term()
            level = 0 if self.title and text.casefold() == self.title.casefold() else HEADINGS[kind]
            self.builder.add(text, Kind.HEADING, heading=self.headings.push(level, text))
        elif kind == "li":
            item = self._kinds[-1]
            self.builder.add(item.marker + text, Kind.LIST_ITEM, heading=self.headings.path)
            item.marker = ""  # further paragraphs of an item have no mark of their own
        elif kind == "dt":
            self._term = f"{self._term}, {text}" if self._term else text
        elif self._term:
            colon = "" if self._term.endswith((":", "?", "!", ".")) else ":"
            term, self._term = self._term, ""
            self.builder.add(f"{term}{colon} {text}", Kind.LIST_ITEM, heading=self.headings.path)
        else:
            self.builder.add(text, heading=self.headings.path)

    def _end_term(self) -> None:
        """A term that no definition followed stands for itself."""
        term, self._term = self._term, ""
        if term:
            self.builder.add(term, Kind.LIST_ITEM, heading=self.headings.path)

    def _table(self, table: LexborNode) -> None:
        self._end_term()
        for part in table.iter():
            if part.tag == "caption":
                self.builder.add(one_line(inline_text(part)), heading=self.headings.path)
        for row in html_tables.rows_of(table, inline_text):
            kind = Kind.TEXT if row.is_prose else Kind.TABLE_ROW
            self.builder.add(row.text, kind, heading=self.headings.path, header=row.header)


def inline_text(root: LexborNode) -> str:
    """The visible text of a table's cell or caption, blocks in it parted by spaces."""
    only = root.child
    if only is not None and only.next is None and only.tag == "-text":  # as most cells are
        return clean(only.text_content or "")
    reader = HtmlReader(Limits())
    reader.walk(root)
    return clean(reader.builder.page().text)


def _formula(math: LexborNode) -> str:
    """A formula as text: as its author wrote it (TeX), else the symbols in order."""
    annotation = math.css_first("annotation[encoding*=tex]")
    written = annotation.text(deep=True) if annotation is not None else math.attributes.get("alttext")
    return f" {one_line(written or math.text(deep=True))} "


def _first_number(items: LexborNode) -> int | None:
    """What an ordered list counts from; None where it counts by letters."""
    attributes = items.attributes
    if (attributes.get("type") or "1") != "1":
        return None
    start = attributes.get("start") or "1"
    return int(start) if start.isascii() and start.isdigit() and len(start) < 9 else 1

"""HTML: what a reader reads, without scripts, styles, menus and forms."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser, LexborNode

from engines.parsing import refusals
from engines.parsing.building import HeadingPath, PageBuilder, clean, one_line, row_text
from engines.parsing.decoding import read_text
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Kind, Page

_HIDDEN = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "math",
        "iframe",
        "object",
        "embed",
        "canvas",
        "audio",
        "video",
        "nav",
        "form",
        "button",
        "select",
        "textarea",
        "input",
        "head",
        "title",
        "datalist",
        "dialog",
        "menu",
    ]
)
_FURNITURE = frozenset({"header", "footer", "aside"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_ROLES = frozenset({"navigation", "search", "menu", "menubar", "banner", "contentinfo"})
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "header",
        "hgroup",
        "hr",
        "html",
        "main",
        "ol",
        "p",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page. Where the main part holds next to nothing, the whole body is read."""
    report.total(1)
    tree = LexborHTMLParser(read_text(path, limits, html=True))
    body = tree.body or tree.root
    if body is None:
        raise refusals.broken("HTML")
    main = tree.css("main, [role=main], article")
    root = main[0] if len(main) == 1 else body
    # Within the main part a header holds its title; beside it, the site's.
    page = _read(root, limits, skips=_FURNITURE if root is body else frozenset({"aside"}))
    if len(page.text) < 200 and (root is not body or body.css_first("header, footer, aside") is not None):
        whole = _read(body, limits, skips=frozenset())
        page = whole if len(whole.text) > 2 * len(page.text) else page
    yield page


def _read(root: LexborNode, limits: Limits, *, skips: frozenset[str]) -> Page:
    reader = _Reader(limits, skips)
    reader.walk(root)
    return reader.builder.page()


@dataclass(slots=True)
class _Reader:
    """Collects text until a block ends. Walks by hand: a page may be nested deeper than Python recurses."""

    limits: Limits
    skips: frozenset[str]
    builder: PageBuilder = field(default_factory=PageBuilder)
    headings: HeadingPath = field(default_factory=HeadingPath)
    waiting: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    def walk(self, root: LexborNode) -> None:
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

    def _open(self, node: LexborNode) -> bool:
        """Takes a node in; says whether its children are to be walked."""
        tag = node.tag or ""
        if tag == "-text":
            self.waiting.append(node.text_content or "")
            return False
        if tag.startswith(("-", "!")) or tag in _HIDDEN or tag in self.skips or _is_hidden(node):
            return False
        if tag == "ul" and _is_menu(node):
            return False
        if tag == "br":
            self.waiting.append("\n" if self.kinds and self.kinds[-1] == "pre" else " ")
            return False
        if tag == "table" and _is_data(node):
            self._flush()
            self._table(node)
            return False
        if tag == "pre" or tag in _HEADINGS or tag == "li":
            self._flush()
            self.kinds.append(tag)
        elif tag in _BLOCKS:
            self._flush()
        return True

    def _close(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag == "pre" or tag in _HEADINGS or tag == "li":
            self._flush()
            if self.kinds:
                self.kinds.pop()
        elif tag in _BLOCKS:
            self._flush()

    def _flush(self) -> None:
        """Ends the block that was being collected."""
        text = "".join(self.waiting)
        self.waiting.clear()
        kind = self.kinds[-1] if self.kinds else ""
        if kind == "pre":
            self.builder.add(text, Kind.CODE, heading=self.headings.path)
        elif text := one_line(text):
            if kind in _HEADINGS:
                self.builder.add(text, Kind.HEADING, heading=self.headings.push(_HEADINGS[kind], text))
            elif kind == "li":
                self.builder.add(f"- {text}", Kind.LIST_ITEM, heading=self.headings.path)
            else:
                self.builder.add(text, heading=self.headings.path)
        if self.builder.length > self.limits.characters:
            raise refusals.too_much_text(self.limits)

    def _table(self, table: LexborNode) -> None:
        header: str | None = None
        for row in table.css("tr"):
            cells = [cell for cell in row.iter() if cell.tag in ("td", "th")]
            text = row_text(_visible(cell) for cell in cells)
            self.builder.add(text, Kind.TABLE_ROW, heading=self.headings.path, header=header or "")
            if header is None and text and len(cells) > 1:
                header = text


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or attributes.get("role") in _ROLES
        or "display:none" in style
        or "visibility:hidden" in style
    )


def _is_menu(items: LexborNode) -> bool:
    """Whether a list is a menu: many entries, each no more than a short link (the languages of an article)."""
    links = items.css("a")
    if len(links) < 15:
        return False
    linked = sum(len(link.text(deep=True).strip()) for link in links)
    return linked < 25 * len(links) and linked > 0.9 * len("".join(items.text(deep=True).split()))


def _is_data(table: LexborNode) -> bool:
    """Whether a table holds data: no table within, and a row with two cells that say something, none an essay."""
    if any(inner.mem_id != table.mem_id for inner in table.css("table")):
        return False
    for row in table.css("tr"):
        texts = [one_line(cell.text(deep=True)) for cell in row.iter() if cell.tag in ("td", "th")]
        if any(len(text) > 1500 for text in texts):
            return False
        if sum(bool(text) for text in texts) > 1:
            return True
    return False


def _visible(cell: LexborNode) -> str:
    """A cell's text without scripts and hidden parts; its blocks parted by spaces."""
    if cell.css_first("script, style, noscript, template, [hidden], [style*=none]") is None:
        return clean(cell.text(deep=True, separator=" "))
    parts = [
        node.text_content or ""
        for node in cell.traverse(include_text=True)
        if node.tag == "-text" and not _below_hidden(node, cell)
    ]
    return clean(" ".join(parts))


def _below_hidden(node: LexborNode, top: LexborNode) -> bool:
    parent = node.parent
    while parent is not None and parent.mem_id != top.mem_id:
        if (parent.tag or "") in _HIDDEN or _is_hidden(parent):
            return True
        parent = parent.parent
    return False

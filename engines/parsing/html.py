"""HTML: what a reader reads, without scripts, styles, menus and the site's furniture."""

from collections.abc import Callable, Iterator
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser, LexborNode

from engines.parsing import refusals
from engines.parsing.building import HeadingPath, PageBuilder, one_line
from engines.parsing.decoding import read_text
from engines.parsing.html_reading import HtmlReader
from engines.parsing.html_sight import is_furniture, is_menu_or_form, is_unseen
from engines.parsing.html_tree import parsed
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Kind, Page

_MAIN_SHARE = 0.4
_ARTICLE_SHARE = 0.6
_NEXT_TO_NOTHING = 200


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page: its main part where it clearly has one, else all of it but the site's furniture.

    The title stands first as a heading, unless the page's own first-rank headings say the same.
    """
    report.total(1)
    tree = parsed(read_text(path, limits, html=True))
    body = tree.body or tree.root
    if body is None:
        raise refusals.broken("HTML")
    title = _title(tree)

    def read(root: LexborNode, leaves_out: Callable[[LexborNode, bool], bool] = is_furniture) -> Page:
        reader = HtmlReader(limits, leaves_out=leaves_out, title=title, within_section=root is not body)
        if title:
            reader.builder.add(title, Kind.HEADING, heading=reader.headings.push(0, title))
        reader.walk(root)
        return reader.builder.page()

    page = read(body)
    main, share = _main(tree)
    if main is not None and len((text := read(main)).text) >= share * len(page.text):
        page = text
    if len(page.text) < _NEXT_TO_NOTHING + len(title) and body.css_first("header, footer, aside") is not None:
        whole = read(body, is_menu_or_form)
        page = whole if len(whole.text) > 2 * len(page.text) else page
    yield page


def add_html(markup: str, limits: Limits, builder: PageBuilder, headings: HeadingPath, title: str = "") -> None:
    """Adds what HTML that stands within something else (a mail, a book) says; a heading that says `title` is it."""
    tree = parsed(markup)
    root = tree.body or tree.root
    if root is not None:
        HtmlReader(limits, builder, headings, title=title).walk(root)


def says_the_same(title: str, heading: str) -> bool:
    """Whether a heading is in a title, or the title in it, as whole words: "Duck" and "Duck - Encyclopedia"."""
    one, other = (f" {' '.join(text.casefold().split())} " for text in (title, heading))
    return bool(one.strip() and other.strip()) and (one in other or other in one)


def _title(tree: LexborHTMLParser) -> str:
    """The document's title, or "" where a heading of the first rank says the same."""
    found = tree.css_first("head > title")
    title = one_line(found.text(deep=True))[:200] if found is not None else ""
    headings = [one_line(heading.text(deep=True)) for heading in tree.css("h1")[:20]]
    return "" if any(says_the_same(title, heading) for heading in headings) else title


def _main(tree: LexborHTMLParser) -> tuple[LexborNode | None, float]:
    """The element that says it is the main part, and the share of the text that it must hold to be believed."""
    for selector, share in (("main, [role=main]", _MAIN_SHARE), ("article", _ARTICLE_SHARE)):
        found = [node for node in tree.css(selector) if not is_unseen(node, node.tag or "")]
        if len(found) == 1:
            return found[0], share
    return None, 0.0

"""What of HTML a reader sees, and what of it is the page's furniture instead of its text."""

import re

from selectolax.lexbor import LexborNode

DEEPEST_LOOK = 20
"""Elements of one kind within each other that are each looked at as a whole; more would take quadratic time."""
_UNSEEN = frozenset(
    {
        "script", "style", "noscript", "template", "svg", "iframe", "object", "embed", "canvas", "audio", "video",
        "nav", "button", "select", "textarea", "input", "head", "title", "datalist", "meta", "link", "base", "area",
        "param", "source", "track", "col", "colgroup", "noframes", "frame",
    }
)  # fmt: skip
_ROLES = frozenset({"navigation", "search", "menu", "menubar", "dialog", "alertdialog", "toolbar", "tablist"})
_CLASSES = frozenset(
    {
        "mw-editsection", "mw-jump-link", "mw-cite-backlink", "noprint", "navbox", "headerlink", "sr-only",
        "visually-hidden", "visuallyhidden", "screen-reader-text", "skip-link", "skiplink", "linenos", "lineno",
        "linenumber", "wb-langlinks-link", "catlinks",
    }
)  # fmt: skip
_COOKIES = re.compile(
    r"cookie[-_]?(banner|bar|consent|notice|law|popup|modal|message|overlay|warning|disclaimer)|cookiebot|onetrust|"
    r"(consent|gdpr)[-_]?(banner|bar|notice|popup|modal|manager|overlay)|^(cmp|gdpr|usercentrics)[-_]",
    re.I,
)
_MENU = re.compile(
    r"(?:^|[-_])(?:nav|navbar|navigation|menu|menubar|breadcrumbs?|pagination|pager|sidebar|social|share|sharing)"
    r"(?:$|[-_])",
    re.I,
)
_CITATION = re.compile(r"\[[^\]]{1,40}\]([\s,]*\[[^\]]{1,40}\])*")
_NOTE_MARK = re.compile(r"\(?(\d{1,3}|[a-z*†‡§])\)?", re.I)
SECTIONS = frozenset({"main", "article", "section", "blockquote", "figure", "td", "details"})


def is_unseen(node: LexborNode, tag: str) -> bool:
    """Whether an element is not shown, or is a control or a menu on every page it may stand on."""
    attributes = node.attributes
    if tag in _UNSEEN or (tag == "dialog" and "open" not in attributes):
        return True
    if not attributes:
        return False
    if "hidden" in attributes or attributes.get("aria-hidden") == "true" or attributes.get("role") in _ROLES:
        return not _is_opened(tag, attributes)
    style = attributes.get("style")
    if style is not None:
        style = "".join(style.split()).lower()
        if "display:none" in style or "visibility:hidden" in style or "mso-hide:all" in style:
            return True
    names = (attributes.get("class") or "").split()
    if any(name in _CLASSES for name in names):
        return True
    identity = attributes.get("id")
    return any(_COOKIES.search(name) for name in names) or bool(identity and _COOKIES.search(identity))


def _is_opened(tag: str, attributes: dict[str, str | None]) -> bool:
    return tag == "dialog" and "open" in attributes and "hidden" not in attributes


def is_citation(sup: LexborNode, text: str) -> bool:
    """Whether raised text points to a note: "[12]", "[citation needed]", or a number that links into a page."""
    if _CITATION.fullmatch(text):
        return True
    link = sup.css_first("a")
    parent = sup.parent
    if link is None and parent is not None and parent.tag == "a":
        link = parent
    target = (link.attributes.get("href") or "") if link is not None else ""
    return bool(_NOTE_MARK.fullmatch(text)) and "#" in target


def is_furniture(node: LexborNode, within_section: bool) -> bool:
    """Whether an element belongs to the site, not to the page: its header and footer, menus, lists of links.

    `within_section` says that it stands in one of SECTIONS, whose header and footer are its own.
    """
    tag = node.tag or ""
    attributes = node.attributes
    role = attributes.get("role")
    if tag in ("header", "footer") or role in ("banner", "contentinfo"):
        if within_section:
            return False
        return tag == "footer" or role == "contentinfo" or node.css_first("h1") is None
    if tag == "aside" or role == "complementary":
        return share_of_links(node) > 0.5
    if tag == "form":
        return len("".join(_words(node).split())) < 400
    if tag == "ul" and _is_menu(node):
        return True
    if tag in ("div", "ul", "ol", "section", "p"):
        names = [*(attributes.get("class") or "").split(), attributes.get("id") or ""]
        return any(_MENU.search(name) for name in names) and share_of_links(node) > 0.8
    return False


def is_menu_or_form(node: LexborNode, within_section: bool) -> bool:
    """What is left out even of a page that has next to no text."""
    return node.tag in ("ul", "form") and is_furniture(node, within_section)


def share_of_links(node: LexborNode) -> float:
    """Characters that stand in links, of all but the headings; 1 where there are none."""
    linked = sum(len("".join(link.text(deep=True).split())) for link in node.css("a"))
    titles = sum(len("".join(title.text(deep=True).split())) for title in node.css("h1, h2, h3, h4, h5, h6"))
    every = len("".join(_words(node).split())) - titles
    return linked / every if every > 0 else 1.0


def _words(node: LexborNode) -> str:
    text = node.text(deep=True)
    for other in node.css("script, style, select, noscript, textarea"):
        text = text.replace(other.text(deep=True), "", 1)
    return text


def _is_menu(items: LexborNode) -> bool:
    """Whether a list is a menu: many entries, each no more than a short link (the languages of an article)."""
    links = items.css("a")
    if len(links) < 15:
        return False
    linked = sum(len(link.text(deep=True).strip()) for link in links)
    return linked < 25 * len(links) and linked > 0.9 * len("".join(items.text(deep=True).split()))

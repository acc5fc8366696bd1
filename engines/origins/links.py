"""URLs of a site: their canonical form, and those that a page links to.

Pages are read here, outside the limited child process, so nothing but regular expressions and `find` touches
them, each in time linear in the page.
"""

import html
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

LONGEST_URL = 2000
LONGEST_TITLE = 300
MOST_LINKS = 50_000
"""Links of a page that are looked at; a page of five megabytes has room for ten times as many."""
_TRACKING = re.compile(
    r"(utm_.+|_ga|gclid|dclid|gbraid|wbraid|fbclid|msclkid|yclid|twclid|igshid|mc_cid|mc_eid|_hsenc|_hsmi"
    r"|phpsessid|jsessionid|aspsessionid.*|cfid|cftoken|zenid)",
    re.I,
)
_PATH_SESSION = re.compile(r";(jsessionid|phpsessid)=[^/;?]*", re.I)
_START = re.compile(r"<(?:!--|(script|style|textarea|title|a|area|base|iframe|frame)(?=[\s/>]))", re.I)
_TAG = re.compile(r"""(?:[^>"'=]++|=\s*+(?:"[^"]*+"|'[^']*+')|[="'])*+>""")
_ATTRIBUTE = re.compile(r"""(?:^|[\s"'/])(href|src)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""", re.I)
_RAW_TEXT = {"script", "style", "textarea", "title"}
_ESCAPE = re.compile("%([0-9a-fA-F]{2})")
_SAFE = "/:?#[]@!$&'()*+,;=%~-._"


def canonical(url: str) -> str:
    """One form for all addresses of a page: no fragment, default port, tracking parameter or session.

    Raises ValueError for what is no http(s) address.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > LONGEST_URL:
        raise ValueError("no http address")
    host = parts.hostname.rstrip(".")
    host = f"[{host}]" if ":" in host else host
    default = 443 if parts.scheme == "https" else 80
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    netloc = user + host + (f":{parts.port}" if parts.port not in (None, default) else "")
    path = _without_dots(one_spelling(_PATH_SESSION.sub("", parts.path)))
    return urlunsplit((parts.scheme, netloc, path, _query(parts.query), ""))


def one_spelling(path: str) -> str:
    """A path or query with its percent-escapes normalised (RFC 3986, 6.2.2): `%7e` and `~` are the same."""
    return _ESCAPE.sub(_unescaped, quote(path, safe=_SAFE, errors="surrogatepass"))


def _unescaped(escape: re.Match[str]) -> str:
    letter = chr(int(escape[1], 16))
    return letter if re.fullmatch(r"[A-Za-z0-9._~-]", letter) else escape[0].upper()


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4; servers and the client would do it too, so a check of the path must see the same."""
    kept: list[str] = []
    *folders, last = path.split("/")[1:] or [""]
    for folder in folders:
        if folder == "..":
            kept = kept[:-1]
        elif folder != ".":
            kept.append(folder)
    if last == "..":
        kept = kept[:-1]
    return "/" + "".join(f"{folder}/" for folder in kept) + ("" if last in (".", "..") else last)


def _query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100)
    kept = [(name, value) for name, value in pairs if not _TRACKING.fullmatch(name)]
    # Written anew only where something went, since servers differ in what they take a query to mean.
    return urlencode(kept) if len(kept) < len(pairs) else one_spelling(query)


def identity(url: str) -> str:
    """What two addresses of one page share: http and https are the same to a site."""
    return url.partition("://")[2]


def same_site(url: str, start: str) -> bool:
    """Whether a canonical URL lies on the host of `start` and below its folder."""
    mine, its = urlsplit(start), urlsplit(url)
    folder = mine.path[: mine.path.rfind("/") + 1]
    return its.netloc == mine.netloc and its.path.startswith(folder)


@dataclass
class Page:
    """What a crawl needs of an HTML page; `links` are canonical, each once, in the order of the page."""

    title: str = ""
    links: list[str] = field(default_factory=list)
    whole: bool = True
    """False where it has more links than are looked at."""


def read_page(text: str, url: str) -> Page:
    """The page's title and links; `url` is where it lies. Never raises."""
    page, base, position, seen = Page(), url, 0, 0
    found: dict[str, None] = {}
    while (start := _START.search(text, position)) is not None:
        name = (start[1] or "").lower()
        end = text.find("-->", start.end()) if not name else -1
        tag = _TAG.match(text, start.end()) if name else None
        if tag is None:
            if end < 0:  # a comment or a tag that never ends
                break
            position = end
            continue
        position = tag.end()
        if name in _RAW_TEXT:
            close = re.compile(f"</{name}", re.I).search(text, position)
            if close is None:
                break
            if name == "title" and not page.title:
                page.title = " ".join(unescaped(text[position : close.start()]).split())[:LONGEST_TITLE]
            position = close.end()
        elif target := _target(tag[0]):
            if name == "base":
                base = _base(url, target) or base
                continue
            seen += 1
            if seen > MOST_LINKS:
                page.whole = False
                break
            if link := _canonical(base, target):
                found[link] = None
    page.links = list(found)
    return page


def unescaped(text: str) -> str:
    """Text with its character references read. Never raises: a number longer than Python reads is no character."""
    try:
        return html.unescape(text)
    except ValueError:
        return text


def _target(tag: str) -> str:
    attribute = _ATTRIBUTE.search(tag)
    return unescaped(next(value for value in attribute.groups()[1:] if value is not None)) if attribute else ""


def _base(url: str, target: str) -> str:
    """A page's own base. Each of its links is joined to it, so one as long as the page would take the square of it."""
    return _joined(url, target) if len(target) <= LONGEST_URL else ""


def _joined(base: str, target: str) -> str:
    try:
        # As browsers do: new lines and tabs within an address mean nothing.
        return urljoin(base, re.sub(r"[\t\r\n]", "", target.strip()))
    except ValueError:
        return ""


def _canonical(base: str, target: str) -> str:
    if len(target) > LONGEST_URL:
        return ""
    try:
        return canonical(_joined(base, target))
    except ValueError:
        return ""

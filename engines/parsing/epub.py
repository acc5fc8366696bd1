"""EPUB: a book as a page for each of its documents, in reading order (EPUB 3.3, also 2)."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from selectolax.lexbor import LexborNode

from engines.parsing import encodings, packages, refusals
from engines.parsing.building import HeadingPath, PageBuilder, one_line
from engines.parsing.decoding import decode
from engines.parsing.html_reading import HtmlReader
from engines.parsing.html_sight import share_of_links
from engines.parsing.html_tree import parsed
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Kind, Page

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONTS_ONLY = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
# The tree of a document takes about this many times its size.
_TREE_FACTOR = 20
_TEXTS = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document", "")
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}encoding\s*=\s*["']([\w.-]{2,40})""")
_EMPTY = re.compile(
    r"<(?!(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)\b)([A-Za-z][\w:-]*)([^<>]*)/>"
)
_CONTENTS = re.compile(r"toc|contents|nav", re.I)


@dataclass(frozen=True, slots=True)
class _Book:
    title: str
    documents: tuple[str, ...]
    """The parts of its spine."""
    contents: frozenset[str]
    """Those that call themselves its table of contents."""


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """A page for each document that has text. The table of contents is left out where it is only links."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _pages(archive, limits, report)
    except packages.UNREADABLE:
        raise refusals.broken("EPUB") from None


def _pages(archive: zipfile.ZipFile, limits: Limits, report: Report) -> Iterator[Page]:
    book = _book(archive, limits)
    report.total(len(book.documents))
    if len(book.documents) > limits.pages:
        raise refusals.too_many_pages(len(book.documents), limits)
    headings, number, damaged = HeadingPath(), 0, 0
    if book.title:
        headings.push(0, book.title)
    for name in book.documents:
        try:
            markup = _markup(_part(archive, name, limits))
        except packages.UNREADABLE:
            damaged += 1
            continue
        page = _read(markup, number + 1, headings, book, limits, is_contents=name in book.contents)
        if page.text:
            number += 1
            yield page
    if damaged and not number:
        raise refusals.broken("EPUB")
    if damaged:
        report.warning(f"{damaged} of {len(book.documents)} chapters are damaged or missing and were left out.")


def _read(markup: str, number: int, headings: HeadingPath, book: _Book, limits: Limits, *, is_contents: bool) -> Page:
    """The document's page; the book's first one begins with its title, unless a heading there says it."""
    tree = parsed(markup)
    body = tree.body
    reader = HtmlReader(limits, PageBuilder(number), headings, title=book.title)
    if body is None or (is_contents and body.css_first("a") is not None and share_of_links(body) > 0.7):
        return reader.builder.page()
    first = tree.css_first("h1, h2, h3, h4, h5, h6")
    said = one_line(first.text(deep=True)) if first is not None else ""
    if number == 1 and book.title and said.casefold() != book.title.casefold() and _says_something(body, limits):
        reader.builder.add(book.title, Kind.HEADING)
    reader.walk(body)
    return reader.builder.page()


def _says_something(body: LexborNode, limits: Limits) -> bool:
    reader = HtmlReader(limits)
    reader.walk(body)
    return reader.builder.length > 0


def _book(archive: zipfile.ZipFile, limits: Limits) -> _Book:
    container = packages.parsed(_part(archive, _CONTAINER, limits))
    root = next(each.get("full-path") for each in container.iter("{*}rootfile") if each.get("full-path"))
    package = packages.parsed(_part(archive, root, limits))
    folder = posixpath.dirname(root)
    items: dict[str, Any] = {each.get("id", ""): each for each in package.iter("{*}item")}
    documents, contents = [], set()
    guided = {_name(folder, each) for each in package.iter("{*}reference") if each.get("type") == "toc"}
    for link in package.iter("{*}itemref"):
        item = items.get(link.get("idref", ""))
        if item is None or (item.get("media-type") or "").lower() not in _TEXTS:
            continue
        name = _name(folder, item)
        documents.append(name)
        if name in guided or "nav" in (item.get("properties") or "").split() or _CONTENTS.search(name):
            contents.add(name)
    documents = list(dict.fromkeys(documents))
    if not documents:
        raise refusals.broken("EPUB")
    _refuse_locked(archive, set(documents), limits)
    title = next((one_line("".join(each.itertext())) for each in package.iter("{*}title")), "")
    return _Book(title[:200], tuple(documents), frozenset(contents))


def _name(folder: str, item: Any) -> str:
    """The part an element refers to. Never a path that is opened: only parts of the archive have such names."""
    href = unquote((item.get("href") or "").split("#")[0])
    return posixpath.normpath(posixpath.join("/", folder, href)).lstrip("/")


def _refuse_locked(archive: zipfile.ZipFile, documents: set[str], limits: Limits) -> None:
    """Fonts may be scrambled in a book that all can read; a locked document is DRM."""
    if _ENCRYPTION not in archive.namelist():
        return
    for data in packages.parsed(_part(archive, _ENCRYPTION, limits)).iter("{*}EncryptedData"):
        method = next((each.get("Algorithm", "") for each in data.iter("{*}EncryptionMethod")), "")
        locked = {unquote(each.get("URI", "")).lstrip("/") for each in data.iter("{*}CipherReference")}
        if method not in _FONTS_ONLY and locked & documents:
            raise refusals.encrypted()


def _part(archive: zipfile.ZipFile, name: str, limits: Limits) -> bytes:
    """A part's bytes. By the size that the archive states: zipfile reads no more of a part than that."""
    info = archive.getinfo(name)
    if info.flag_bits & 1:
        raise refusals.encrypted()
    if info.file_size * _TREE_FACTOR > limits.memory_mb * 1024 * 1024:
        raise refusals.unpacks_too_large(info.file_size / 1024 / 1024, limits)
    return archive.read(info)


def _markup(data: bytes) -> str:
    """A document's markup as an HTML parser takes it: XHTML ends empty elements in a way that HTML does not know."""
    declared = _DECLARED.match(data.lstrip())
    text = None
    encoding = encodings.known(declared.group(1).decode("ascii")) if declared is not None else ""
    if encoding and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        with suppress(UnicodeError):
            text = data.decode(encoding)
    return _EMPTY.sub(r"<\1\2></\1>", decode(data, html=True) if text is None else text)

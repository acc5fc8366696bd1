"""File names, marks and types out of what a web server says."""

import re
from collections.abc import Mapping
from email.message import Message
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from engines.parsing import encodings
from engines.parsing.formats import FORMATS, by_extension, by_media_type

LONGEST_NAME = 150
LONGEST_MARK = 500
HTML = ("text/html", "application/xhtml+xml")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_PAGES = re.compile(r"\.(html?|xhtml|php\d?|aspx?|jspx?|cgi|cfm|do)$", re.I)
"""Endings of addresses that mostly answer with a page."""


def file_name(url: str, content_type: str = "", disposition: str = "") -> str:
    """A name for people, with the ending that tells the type: "report.pdf", "about.html"."""
    parts = urlsplit(url)
    own = _clean(_disposed(disposition)) or _clean(PurePosixPath(unquote(parts.path)).name)
    name = own or _clean(parts.hostname or "") or "page"
    if not own and not content_type:
        return f"{name}.html"
    return _with_ending(name, content_type, own)


def _with_ending(name: str, content_type: str, own: str) -> str:
    form = by_media_type("text/html" if content_type in HTML else content_type)
    suffix = PurePosixPath(own).suffix
    named = by_extension(suffix) if suffix else None
    if form is None or (named is not None and (named.name == form.name or (form.name == "TXT" and named.is_text))):
        return name
    stem = _PAGES.sub("", name) if form.name == "HTML" else name
    return f"{stem}{form.extensions[0]}"


def is_page_address(url: str) -> bool:
    """Whether the address says nothing of a type, or that of a page: then only asking tells."""
    path = urlsplit(url).path
    named = by_extension(PurePosixPath(path).suffix or ".none")
    # A wiki's page about README.md may well be called README.md.
    return named is None or named.is_text or bool(_PAGES.search(path))


def may_be_taken(url: str) -> bool:
    """False for an address whose ending is one of a picture, a film, a program and the like."""
    suffix = PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()
    if not suffix or _PAGES.search(suffix) or not re.fullmatch(r"\.[a-z][a-z0-9]{1,4}", suffix, re.A):
        return True
    named = by_extension(suffix)
    taken = named.is_taken if named is not None else suffix not in _OTHERS
    return taken and suffix not in _OF_PAGES


def is_taken(content_type: str, name: str) -> bool:
    """Whether a document of this media type, called so, may be one that Footnote reads."""
    if content_type in HTML:
        return True
    form = by_media_type(content_type)
    if form is not None:
        return form.is_taken
    named = by_extension(PurePosixPath(name).suffix or ".none")
    # Many servers call source code, mail and archives by types of their own, so the name has a say.
    is_other = content_type.startswith(("audio/", "video/", "font/"))
    return not is_other and named is not None and named.is_taken


def mark_of(headers: Mapping[str, str]) -> str:
    """What a later request asks with: the ETag, else the Last-Modified; "" if the server gives neither."""
    for kind, header in (("etag", "etag"), ("date", "last-modified")):
        value = headers.get(header, "").strip()
        if value and len(value) <= LONGEST_MARK and value.isascii() and value.isprintable():
            return f"{kind}:{value}"
    return ""


def conditions(known: str) -> dict[str, str]:
    """The headers with which a server answers 304 while `known`, a mark of `mark_of`, still holds."""
    kind, _, value = known.partition(":")
    header = {"etag": "If-None-Match", "date": "If-Modified-Since"}.get(kind)
    return {header: value} if header and value else {}


def _disposed(disposition: str) -> str:
    """The file name of a Content-Disposition (RFC 6266), "" if there is none."""
    message = Message()
    message["Content-Disposition"] = disposition.replace("\r", " ").replace("\n", " ")
    return encodings.parameter(message, "filename", "Content-Disposition").replace("\\", "/").rpartition("/")[2]


def _clean(name: str) -> str:
    name = " ".join(_NOT_IN_NAMES.sub(" ", name).split()).strip(". ")
    if len(name) <= LONGEST_NAME:
        return name
    suffix = PurePosixPath(name).suffix[:12]
    return name[: LONGEST_NAME - len(suffix)] + suffix


_TAKEN = {ending for form in FORMATS for ending in form.extensions}
_OF_PAGES = {
    *(".css", ".js", ".mjs", ".map", ".wasm", ".woff", ".woff2", ".ttf", ".otf", ".eot", ".ico", ".rss", ".atom"),
}
"""What pages are made with, and no document even where its format is read."""
_OTHERS = {
    *(".png", ".jpg", ".jpeg", ".jpe", ".gif", ".webp", ".avif", ".svg", ".bmp", ".tif", ".tiff", ".psd"),
    *(".mp3", ".mp4", ".m4a", ".m4v", ".ogg", ".ogv", ".oga", ".wav", ".flac", ".webm", ".avi", ".mov", ".mkv"),
    *(".exe", ".msi", ".dmg", ".iso", ".deb", ".rpm", ".apk", ".jar", ".whl", ".bin", ".zip", ".gz", ".tgz"),
    *(".bz2", ".xz", ".7z", ".rar", ".tar", ".torrent", ".ics", ".vcf", ".sig", ".asc"),
} - _TAKEN

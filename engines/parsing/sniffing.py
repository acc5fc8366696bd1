"""What a file is: by its content; its name only tells one kind of text from another.

Runs where files are received, so it reads no more than a few hundred kilobytes and opens no archive.
"""

import re
from pathlib import Path, PurePath

from engines.parsing import refusals
from engines.parsing.formats import FORMATS, Format, by_extension

_HEAD = 64 * 1024
_TAIL = 256 * 1024
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_OLE_OLD_WORD = "WordDocument".encode("utf-16-le")
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_HTML = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.{0,2000}?-->\s*)*<(!doctype\s+html|html[\s>])", re.I | re.S)
_CONTROLS = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")


def sniff(path: Path, file_name: str) -> str:
    """The media type of the file at `path`, which a person calls `file_name`.

    Raises ParsingError: `unsupported` (the sentence lists what is taken), `empty`, `encrypted` (an
    Office file in its password container) or `broken` (named for a format whose mark it lacks).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
    if not head:
        raise refusals.empty()
    suffix = PurePath(file_name).suffix.lower()
    name = _binary(head, tail, suffix) or _text(head, suffix)
    return next(each.media_type for each in FORMATS if each.name == name)


def _binary(head: bytes, tail: bytes, suffix: str) -> str | None:
    named = by_extension(suffix)
    if b"%PDF-" in head[:1024]:
        return "PDF"
    if head.startswith(b"PK"):
        return _archive(head, tail, named)
    if head.startswith(_OLE):
        if _OLE_ENCRYPTED in head + tail:
            raise refusals.encrypted()
        what = "The old Word format (.doc)" if _OLE_OLD_WORD in head + tail else "This old Office format"
        raise refusals.unsupported(what)
    if head.startswith(b"{\\rtf"):
        raise refusals.unsupported("RTF")
    if named is not None and not named.is_text:
        raise refusals.broken(named.name)
    return None


def _archive(head: bytes, tail: bytes, named: Format | None) -> str:
    if b"word/document" in head or b"word/document" in tail:
        return "DOCX"
    whole = b"PK\x05\x06" in tail
    if named is not None and named.name == "DOCX" and not whole:
        return "DOCX"  # cut off before its contents list: the reader says that it is damaged
    raise refusals.unsupported("This kind of archive or Office file")


def _text(head: bytes, suffix: str) -> str:
    wide = head.startswith(_BOMS) or _looks_utf16(head)
    if not wide and _CONTROLS.search(head):
        raise refusals.unsupported()
    if _HTML.match(head.lstrip(b"\xef\xbb\xbf")):
        return "HTML"
    named = by_extension(suffix)
    if named is None or not named.is_text:
        raise refusals.unsupported(f"A file named *{suffix[:20]}")
    return named.name


def _looks_utf16(head: bytes) -> bool:
    """Whether nearly every second byte is NUL, as in UTF-16 text of Latin script without its mark."""
    sample = head[:2000]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = max(1, len(sample) // 2)
    return len(sample) >= 4 and max(even, odd) > 0.6 * half and min(even, odd) < 0.05 * half

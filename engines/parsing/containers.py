"""What a ZIP or an OLE file holds, told from its table of contents; nothing is unpacked."""

import re
from pathlib import Path

from engines.parsing import refusals
from engines.parsing.formats import Format

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_DIRECTORY = 64 * 1024
_END_OF_CONTENTS = b"PK\x05\x06"
_MIMETYPE = re.compile(rb"PK\x03\x04.{26}mimetype(application/[\w.+-]+)", re.S)
_BY_MIMETYPE = (
    (b"application/epub+zip", "EPUB"),
    (b"application/vnd.oasis.opendocument.text", "ODT"),
    (b"application/vnd.oasis.opendocument.presentation", "ODP"),
    (b"application/vnd.oasis.opendocument.spreadsheet", "ODS"),
)
_OLD_OPENOFFICE = b"application/vnd.sun.xml."
_BY_PART = (
    (b"word/document", "DOCX"),
    (b"ppt/presentation", "PPTX"),
    (b"xl/workbook", "XLSX"),
    (b"META-INF/container.xml", "EPUB"),
)
_ZIPPED = ("DOCX", "PPTX", "XLSX", "ODT", "ODP", "ODS", "EPUB")
_BY_STREAM = (
    ("__properties_version1.0", "MSG"),
    ("Workbook", "XLS"),
    ("Book", "XLS"),
)
_OLD = (
    ("WordDocument", "The old Word format (.doc)", "DOCX"),
    ("PowerPoint Document", "The old PowerPoint format (.ppt)", "PPTX"),
)


def zipped(head: bytes, tail: bytes, named: Format | None) -> str:
    """The name of the format of a file that begins with `PK`; `named` is what its ending says.

    A file cut off before its contents list is what its ending says: the reader will say that it is damaged.
    Raises ParsingError("unsupported") for what came before OpenDocument.
    """
    if match := _MIMETYPE.match(head):
        if match.group(1).startswith(_OLD_OPENOFFICE):  # names its parts and styles otherwise than OpenDocument
            raise refusals.unsupported(
                "The format of StarOffice and OpenOffice.org 1 (.sxw, .sxc, .sxi)",
                "Open it in LibreOffice, save it as ODT, ODS or ODP and upload that.",
            )
        found = next((name for media_type, name in _BY_MIMETYPE if match.group(1).startswith(media_type)), None)
        if found:
            return found
    contents = _contents(tail)
    if contents is None:
        if named is not None and named.name in _ZIPPED:
            return named.name
        contents = head
    return next((name for part, name in _BY_PART if part in contents), "ZIP")


def _contents(tail: bytes) -> bytes | None:
    """The last of the central directory (the list of names at a ZIP's end) that lies in the tail, or None."""
    end = tail.rfind(_END_OF_CONTENTS)
    if end < 0 or end + 16 > len(tail):
        return None
    size = int.from_bytes(tail[end + 12 : end + 16], "little")
    return tail[max(0, end - size) : end]


def compound(path: Path, head: bytes) -> str:
    """The name of the format of an OLE compound file, by the streams it lists.

    Raises ParsingError: `encrypted` for Office's password container, `unsupported` for old Word and PowerPoint.
    """
    names = _streams(path, head)
    if _wide("EncryptedPackage") in names:
        raise refusals.encrypted()
    for stream, what, newer in _OLD:
        if _wide(stream) in names:
            raise refusals.unsupported(
                what, f"Open it in its program or in LibreOffice, save it as {newer} and upload that."
            )
    found = next((name for stream, name in _BY_STREAM if _wide(stream) in names), None)
    if found is None:
        raise refusals.unsupported("This old Office format")
    return found


def _streams(path: Path, head: bytes) -> bytes:
    """The first of its directory, where the names of its streams stand in UTF-16 ([MS-CFB] 2.2 and 2.6)."""
    shift = min(int.from_bytes(head[30:32], "little"), 16)
    sector = int.from_bytes(head[48:52], "little")
    with path.open("rb") as file:
        file.seek((sector + 1) << shift)
        return file.read(_DIRECTORY)


def _wide(name: str) -> bytes:
    return name.encode("utf-16-le")

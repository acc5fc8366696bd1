"""Texts whose encoding only the server says, kept so that it is known without the server."""

import codecs
import re
from email.message import Message
from pathlib import Path

from engines.parsing import encodings

LARGEST = 64 * 1024 * 1024
"""Bytes; a larger file is kept as it came."""
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MEANT = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "shift_jis": "cp932"}
"""What browsers take these for (WHATWG Encoding, 4.2): the larger sets that pages are written in under their names."""


def stated(content_type: str) -> str:
    """The charset of a Content-Type header as Python knows it; "" if it states none that is known."""
    message = Message()
    message["Content-Type"] = content_type.replace("\r", " ").replace("\n", " ")
    name = encodings.known(encodings.parameter(message, "charset", "Content-Type"))
    return _MEANT.get(name, name)


def utf8(path: Path, charset: str) -> bytes | None:
    """The file as UTF-8, as browsers save a page; None where it is that already, or what the server says is not so.

    What a server states goes before what a page says of itself (HTML, 13.2.3.2), but not before the bytes.
    """
    if not charset or path.stat().st_size > LARGEST:
        return None
    data = path.read_bytes()
    if data.startswith(_MARKS) or _NO_TEXT.search(data):
        return None
    for encoding in ("utf-8", charset):
        try:
            text = data.decode(encoding)
        except UnicodeError:
            continue
        return None if encoding == "utf-8" else text.encode("utf-8", "replace")
    return None

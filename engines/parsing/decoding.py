"""Bytes of unknown encoding to text."""

import codecs
import re
from pathlib import Path

from charset_normalizer import from_bytes

from engines.parsing import alphabets, encodings, refusals
from engines.parsing.limits import Limits

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([\w-]{2,40})""", re.I)
_SAMPLE = 200_000
_CERTAIN = 0.9
_ISO_2022_JP = (b"\x1b$B", b"\x1b$@")
_KANA_OR_HAN = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


def read_text(path: Path, limits: Limits, *, html: bool = False) -> str:
    """The file's text: by its byte-order mark, else UTF-8, else its own declaration, else as detected.

    A declaration that the bytes contradict is passed over. Raises ParsingError("too_large").
    """
    # No encoding takes more than four bytes a character, so a larger file is over the limit for sure.
    if path.stat().st_size > 4 * limits.characters + 4:
        raise refusals.too_much_text(limits)
    text = decode(path.read_bytes(), html=html)
    if len(text) > limits.characters and not html:
        raise refusals.too_much_text(limits)
    return text


def decode(data: bytes, *, html: bool = False) -> str:
    """Never raises: what no encoding explains becomes U+FFFD."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    declared = _DECLARED.search(data[:4096]) if html else None
    escaped = "iso2022_jp" if any(mark in data for mark in _ISO_2022_JP) else ""  # seven bits, so UTF-8 as well
    for encoding in (
        escaped,
        "utf-8",
        encodings.known(declared.group(1).decode("ascii")) if declared else "",
        _wide(data),
    ):
        text = _strictly(data, encoding)
        if text is not None:
            return text
    return _detected(data)


def _strictly(data: bytes, encoding: str) -> str | None:
    if not encoding:
        return None
    try:
        text = data.decode(encoding)
    except UnicodeError:
        return None
    return text if (encoding.startswith("utf-16") or "\0" not in text) else None


def _wide(data: bytes) -> str:
    """UTF-16 without its mark: nearly every second byte is NUL."""
    sample = data[:2000]
    half = max(1, len(sample) // 2)
    if sample[1::2].count(0) > 0.6 * half:
        return "utf-16-le"
    return "utf-16-be" if sample[::2].count(0) > 0.6 * half else ""


def _detected(data: bytes) -> str:
    sample = data[:_SAMPLE]
    if len(sample) < 400:  # too short for statistics: Shift-JIS text is telling by what it decodes to
        japanese = _strictly(data, "cp932")
        if japanese and len(_KANA_OR_HAN.findall(japanese)) * 2 > sum(ch > "\x7f" for ch in japanese):
            return japanese
    code_page, share = alphabets.latin(sample)
    if share < _CERTAIN:
        best = from_bytes(sample).best()
        guess = best.encoding if best is not None else "cp1252"
        code_page = code_page if code_page and guess in alphabets.CODE_PAGES else guess
    return data.decode(code_page, "replace")

"""RTF as its pieces: control words, groups, text; and the encodings its fonts stand for."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engines.parsing import encodings

_TOKEN = re.compile(
    rb"\\(?P<word>[a-zA-Z]{1,40})(?P<number>-?[0-9]{1,10})? ?|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<sign>[^a-zA-Z])"
    rb"|(?P<brace>[{}])|(?P<text>[^\\{}\r\n\0]+)|(?P<gap>[\r\n\0]+|\\)"
)
_BRACE = re.compile(rb"\\bin([0-9]{1,10}) ?|\\.|[{}]", re.S)
_CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "cp950",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251",
    222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
_NAMED = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
_PAGES = {936: "gb18030", 10000: "mac_roman", 10001: "shift_jis", 10007: "mac_cyrillic", 65001: "utf-8", 1361: "johab"}
SYMBOL_CHARSET = 2


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of RTF; exactly one of its fields says something, but for the number of a word."""

    word: str = ""
    number: int | None = None
    text: bytes = b""
    brace: str = ""
    sign: str = ""


class Tokens:
    """Goes through the bytes of an RTF file once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __iter__(self) -> Iterator[Token]:
        while (match := _TOKEN.match(self._data, self._at)) is not None:
            self._at = match.end()
            kind = match.lastgroup
            if kind in ("word", "number"):
                number = match["number"]
                token = Token(word=match["word"].decode(), number=None if number is None else int(number))
                if token.word == "bin":
                    self._at += max(0, token.number or 0)
                yield token
            elif kind == "hex":
                yield Token(text=bytes.fromhex(match["hex"].decode()))
            elif kind == "sign":
                yield Token(sign=match["sign"].decode("latin-1"))
            elif kind == "brace":
                yield Token(brace=match["brace"].decode())
            elif kind == "text":
                yield Token(text=match["text"])

    def skip_group(self) -> None:
        """Goes on right before the brace that closes the group it is in; a picture's data is passed in one stride."""
        depth = 0
        while (match := _BRACE.search(self._data, self._at)) is not None:
            if match[0] == b"}" and depth == 0:
                self._at = match.start()
                return
            self._at = match.end() + (int(match[1]) if match[1] else 0)
            depth += (match[0] == b"{") - (match[0] == b"}")
        self._at = len(self._data)


def charset_encoding(charset: int, default: str) -> str:
    """The encoding of a font's `\\fcharset`."""
    return _CHARSETS.get(charset, default)


def page_encoding(code_page: int, default: str) -> str:
    """The encoding of a Windows code page (`\\ansicpg`, `\\cpg`)."""
    return encodings.known(_PAGES.get(code_page, f"cp{code_page}")) or default


def named_encoding(word: str) -> str:
    """The encoding that `\\mac`, `\\pc` or `\\pca` stands for."""
    return _NAMED[word]


def decoded(data: bytes, encoding: str, default: str) -> str:
    """Text in a font's encoding, else in the document's, else whatever can be read of it."""
    if data.isascii():
        return data.decode("ascii")
    for each in (encoding, default):
        try:
            return data.decode(each)
        except UnicodeDecodeError:
            continue
    return data.decode(encoding, "replace")


def joined(parts: Iterable[str]) -> str:
    """The parts as one text; a character beyond the first 65,536 comes as two halves."""
    text = "".join(parts)
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

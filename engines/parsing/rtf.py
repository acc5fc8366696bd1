"""RTF (Microsoft's specification 1.9.1): paragraphs, headings, lists, table rows, notes and text boxes.

One page, or the parts of a long document (engines/parsing/docx.py says why). Headers and footers, pictures, comments,
hidden and deleted text are left out. A file that ends within a group is read as far as it goes, with a warning.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from engines.parsing import refusals
from engines.parsing.docx_styles import heading_level
from engines.parsing.flow import Flow
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from engines.parsing.rtf_blocks import Blocks, Look
from engines.parsing.rtf_bytes import (
    SYMBOL_CHARSET,
    Token,
    Tokens,
    charset_encoding,
    decoded,
    joined,
    named_encoding,
    page_encoding,
)
from engines.parsing.symbols import read_symbols
from rag.types import Page

_SKIPPED = frozenset({
    "colortbl", "info", "pict", "objdata", "objclass", "objname", "header", "headerl", "headerr", "headerf", "footer",
    "footerl", "footerr", "footerf", "ftnsep", "ftnsepc", "ftncn", "aftnsep", "aftnsepc", "aftncn", "fldinst",
    "listtable", "listoverridetable", "themedata", "colorschememapping", "datastore", "latentstyles", "xmlnstbl",
    "generator", "revtbl", "rsidtbl", "annotation", "atnid", "atnauthor", "atrfstart", "atrfend", "atnicn",
    "bkmkstart", "bkmkend", "nonesttables", "sp", "shprslt", "nonshppict", "tc", "xe", "rxe", "txe", "template",
    "filetbl", "mmathPr", "mmathPict", "pgptbl", "passwordhash", "userprops", "private", "keycode",
})  # fmt: skip
# Groups marked as to be left out by programs that do not know them, but known here.
_KNOWN = frozenset(("shpinst", "shptxt", "ud", "mmath", "moMath", "moMathPara", "nesttableprops", "footnote"))
_SIGNS = {
    "tab": "\t", "line": "\n", "lbr": "\n", "softline": "\n", "column": "\n", "emdash": "—", "endash": "–",
    "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "enspace": " ", "emspace": " ",
    "qmspace": " ", "zwj": "\u200d", "zwnj": "\u200c",
}  # fmt: skip
_SYMBOLS = {"~": "\xa0", "_": "-", "\t": "\t"}
_ENCLOSED = {
    "mnum": ("(", ")"), "mden": ("/(", ")"), "msup": ("^(", ")"), "msub": ("_(", ")"), "mrad": ("√(", ")"),
}  # fmt: skip
_ASIDE = {"listtext": "label", "pntext": "label", "footnote": "note", "shptxt": "box"}
_DEEPEST = 5000
_LONGEST_FONT_NAME = 200


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page, or the parts of a long document. Raises ParsingError: `broken` or `too_large`."""
    size = path.stat().st_size
    if size * 2 > limits.memory_mb * 1024 * 1024:
        raise refusals.unpacks_too_large(size / 1024 / 1024, limits)
    data = path.read_bytes()
    if not data.lstrip().startswith(b"{\\rtf"):
        raise refusals.broken("RTF")
    reader = _Reader(Flow(limits))
    if not reader.read(data):
        report.warning("The file ends in the middle of its text, so it was read as far as it goes.")
    yield from reader.blocks.flow.pages(0, report)


@dataclass(slots=True)
class _State:
    """What a group inherits from the one around it."""

    place: str = ""
    """"" in the text; "fonts", "styles", "label", "note" or "box" elsewhere."""
    sink: list[str] = field(default_factory=list)
    look: Look = field(default_factory=Look)
    closing: str = ""
    is_mute: bool = False
    is_hidden: bool = False
    is_deleted: bool = False
    skipped_after_unicode: int = 1
    font: int = 0


@dataclass(slots=True)
class _Font:
    encoding: str = ""
    is_symbol: bool = False
    name: str = ""


class _Reader:
    """Follows the control words into blocks."""

    def __init__(self, flow: Flow) -> None:
        self.blocks = Blocks(flow)
        self._state = _State(sink=self.blocks.text)
        self._stack: list[_State] = []
        self._fonts: dict[int, _Font] = {}
        self._style = 0
        self._encoding = "cp1252"
        self._default_font = 0
        self._bytes = bytearray()
        self._to_skip = 0
        self._starred = False

    def read(self, data: bytes) -> bool:
        """Whether the file was whole."""
        tokens = Tokens(data)
        for token in tokens:
            if token.text:
                self._take_text(token.text)
                continue
            self._flush()
            if token.brace == "{":
                self._open()
            elif token.brace:
                self._close()
                if not self._stack:
                    break
            elif self._to_skip and not token.word:
                self._to_skip -= 1
            elif token.sign:
                self._sign(token.sign)
            elif self._is_skipped(token.word):
                tokens.skip_group()
            else:
                self._word(token)
        self._flush()
        whole = not self._stack
        while self._stack:
            self._close()
        self.blocks.end(self._state.look)
        return whole

    def _take_text(self, text: bytes) -> None:
        skipped = min(self._to_skip, len(text))
        self._to_skip -= skipped
        self._bytes += text[skipped:]

    def _open(self) -> None:
        if len(self._stack) >= _DEEPEST:
            raise refusals.broken("RTF")
        self._stack.append(self._state)
        self._state = replace(self._state, look=replace(self._state.look), closing="")
        self._to_skip = 0

    def _close(self) -> None:
        self._to_skip = 0
        if not self._stack:
            return
        closed = self._state
        self._put(closed.closing)
        self._state = self._stack.pop()
        if closed.sink is not self._state.sink:
            self.blocks.aside(closed.place, joined(closed.sink))

    def _is_skipped(self, word: str) -> bool:
        """Whether the group that this word begins is left out whole."""
        starred, self._starred = self._starred, False
        if word in _SKIPPED or (starred and word not in _KNOWN and word not in _ASIDE):
            return True
        return word.startswith("m") and word.endswith("Pr") and word != "mnaryPr" and self._state.place == ""

    def _sign(self, sign: str) -> None:
        if sign == "*":
            self._starred = True
        elif sign in "\r\n":
            self._end_paragraph()
        else:
            self._put(_SYMBOLS.get(sign, sign if sign in "\\{}" else ""))

    def _word(self, token: Token) -> None:
        word, number = token.word, token.number
        if word in _SIGNS:
            self._put(_SIGNS[word])
        elif word == "u":
            self._put_unicode((number or 0) % 0x10000)
        elif word in _ASIDE:
            self._state.place, self._state.sink = _ASIDE[word], []
        elif word in _ENCLOSED:
            opening, self._state.closing = _ENCLOSED[word]
            self._put(opening)
        elif word in ("par", "sect", "page", "cell", "row", "nestcell", "nestrow"):
            self._structure(word)
        elif not (self._encode(word, number) or self._character(word, number)):
            self.blocks.define(word, number)
            self._state.look.take(word, number)

    def _structure(self, word: str) -> None:
        if self._state.sink is not self.blocks.text:
            self._put(" | " if word.endswith("cell") else "\n")
        elif word in ("cell", "row", "nestcell", "nestrow"):
            self.blocks.table(word)
        else:
            self._end_paragraph()
            if word == "page":
                self.blocks.flow.page_break()

    def _end_paragraph(self) -> None:
        if self._state.sink is self.blocks.text:
            self.blocks.paragraph(self._state.look)
        else:
            self._put("\n")

    def _character(self, word: str, number: int | None) -> bool:
        """Takes a word on characters or on where text goes; False for any other."""
        state = self._state
        match word:
            case "v":
                state.is_hidden = number != 0
            case "deleted":
                state.is_deleted = number != 0
            case "plain":
                state.is_hidden = state.is_deleted = False
                state.font = self._default_font
            case "uc":
                state.skipped_after_unicode = min(max(number or 0, 0), 100)
            case "upr" | "mnaryPr" | "mlimLoc" | "mgrow" | "msubHide" | "msupHide" | "mctrlPr":
                state.is_mute = True
            case "ud" | "mchr":
                state.is_mute = False
            case "stylesheet":
                state.place, state.sink = "styles", []
            case _:
                return state.place == "styles" and self._define_style(word, number)
        return True

    def _define_style(self, word: str, number: int | None) -> bool:
        if word == "s":
            self._style = number or 0
        elif word == "outlinelevel":
            self.blocks.levels[self._style] = min(max(number or 0, 0), 9) + 1
        return True

    def _encode(self, word: str, number: int | None) -> bool:
        """Takes a word on fonts and encodings; False for any other."""
        font = self._fonts.setdefault(self._state.font, _Font()) if self._state.place == "fonts" else None
        match word:
            case "mac" | "pc" | "pca":
                self._encoding = named_encoding(word)
            case "ansicpg":
                self._encoding = page_encoding(number or 0, self._encoding)
            case "deff":
                self._default_font = self._state.font = number or 0
            case "fonttbl":
                self._state.place, self._state.sink = "fonts", []
            case "f":
                self._state.font = number or 0
            case "fcharset" if font is not None:
                font.is_symbol = number == SYMBOL_CHARSET
                font.encoding = font.encoding or charset_encoding(number or 0, "")
            case "cpg" if font is not None:
                font.encoding = page_encoding(number or 0, font.encoding)
            case _:
                return False
        return True

    def _flush(self) -> None:
        """What bytes stand for is known once they are together: a character may take two."""
        if not self._bytes:
            return
        data, self._bytes = bytes(self._bytes), bytearray()
        font = self._fonts.get(self._state.font, _Font())
        if self._state.place == "fonts":
            if len(font.name) < _LONGEST_FONT_NAME:
                font.name += decoded(data, self._encoding, self._encoding).rstrip(";")
        elif self._state.place == "styles":
            self._name_styles(decoded(data, self._encoding, self._encoding))
        elif font.is_symbol:
            self._put(read_symbols(data.decode("latin-1"), font.name))
        else:
            self._put(decoded(data, font.encoding or self._encoding, self._encoding))

    def _name_styles(self, text: str) -> None:
        level = heading_level(text.partition(";")[0].partition(",")[0])
        if level is not None:
            self.blocks.levels[self._style] = level
        if ";" in text:
            self._style = 0

    def _put_unicode(self, code: int) -> None:
        self._put(read_symbols(chr(code - 0xF000), "symbol") if 0xF000 <= code <= 0xF0FF else chr(code))
        self._to_skip = self._state.skipped_after_unicode

    def _put(self, text: str) -> None:
        state = self._state
        if text and not (state.is_mute or state.is_hidden or state.is_deleted):
            state.sink.append(text)

"""The text of a DOCX paragraph as a reader sees it, and what hangs on it: notes, text boxes, page turns."""

from typing import Any

from engines.parsing.docx_math import equation
from engines.parsing.docx_styles import Styles, W, is_on, value
from engines.parsing.drawings import graphic_link
from engines.parsing.symbols import read_symbols

_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_BREAKS = {f"{W}cr": "\n", f"{W}tab": "\t", f"{W}ptab": "\t", f"{W}noBreakHyphen": "-"}
_EQUATIONS = {f"{_M}oMath", f"{_M}oMathPara"}
_NOTES = {f"{W}footnoteReference": "footnotes", f"{W}endnoteReference": "endnotes"}
# Deleted text, properties, the instructions of fields, and the reading aids above East Asian characters.
_SKIPPED = {
    W + name
    for name in ("del", "moveFrom", "delText", "pPr", "rPr", "sdtPr", "sdtEndPr", "instrText", "delInstrText", "rt")
}


class Paragraph:
    """Reads the visible text of a paragraph: `text`, and beside it what belongs near it."""

    def __init__(self, element: Any, styles: Styles) -> None:
        self.notes: list[tuple[str, str]] = []
        """Footnotes and endnotes referred to: "footnotes" or "endnotes", and the note's id."""
        self.boxes: list[Any] = []
        """Text boxes anchored here: elements that hold paragraphs."""
        self.graphics: list[str] = []
        """Charts and SmartArt drawn here: the ids of the links to them."""
        self.turns_before = self.turns_after = 0
        """How many pages began before its first letter, and after it, when Word last laid it out."""
        self.break_before = self.break_after = False
        """Whether its author began a new page before or after it."""
        self._styles = styles
        self._parts: list[str] = []
        self._began = False
        self._fields: list[bool] = []
        self._walk(element)
        self.text = "".join(self._parts)

    def _walk(self, element: Any) -> None:
        for child in element.iterchildren("{*}*"):
            tag = child.tag
            if tag in _SKIPPED:
                continue
            if tag == f"{W}r":
                if not self._is_hidden(child):
                    self._walk(child)
            elif tag == f"{W}t":
                self._add(child.text or "")
            elif tag in _BREAKS:
                self._add(_BREAKS[tag])
            elif tag in _EQUATIONS:
                self._add(equation(child))
            elif tag == f"{_MC}AlternateContent":
                self._choose(child)
            elif tag == f"{W}txbxContent":
                self.boxes.append(child)
            elif tag in _NOTES:
                self.notes.append((_NOTES[tag], child.get(f"{W}id", "")))
            elif link := graphic_link(child):
                self.graphics.append(link)
            elif not self._is_sign(child):
                self._walk(child)

    def _is_sign(self, child: Any) -> bool:
        """Takes a page turn, break, field mark or symbol; False for anything else."""
        match child.tag.removeprefix(W):
            case "lastRenderedPageBreak":
                self.turns_before += not self._began
                self.turns_after += self._began
            case "br":
                self._break(child.get(f"{W}type", ""))
            case "fldChar":
                self._field(child.get(f"{W}fldCharType", ""))
            case "sym":
                self._add(_symbol(child.get(f"{W}font", ""), child.get(f"{W}char", "")))
            case _:
                return False
        return True

    def _add(self, text: str) -> None:
        if all(self._fields):
            self._parts.append(text)
            self._began = self._began or bool(text.strip())

    def _break(self, kind: str) -> None:
        if kind == "page":
            self.break_before = self.break_before or not self._began
            self.break_after = self.break_after or self._began
        self._add("\n")

    def _field(self, kind: str) -> None:
        """Between the begin of a field and its separator stand instructions, then the result that is seen."""
        if kind == "begin":
            self._fields.append(False)
        elif kind == "separate" and self._fields:
            self._fields[-1] = True
        elif kind == "end" and self._fields:
            self._fields.pop()

    def _choose(self, alternatives: Any) -> None:
        """The same drawing is there twice, for new and for old programs."""
        choice = next(alternatives.iterchildren(f"{_MC}Choice"), None)
        if choice is None:
            choice = next(alternatives.iterchildren(f"{_MC}Fallback"), None)
        if choice is not None:
            self._walk(choice)

    def _is_hidden(self, run: Any) -> bool:
        said = is_on(run, "rPr/vanish")
        if said is None:
            style = value(run, "rPr/rStyle")
            return bool(style) and self._styles.get(style).is_hidden
        return said


def _symbol(font: str, code: str) -> str:
    """A character of a symbol font; "" for a picture that has no letter."""
    try:
        at = int(code, 16)
    except ValueError:
        return ""
    if 0x100 <= at < 0xD800:
        return chr(at)
    return read_symbols(chr(at & 0xFF), font) if at & 0xFF00 in (0, 0xF000) else ""

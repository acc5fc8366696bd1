"""The words of a PDF page as runs: text on one baseline without a wide gap, as the reader sees the page.

pdfium gives characters in the order they are drawn, with its own spaces and line breaks, in the page's own
coordinates. Asking for the box of each would take most of the time, so it is asked for the first and the last of
each word. Text that was drawn turned is turned back: every run reads from left to right in its own frame.
"""

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import pypdfium2
from pypdfium2 import raw

from engines.parsing.pdf_display import Bounds, Display, Turn
from engines.parsing.pdf_letters import HYPHEN, directions, has_right_to_left, in_order, spelled, with_marks

WIDE_GAP = 1.25
"""A gap of this many line heights parts two cells of a table; words stand closer."""
_TOUCHING = 0.12
_HIGHEST = 20_000.0
_BOLD = re.compile(rb"bold|black|heavy|demi", re.I)
_FORCE_BOLD = 1 << 18
_WORDS = re.compile(r"[\r\n]+|[^\s\x02]*\x02|[^\s\x02]+")
# Two ligatures of TeX's old fonts, in PDFs that lack their right names: ff is called an arrow, ffi nothing at all.
_NAMELESS = re.compile("[\u21b5\ufffe]")
_TEX_FONT = re.compile(rb"(?:[A-Z]{6}\+)?(?:CM|LM|SF)[A-Z]{1,4}\d")


@dataclass(slots=True)
class Run:
    """Text on one baseline; x0, y0, x1, y1 in points, origin top left, in the frame of its turn."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    bold: bool = False
    turn: Turn = Turn.UPRIGHT
    size: float = 0.1
    """Height of the longest word's letters: a raised number beside them makes the box higher, not the writing."""
    base: float = 0.0
    """Lower edge of the longest word's letters."""

    @property
    def height(self) -> float:
        """From the lowest to the highest that the font reaches, at least a hair."""
        return max(self.y1 - self.y0, 0.1)


class _Word(NamedTuple):
    """A word, the places of its characters, and the boxes of all of it and of its first letter on display."""

    text: str
    first: int
    last: int
    box: Bounds
    letter: Bounds


def runs_of(textpage: pypdfium2.PdfTextPage, display: Display) -> Iterator[Run]:
    """The runs of a page in the order they are drawn; what lies outside the page is left out."""
    handle, width, height = textpage.raw, display.width, display.height
    words: list[_Word] = []
    turn, askew = Turn.UPRIGHT, False
    x0 = y0 = x1 = y1 = 0.0
    for word in _words(handle, display):
        if word is None:
            if words:
                yield _run(words, (x0, y0, x1, y1), turn, handle, display)
                words = []
            continue
        box = word.box if turn is Turn.UPRIGHT else turn.into(word.box, width, height)
        if words and (askew or _goes_on(x0, y0, x1, y1, box)):
            # Comparisons, as min and max take three times as long, and this is done for every word
            x0 = box[0] if box[0] < x0 else x0
            y0 = box[1] if box[1] < y0 else y0
            x1 = box[2] if box[2] > x1 else x1
            y1 = box[3] if box[3] > y1 else y1
            words.append(word)
            continue
        if words:
            yield _run(words, (x0, y0, x1, y1), turn, handle, display)
        turn, askew = display.turn(raw.FPDFText_GetCharAngle(handle, word.first))
        x0, y0, x1, y1 = turn.into(word.box, width, height)
        words = [word]
    if words:
        yield _run(words, (x0, y0, x1, y1), turn, handle, display)


def _goes_on(x0: float, y0: float, x1: float, y1: float, box: Bounds) -> bool:
    """Whether a word continues a run: on its baseline, near its end (either one: text may run leftwards)."""
    a0, b0, a1, b1 = box
    tall, high = y1 - y0, b1 - b0
    small, large = (tall, high) if tall < high else (high, tall)
    if (y1 if y1 < b1 else b1) - (y0 if y0 > b0 else b0) < 0.3 * small:
        return False
    return a0 - x1 < WIDE_GAP * large and x0 - a1 < WIDE_GAP * large


def _run(words: list[_Word], box: Bounds, turn: Turn, handle: raw.FPDF_TEXTPAGE, display: Display) -> Run:
    parts = [words[0].text]
    for before, word in pairwise(words):
        close = word.first == before.last + 1 and _touch(before, word)
        parts.append(word.text if close else f" {word.text}")
    longest = max(words, key=lambda word: word.last - word.first)
    _, y0, _, y1 = turn.into(longest.letter, display.width, display.height)
    if not 0.1 <= y1 - y0 <= _HIGHEST:  # also where a damaged PDF makes it no number at all
        y0, y1 = box[3] - 0.1, box[3]
    bold = _is_bold(handle, words[0].first) and (len(words) == 1 or _is_bold(handle, words[-1].last))
    return Run(with_marks("".join(parts)), *box, bold, turn, size=y1 - y0, base=y1)


def _touch(before: _Word, word: _Word) -> bool:
    (a0, b0, a1, b1), (x0, y0, x1, y1) = before.box, word.box
    slack = _TOUCHING * (word.letter[3] - word.letter[1])
    return max(x0 - a1, a0 - x1) < slack and max(y0 - b1, b0 - y1) < slack


def _words(handle: raw.FPDF_TEXTPAGE, display: Display) -> Iterator[_Word | None]:
    """The words of a page; None where pdfium ends a line."""
    rect = raw.FS_RECTF()
    reference = ctypes.byref(rect)
    box_of, on_display, width, height = (
        raw.FPDFText_GetLooseCharBox,
        display.box_of(rect),
        display.width,
        display.height,
    )
    for match in _WORDS.finditer(_characters(handle)):
        word = match.group()
        first, end = match.span()
        if word.isascii() and word.isprintable():
            text = word
        elif word[0] in "\r\n":
            yield None
            continue
        elif has_right_to_left(word):
            yield from _right_to_left(handle, display, word, first)
            continue
        else:
            text = spelled(word)
            if not text:
                continue
        box_of(handle, first, reference)
        letter = box = on_display()
        if end - first > 1:
            box_of(handle, end - 1, reference)
            x0, y0, x1, y1 = on_display()
            a0, b0, a1, b1 = letter
            box = (x0 if x0 < a0 else a0, y0 if y0 < b0 else b0, x1 if x1 > a1 else a1, y1 if y1 > b1 else b1)
            if box[2] - box[0] + box[3] - box[1] > (end - first) * (a1 - a0 + b1 - b0):
                yield from _stretched(handle, display, word, first)
                continue
        if box[2] >= 0 and box[3] >= 0 and box[0] <= width and box[1] <= height:
            yield _Word(text, first, end - 1, box, letter)


def _stretched(handle: raw.FPDF_TEXTPAGE, display: Display, word: str, first: int) -> Iterator[_Word]:
    """A word much longer than its letters: cells of a table, at times, that pdfium puts no space between."""
    rect = raw.FS_RECTF()
    for index, letter in enumerate(word, start=first):
        raw.FPDFText_GetLooseCharBox(handle, index, ctypes.byref(rect))
        box = display.box(rect)
        text = spelled(letter)
        if text and box[2] >= 0 and box[3] >= 0 and box[0] <= display.width and box[1] <= display.height:
            yield _Word(text, index, index, box, box)


def _right_to_left(handle: raw.FPDF_TEXTPAGE, display: Display, word: str, first: int) -> Iterator[_Word]:
    """A word with right-to-left letters, taken apart where its direction changes."""
    rect = raw.FS_RECTF()
    boxes: list[Bounds] = []
    for index in range(first, first + len(word)):
        raw.FPDFText_GetLooseCharBox(handle, index, ctypes.byref(rect))
        boxes.append(display.box(rect))
    for start, end in directions(word):
        text = spelled(in_order(word[start:end], boxes[start:end]))
        lefts, uppers, rights, lowers = zip(*boxes[start:end], strict=True)
        box = (min(lefts), min(uppers), max(rights), max(lowers))
        if text and box[2] >= 0 and box[3] >= 0 and box[0] <= display.width and box[1] <= display.height:
            yield _Word(text, first + start, first + end - 1, box, boxes[start])


def _characters(handle: raw.FPDF_TEXTPAGE) -> str:
    """The characters of a page, each in its place among pdfium's."""
    count = max(raw.FPDFText_CountChars(handle), 0)
    buffer = (ctypes.c_ushort * (2 * count + 2))()
    length = raw.FPDFText_GetText(handle, 0, count, buffer) if count else 0
    text = bytes(buffer)[: 2 * max(length - 1, 0)].decode("utf-16-le", "replace")
    if len(text) != count:
        # Characters without a meaning are left out of the text, so that its places are not theirs.
        codes = (raw.FPDFText_GetUnicode(handle, index) for index in range(count))
        text = "".join(chr(code) if 0 < code <= 0x10FFFF else "\ufffe" for code in codes)
    return _NAMELESS.sub(lambda found: _named(handle, found[0], found.start()), text)


def _named(handle: raw.FPDF_TEXTPAGE, letter: str, place: int) -> str:
    """What stands where pdfium has no letter, or TeX's arrow: a hyphen at a line's end, a ligature, or nothing."""
    code = raw.FPDFText_GetUnicode(handle, place)
    if code in (0x02, 0xFFFE):
        return HYPHEN
    if not _TEX_FONT.match(_font(handle, place)[0]):
        return "\x00" if code == 0 else letter
    return "\ufb00" if code else "\ufb03" if _is_letter(handle, place - 1) else "\x00"


def _is_letter(handle: raw.FPDF_TEXTPAGE, place: int) -> bool:
    return place >= 0 and chr(min(raw.FPDFText_GetUnicode(handle, place), 0x10FFFF)).isalpha()


def _font(handle: raw.FPDF_TEXTPAGE, index: int) -> tuple[bytes, int]:
    """The name and the flags of a character's font."""
    name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    raw.FPDFText_GetFontInfo(handle, index, name, 128, ctypes.byref(flags))
    return name.value, flags.value


def _is_bold(handle: raw.FPDF_TEXTPAGE, index: int) -> bool:
    if raw.FPDFText_GetFontWeight(handle, index) >= 600:
        return True
    name, flags = _font(handle, index)
    return bool(_BOLD.search(name)) or bool(flags & _FORCE_BOLD)

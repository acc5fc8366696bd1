"""What pdfium's characters stand for in text: ligatures, shapes, bullets, hyphens, right-to-left writing."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache

from engines.parsing.pdf_display import Bounds

HYPHEN = "\x02"
"""A hyphen at the end of a line, as pdfium marks it."""
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LEFT_TO_RIGHT = re.compile("[A-Za-z\u00c0-\u024f\u0370-\u052f]")
_MARK_FIRST = re.compile(" ([\u064b-\u065f\u0670]+)([\u0620-\u064a])")
_SHAPES = re.compile("[\ufb00-\ufdff\ufe70-\ufefc]")
_SPELLINGS: dict[int, str | None] = {
    **dict.fromkeys((*range(2), *range(3, 0x20), *range(0x7F, 0xA0)), None),
    **dict.fromkeys((*range(0xD800, 0xE000), 0x200B, 0x2060, 0xFEFF, 0xFFFF)),
    0x02: "-", 0xFFFE: "-",
    # Private codes of the symbol fonts
    0xF0B7: "•", 0xF0A7: "▪", 0xF0D8: "▸", 0xF0FC: "✓", 0xF06E: "■", 0xF071: "□", 0xF02D: "-", 0xF076: "❖",
}  # fmt: skip


def spelled(word: str) -> str:
    """The word in plain letters: ligatures and shapes taken apart; "" when nothing of it is visible."""
    word = word.translate(_SPELLINGS)
    return word if word.isascii() else _SHAPES.sub(lambda found: unicodedata.normalize("NFKC", found[0]), word)


def has_right_to_left(word: str) -> bool:
    """Whether any letter is of a script that is read from right to left."""
    return _RIGHT_TO_LEFT.search(word) is not None


def directions(word: str) -> Iterator[tuple[int, int]]:
    """The parts (start, end) of a word that change between right-to-left and left-to-right letters."""
    start, direction = 0, ""
    for place, letter in enumerate(word):
        new = "R" if _RIGHT_TO_LEFT.match(letter) else "L" if _LEFT_TO_RIGHT.match(letter) else direction
        if direction and new != direction:
            yield start, place
            start = place
        direction = new
    yield start, len(word)


def in_order(letters: str, boxes: Sequence[Bounds]) -> str:
    """Letters of right-to-left writing as they are read.

    pdfium turns such writing from the order it is drawn in to the order it is read in, letter by letter; where a
    PDF names several letters for one glyph (they share a box), that turns them the wrong way round.
    """
    parts: list[str] = []
    start = 0
    for place in range(1, len(letters) + 1):
        if place < len(letters) and boxes[place] == boxes[start]:
            continue
        glyph = letters[start:place]
        is_turned = len(glyph) > 1 and _RIGHT_TO_LEFT.search(glyph) and glyph not in _ligatures()
        parts.append(glyph[::-1] if is_turned else glyph)
        start = place
    return "".join(parts)


def with_marks(text: str) -> str:
    """Arabic vowel signs after the letters they stand on: one that is drawn by itself comes before, with a space."""
    return text if text.isascii() else _MARK_FIRST.sub(r"\2\1", text)


@cache
def _ligatures() -> frozenset[str]:
    """What the ligatures of Unicode's Arabic shapes stand for; pdfium spells those right."""
    codes = (*range(0xFBEA, 0xFDFC), *range(0xFE70, 0xFEFD))
    found = (unicodedata.normalize("NFKC", chr(code)) for code in codes)
    return frozenset(letters for letters in found if len(letters) > 1)

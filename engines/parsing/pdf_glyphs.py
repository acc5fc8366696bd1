"""The characters of a PDF page as runs: text on one baseline without a wide gap, as the reader sees the page.

pdfium gives characters in the order they are drawn, with its own spaces and line breaks, in the page's own
coordinates; here they become display coordinates (rotated, cropped, origin top left, in points).
"""

import ctypes
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
from pypdfium2 import raw

WIDE_GAP = 1.25
"""A gap of this many line heights parts two cells of a table; words stand closer."""
_DEVICE = 1_000_000
_BOLD = re.compile(rb"bold|black|heavy|demi", re.I)
_HYPHENS = {0x02, 0xFFFE}  # how pdfium marks a hyphen at the end of a line
_BULLETS = {0xF0B7: "•", 0xF0A7: "▪", 0xF0D8: "▸", 0xF0FC: "✓", 0xF06E: "■", 0xF071: "□", 0xF02D: "-", 0xF076: "❖"}


@dataclass(slots=True)
class Run:
    """Text on one baseline; x0, y0, x1, y1 in points, origin top left."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    bold: bool = False

    @property
    def height(self) -> float:
        """From the lowest to the highest that the font reaches, at least a hair."""
        return max(self.y1 - self.y0, 0.1)


@dataclass(frozen=True, slots=True)
class _Display:
    """From page to display coordinates, an affine map."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def box(self, rect: raw.FS_RECTF) -> tuple[float, float, float, float]:
        left, right, top, bottom = rect.left, rect.right, rect.top, rect.bottom
        xa, xb = self.a * left + self.b * top + self.c, self.a * right + self.b * bottom + self.c
        ya, yb = self.d * left + self.e * top + self.f, self.d * right + self.e * bottom + self.f
        return min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb)


def runs_of(page: pypdfium2.PdfPage, textpage: pypdfium2.PdfTextPage, width: float, height: float) -> Iterator[Run]:
    """The runs of a page in the order they are drawn; what lies outside the page is left out."""
    display = _display(page, width, height)
    handle, rect = textpage.raw, raw.FS_RECTF()
    reference = ctypes.byref(rect)
    letters: list[str] = []
    run: Run | None = None
    for index in range(raw.FPDFText_CountChars(handle)):
        code = raw.FPDFText_GetUnicode(handle, index)
        if code in (10, 13):
            if run is not None:
                yield _finished(run, letters)
            run = None
            continue
        letter = _letter(code)
        if not letter or letter == " ":
            if letter and run is not None:
                letters.append(letter)
            continue
        if not raw.FPDFText_GetLooseCharBox(handle, index, reference):
            continue
        x0, y0, x1, y1 = display.box(rect)
        if x1 < 0 or y1 < 0 or x0 > width or y0 > height:
            continue
        if run is not None and not _goes_on(run, x0, y0, x1, y1):
            yield _finished(run, letters)
            run = None
        if run is None:
            run, letters = Run("", x0, y0, x1, y1, _is_bold(handle, index)), []
        letters.append(letter)
        _grow(run, x0, y0, x1, y1)
    if run is not None:
        yield _finished(run, letters)


def _display(page: pypdfium2.PdfPage, width: float, height: float) -> _Display:
    def device(x: float, y: float) -> tuple[float, float]:
        across, down = ctypes.c_int(), ctypes.c_int()
        raw.FPDF_PageToDevice(page.raw, 0, 0, _DEVICE, _DEVICE, 0, x, y, ctypes.byref(across), ctypes.byref(down))
        return across.value * width / _DEVICE, down.value * height / _DEVICE

    c, f = device(0, 0)
    xx, xy = device(1000, 0)
    yx, yy = device(0, 1000)
    return _Display((xx - c) / 1000, (yx - c) / 1000, c, (xy - f) / 1000, (yy - f) / 1000, f)


def _letter(code: int) -> str:
    """What a code stands for in text: ligatures and Arabic shapes taken apart, "" for nothing visible."""
    if 32 < code < 127:
        return chr(code)
    if code in _HYPHENS:
        return "-"
    if code in _BULLETS:
        return _BULLETS[code]
    if code < 32 or 127 <= code < 0xA0 or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        return " " if code in (9, 32) else ""
    letter = chr(code)
    if letter.isspace():
        return " "
    if 0xFB00 <= code <= 0xFDFF or 0xFE70 <= code <= 0xFEFC:
        return unicodedata.normalize("NFKC", letter)
    return "" if code in (0x200B, 0x2060, 0xFEFF, 0xFFFF) else letter


def _goes_on(run: Run, x0: float, y0: float, x1: float, y1: float) -> bool:
    """Whether a character continues the run: on its baseline, near its end (either one: text may run leftwards)."""
    overlap = min(run.y1, y1) - max(run.y0, y0)
    if overlap < 0.3 * min(run.height, y1 - y0):
        # Turned text: each letter stands right above the one before, so the run stays as narrow as a letter.
        narrow = max(run.x1, x1) - min(run.x0, x0) < 1.5 * max(x1 - x0, y1 - y0)
        return narrow and _apart(run.x0, run.x1, x0, x1) < 0 and _apart(run.y0, run.y1, y0, y1) < x1 - x0
    return _apart(run.x0, run.x1, x0, x1) < WIDE_GAP * max(run.height, y1 - y0)


def _apart(a0: float, a1: float, b0: float, b1: float) -> float:
    return max(b0 - a1, a0 - b1)


def _grow(run: Run, x0: float, y0: float, x1: float, y1: float) -> None:
    run.x0, run.y0 = min(run.x0, x0), min(run.y0, y0)
    run.x1, run.y1 = max(run.x1, x1), max(run.y1, y1)


def _finished(run: Run, letters: list[str]) -> Run:
    run.text = " ".join("".join(letters).split())
    letters.clear()
    return run


def _is_bold(handle: raw.FPDF_TEXTPAGE, index: int) -> bool:
    if raw.FPDFText_GetFontWeight(handle, index) >= 600:
        return True
    name = ctypes.create_string_buffer(128)
    flags = ctypes.c_int()
    raw.FPDFText_GetFontInfo(handle, index, name, 128, ctypes.byref(flags))
    return bool(_BOLD.search(name.value)) or bool(flags.value & (1 << 18))

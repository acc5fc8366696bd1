"""Pages without usable text, read by OCR where the `ocr` extra is installed and counted where it is not.

Each page that is read so has time of its own (OCR_PAGE_SECONDS), told to whoever watches the clock.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import NoReturn

import pypdfium2
from PIL import Image
from pypdfium2 import raw

from engines.parsing import refusals, walls
from engines.parsing.formats import has_ocr
from engines.parsing.limits import Limits
from engines.parsing.ocr_layout import Seen, page_of
from engines.parsing.pdf_blocks import Layout
from engines.parsing.reporting import Report
from rag.types import Page

_DOTS_PER_INCH = 200
_PIXELS = 12_000_000
_STAMP = 50
"""Fewer letters and digits than these are a stamp or a page number where a picture covers the page."""
_COVERED = 0.5
_LOOK_AHEAD = 10
"""Pages are read before the rest are counted, which takes a second for some hundred pages."""
_BLANK = 24
"""Steps of grey, of 256, between the lightest and the darkest of a page on which nothing stands."""


class _TooSlow(BaseException):
    """The page's own time is over. No Exception: it comes at any moment, and a library that was in the middle of
    something would say that this failed."""


class Scans:
    """The pages of one document that have no usable text: reads them, or counts them."""

    def __init__(self, limits: Limits, report: Report) -> None:
        self._limits, self._report = limits, report
        self._read = self._wordless = self._unread = 0

    def page(self, document: pypdfium2.PdfDocument, page: Page, layout: Layout) -> Page:
        """The page as OCR reads it where its own text is of no use, else as it is.

        Raises ParsingError (`too_large`) where more pages need OCR than MAX_OCR_PAGES.
        """
        letters = _letters(page.text)
        if letters >= _STAMP:
            return page
        shown = document[page.number - 1]
        try:
            if not (_is_covered(shown) if letters else _has_objects(shown)):
                return page
            if not has_ocr():
                self._unread += 1
                return page
            self._check(document, page.number)
            scanned = self.read(_drawn(shown), page.number, page.width, page.height, layout)
        finally:
            shown.close()
        return scanned if _letters(scanned.text) > letters else page

    def read(self, image: Image.Image, number: int, width: float, height: float, layout: Layout) -> Page:
        """A picture (mode RGB) as page `number` of `width` x `height` points; without text where OCR finds none."""
        empty = Page(number, "", width=width, height=height)
        if _is_blank(image):
            return empty
        self._report.scan(number)
        reading = import_module("engines.parsing.ocr_reading")  # no page's own time; half of an import would crash
        try:
            with _time_of_its_own(self._limits.ocr_page_seconds):
                seen: Seen = reading.read(image)
        except _TooSlow:
            self._report.warning(
                f"Page {number} was left out: OCR took longer than {self._limits.ocr_page_seconds:g} s, "
                "which is OCR_PAGE_SECONDS."
            )
            return empty
        page = page_of(seen, number, width, height, layout)
        if page.text:
            self._read += 1
        else:
            self._wordless += 1
        return page

    def tell(self) -> None:
        """Warnings, once all pages were seen."""
        if self._read:
            self._report.warning(f"{_pages(self._read)} {_were(self._read)} read by OCR.")
        if self._wordless:
            self._report.warning(f"OCR found no text on {_pages(self._wordless)}.")
        if self._unread:
            have = "has" if self._unread == 1 else "have"
            self._report.warning(
                f"{_pages(self._unread)} {have} no text, probably scanned, and {_were(self._unread)} left out. "
                f"{refusals.OCR_ADVICE}"
            )

    def _check(self, document: pypdfium2.PdfDocument, number: int) -> None:
        seen = self._read + self._wordless + 1
        ahead = range(number, len(document)) if seen == _LOOK_AHEAD else range(0)
        if seen + len(ahead) <= self._limits.ocr_pages:
            return
        if seen + sum(_is_wordless(document, index) for index in ahead) > self._limits.ocr_pages:
            raise refusals.too_many_scans(self._limits)


def _letters(text: str) -> int:
    """Letters and digits; what a font without a table of its characters gives instead of them does not count."""
    return sum(map(str.isalnum, text))


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count:,} pages"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _has_objects(page: pypdfium2.PdfPage) -> bool:
    return bool(raw.FPDFPage_CountObjects(page.raw) or raw.FPDFPage_GetAnnotCount(page.raw))


def _is_covered(page: pypdfium2.PdfPage) -> bool:
    """Whether pictures cover most of a page."""
    width, height = page.get_size()
    covered = 0.0
    for each in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = each.get_bounds()
        covered += max(0.0, right - left) * max(0.0, top - bottom)
    return covered >= _COVERED * width * height


def _is_wordless(document: pypdfium2.PdfDocument, index: int) -> bool:
    try:
        page = document[index]
    except pypdfium2.PdfiumError:
        return False
    try:
        text = page.get_textpage()
        try:
            return text.count_chars() == 0 and _has_objects(page)
        finally:
            text.close()
    finally:
        page.close()


def _is_blank(image: Image.Image) -> bool:
    tones = [tone for tone, count in enumerate(image.convert("L").histogram()) if count]
    return tones[-1] - tones[0] < _BLANK


def _drawn(page: pypdfium2.PdfPage) -> Image.Image:
    width, height = page.get_size()
    scale = min(_DOTS_PER_INCH / 72, (_PIXELS / max(width * height, 1.0)) ** 0.5)
    return page.render(scale=scale).to_pil().convert("RGB")


@contextmanager
def _time_of_its_own(seconds: float) -> Iterator[None]:
    """Raises _TooSlow within once this much processor time is used, whatever was used before."""

    def end(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise _TooSlow

    before = signal.signal(signal.SIGXCPU, end)
    try:
        with walls.allowance(seconds):
            yield
    finally:
        signal.signal(signal.SIGXCPU, before)

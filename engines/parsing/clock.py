"""How long a child may still take by the clock."""

import time

from engines.parsing import refusals
from engines.parsing.limits import Limits


class Clock:
    """Starts when it is made. A page that is read by OCR has time of its own, which is none of the document's."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._deadline = time.monotonic() + limits.wall_seconds
        self._scans = 0
        self._kept: float | None = None
        """What the document has left, while a page is read by OCR."""

    def check(self) -> None:
        """Raises ParsingError (`too_slow`) once the time is over."""
        if time.monotonic() > self._deadline:
            raise refusals.too_slow(self._limits) if self._kept is None else refusals.ocr_too_slow(self._limits)

    def leave_out(self, seconds: float) -> None:
        """This much of the time just passed was not the child's."""
        self._deadline += seconds

    def scan_begins(self) -> None:
        """A page is about to be read by OCR, for which it has its own time, and what the document has left in case
        the machine is busy. Said more often than there may be such pages, it changes nothing.
        """
        if self._kept is not None or self._scans >= self._limits.ocr_pages:
            return
        self._scans += 1
        now = time.monotonic()
        self._kept = self._deadline - now
        self._deadline += self._limits.ocr_page_seconds

    def scan_ends(self) -> None:
        """The page is there; the document goes on with the time it had."""
        if self._kept is not None:
            self._deadline, self._kept = time.monotonic() + self._kept, None

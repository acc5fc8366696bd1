"""Long scans leave a thread to everybody else: OCR takes seconds a page, and a hundred pages hold it for minutes."""

from functools import cache
from threading import BoundedSemaphore
from types import TracebackType

from django.conf import settings

FEW_PAGES = 5
"""A document of so few pages is read wherever there is a thread."""


class MakeWay(Exception):
    """As many long scans are being read as may be; this one comes later."""


@cache
def _places() -> BoundedSemaphore:
    """One fewer than the process has threads."""
    return BoundedSemaphore(max(1, settings.INGEST_THREADS - 1))


class Place:
    """A try's place among the long scans; taken when it turns out to be one, given back at the end of the block."""

    def __init__(self) -> None:
        self._held = False

    def __enter__(self) -> "Place":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            self._held = False
            _places().release()

    def take(self, pages: int) -> None:
        """A page of a document of so many is about to be read by OCR. Raises MakeWay."""
        if self._held or pages <= FEW_PAGES:
            return
        if not _places().acquire(blocking=False):
            raise MakeWay
        self._held = True

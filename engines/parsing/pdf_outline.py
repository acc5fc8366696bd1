"""A PDF's outline (bookmarks): the headings its writer gave, and where on the pages they stand."""

import ctypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pypdfium2
from pypdfium2 import raw

from engines.parsing.building import one_line
from engines.parsing.pdf_display import Display

_ENTRIES = 20_000
_ENTRIES_ON_PAGE = 200
_DEPTH = 15
_NO_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """A bookmark: how deep it is (0 outermost), its title, and the point of its page it leads to, where one is."""

    depth: int
    title: str
    x: float | None = None
    y: float | None = None

    def names(self, text: str) -> bool:
        """Whether a block's text is this title, or the title after a number."""
        title, found = _plain(self.title), _plain(text[: len(self.title) * 2 + 40])
        return bool(title) and found.endswith(title) and len(found) <= len(title) + 12


@dataclass(frozen=True, slots=True)
class Outline:
    """Bookmarks by the index of the page they lead to, in order."""

    entries: dict[int, list[Entry]] = field(default_factory=dict)
    is_fine: bool = False
    """Whether there are enough of them to do without guesses by the size of the letters."""

    @classmethod
    def of(cls, document: pypdfium2.PdfDocument) -> "Outline":
        """Empty for a document without bookmarks, or with damaged ones."""
        entries: dict[int, list[Entry]] = {}
        count = 0
        try:
            for bookmark in document.get_toc(max_depth=_DEPTH):
                target, title = bookmark.get_dest(), one_line(bookmark.get_title())
                index = target.get_index() if target else None
                count += 1
                on_page = entries.setdefault(index, []) if title and index is not None else None
                if on_page is not None and len(on_page) < _ENTRIES_ON_PAGE:
                    on_page.append(Entry(bookmark.level, title, *_point(target)))
                if count > _ENTRIES:
                    break
        except pypdfium2.PdfiumError:
            return cls()
        placed = sum(map(len, entries.values()))
        return cls(entries, is_fine=placed >= max(3, len(document) / 2))

    def on(self, index: int, display: Display) -> list[Entry]:
        """The bookmarks that lead to a page, their points on display."""
        return [
            entry if entry.y is None else Entry(entry.depth, entry.title, *display.point(entry.x or 0.0, entry.y))
            for entry in self.entries.get(index, ())
        ]


def places(entries: Sequence[Entry], blocks: Sequence[tuple[str, float]]) -> Iterator[tuple[int, Entry, bool]]:
    """Before which block (text, lower edge of its first line) each entry belongs, and whether the block
    is the entry's own heading. An entry that leads nowhere on the page belongs before what comes next, one that
    leads below all blocks after the last.
    """
    start = 0
    for entry in entries:
        named = next((at for at in range(start, len(blocks)) if entry.names(blocks[at][0])), None)
        if named is not None:
            yield named, entry, True
            start = named + 1
            continue
        if entry.y is not None:
            start = next((at for at in range(start, len(blocks)) if blocks[at][1] >= entry.y), len(blocks))
        yield start, entry, False


def _point(target: pypdfium2.PdfDest) -> tuple[float | None, float | None]:
    """Where on its page a bookmark leads; the lower edge of the page is what writers put for "anywhere"."""
    has_x, has_y, has_zoom = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    x, y, zoom = ctypes.c_float(), ctypes.c_float(), ctypes.c_float()
    references = [ctypes.byref(each) for each in (has_x, has_y, has_zoom, x, y, zoom)]
    if not raw.FPDFDest_GetLocationInPage(target.raw, *references) or not has_y.value or y.value <= 0:
        return None, None
    return x.value if has_x.value else None, y.value


def _plain(text: str) -> str:
    return _NO_LETTERS.sub("", text).casefold()

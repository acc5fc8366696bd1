"""What the archives share: limits kept by the bytes that really come out, members' names, and the list of them."""

import re
import stat
from collections.abc import Iterable, Iterator
from typing import IO

from engines.parsing import refusals
from engines.parsing.building import PageBuilder, one_line
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Kind, Page

PIECE = 192 * 1024
LONGEST_NAME = 980
_ENTRIES_PER_FILE = 4
_RATIO_COUNTS_FROM = 10_000_000
_PARTS = re.compile(r"[/\\]")
_ENDING = re.compile(r"\.\w{1,16}\Z")
_LITTER = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
_NAMED = 3


class Unpacking:
    """Counts what comes out of an archive and ends it past a limit; what its headers say counts for nothing."""

    def __init__(self, packed: int, limits: Limits) -> None:
        """`packed` is the archive's own size in bytes."""
        self._packed, self._limits = max(packed, 1), limits
        self._entries = self._files = self._size = 0

    def entry(self) -> None:
        """An entry of any kind. Folders and links cost time too, so they are bounded with some room."""
        self._entries += 1
        if self._entries > _ENTRIES_PER_FILE * self._limits.archive_members:
            raise refusals.too_many_members(self._limits)

    def file(self) -> None:
        """An entry that is a file and will be handed on."""
        self._files += 1
        if self._files > self._limits.archive_members:
            raise refusals.too_many_members(self._limits)

    def came(self, size: int) -> None:
        """Bytes that came out."""
        self._size += size
        if self._size > self._limits.archive_mb * 1_000_000:
            raise refusals.archive_too_large(self._limits)
        if self._size > max(_RATIO_COUNTS_FROM, self._limits.archive_ratio * self._packed):
            raise refusals.archive_too_dense(self._limits)

    def pieces(self, file: IO[bytes], size: int = PIECE) -> Iterator[bytes]:
        """A member's bytes, counted."""
        while piece := file.read(size):
            self.came(len(piece))
            yield piece


class Names:
    """Names of files within a document, each given once: they are only ever text, never a path that is opened."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def distinct(self, name: str) -> str:
        """The name fit to be stored; " (2)" stands before the ending of one that was there before."""
        name = _short(one_line(name)) or "document"
        free = name
        while free in self._given:
            self._given[name] += 1
            ending = _ending(name)
            free = f"{name[: len(name) - len(ending)]} ({self._given[name]}){ending}"
        self._given[free] = 1
        return free


class Contents:
    """The members of an archive as they are handed on, and the page that lists them."""

    def __init__(self, report: Report) -> None:
        self._report, self._names = report, Names()
        self._builder = PageBuilder()
        self._taken = 0
        self._left_out: dict[str, list[str]] = {}

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """Hands a member on; what its pieces raise passes through, and it is not listed then."""
        name = self._names.distinct(name)
        self._report.file(name, pieces)
        self._taken += 1
        self._builder.add(f"- {name}", Kind.LIST_ITEM)

    def leave_out(self, name: str, why: str) -> None:
        """A member that cannot be taken; `why` ends the sentence "... in the archive ...": "are damaged"."""
        self._left_out.setdefault(why, []).append(_short(one_line(name)))

    def left_out(self, why: str) -> int:
        """How many were left out for this reason."""
        return len(self._left_out.get(why, ()))

    def page(self) -> Page:
        """The list of what was taken; what was not is told as warnings."""
        for why, names in self._left_out.items():
            named = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
            count = len(names)
            what = "1 entry" if count == 1 else f"{count:,} entries"
            self._report.warning(f"{what} of the archive left out, {why}: {named}."[:500])
        return self._builder.page()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was taken."""
        return self._taken == 0


def is_litter(name: str) -> bool:
    """Whether a member is what systems leave behind, or hidden: nobody packed it on purpose."""
    parts = [part for part in _PARTS.split(name) if part]
    return any(part in _LITTER or (part.startswith(".") and part.strip(".")) for part in parts)


def is_special(mode: int) -> bool:
    """Whether a POSIX mode says that an entry is neither a file nor a folder (0: it says nothing)."""
    return stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR)


def _ending(name: str) -> str:
    found = _ENDING.search(name)
    return found.group() if found is not None and found.start() > 0 else ""


def _short(name: str) -> str:
    """At most LONGEST_NAME characters with the ending kept: it may tell what the file is."""
    if len(name) <= LONGEST_NAME:
        return name
    ending = _ending(name)
    return name[: LONGEST_NAME - len(ending)] + ending

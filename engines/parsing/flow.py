"""The blocks of a document that knows no pages until it is laid out, put on the pages its program noted.

engines/parsing/docx.py says when those are pages a reader can trust.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from engines.parsing import refusals
from engines.parsing.building import PageBuilder
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Kind, Page

_GOOD_PLACE, _ANY_PLACE = 20_000, 60_000
"""A part of a document without pages ends at a heading or an author's page break once it has this many characters,
and before any block once it has the second."""
_LONGEST_CODE = 20_000


@dataclass(slots=True)
class _Entry:
    """A block, and the page it begins on."""

    page: int
    text: str
    kind: Kind
    heading: tuple[str, ...]
    header: str
    after_break: bool

    def goes_on(self, kind: Kind, page: int) -> bool:
        """Whether the next line may join it; without a bound, adding line by line would take quadratic time."""
        return self.kind is kind and self.page == page and len(self.text) < _LONGEST_CODE


@dataclass(slots=True)
class Flow:
    """Collects blocks in reading order, and the page turns between them."""

    limits: Limits
    turns: int = 0
    _entries: list[_Entry] = field(default_factory=list)
    _length: int = 0
    _broken: bool = False

    def add(self, text: str, kind: Kind = Kind.TEXT, *, heading: tuple[str, ...] = (), header: str = "") -> None:
        """A block; lines of code that follow one another become one. Raises ParsingError("too_large")."""
        last = self._entries[-1] if self._entries else None
        self._length += len(text)
        if kind is Kind.CODE and last is not None and last.goes_on(kind, self.turns):
            last.text += f"\n{text}"
        elif text.strip():
            self._entries.append(_Entry(self.turns, text, kind, heading, header, self._broken))
            self._broken = False
        if self._length > self.limits.characters:
            raise refusals.too_much_text(self.limits)
        if len(self._entries) > self.limits.blocks:
            raise refusals.too_many_blocks(self.limits)

    def turn(self, pages: int) -> None:
        """What follows stands this many pages on, as its program last laid it out."""
        self.turns += pages

    def turn_if_begun(self, pages: int) -> None:
        """The same, for page breaks that may stand before the first block, where they turn nothing."""
        if self._entries:
            self.turns += pages

    def page_break(self) -> None:
        """What follows begins a page, as its author wanted."""
        self._broken = True

    def pages(self, stated: int, report: Report) -> Iterator[Page]:
        """The pages, or the parts where page turns and the count that the file states (0: none) contradict."""
        if self.turns and abs(self.turns + 1 - stated) <= stated // 20:
            if self.turns + 1 > self.limits.pages:
                raise refusals.too_many_pages(self.turns + 1, self.limits)
            parts: list[list[_Entry]] = [[] for _ in range(self.turns + 1)]
            for entry in self._entries:
                parts[entry.page].append(entry)
        else:
            parts = self._parts()
            if len(parts) > 1:
                report.warning(
                    f"The document does not say where its pages begin, so its page numbers count {len(parts)} parts."
                )
        report.total(len(parts))
        for number, part in enumerate(parts, start=1):
            builder = PageBuilder(number)
            for entry in part:
                builder.add(entry.text, entry.kind, heading=entry.heading, header=entry.header)
            yield builder.page()

    def _parts(self) -> list[list[_Entry]]:
        parts: list[list[_Entry]] = [[]]
        size = 0
        if self._length <= _ANY_PLACE:
            return [self._entries]
        for entry in self._entries:
            good = entry.after_break or entry.kind is Kind.HEADING
            if size and size + len(entry.text) > (_GOOD_PLACE if good else _ANY_PLACE):
                parts.append([])
                size = 0
            parts[-1].append(entry)
            size += len(entry.text)
        return parts

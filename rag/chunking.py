"""Pages to passages: packed on block borders up to what the encoder reads.

A passage is a span of its page, so a quote from it is verbatim by construction. Title, heading path and
table header stand in front for the encoder (`Chunk.for_embedding`), so their tokens count too. Tokens are
counted in batches over many pages, each text a few times at most: time is linear in the text.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rag.types import Block, Chunk, Kind, Line, Page, without_rules

CountTokens = Callable[[Sequence[str]], list[int]]

TARGET_TOKENS = 190
"""What a passage aims at: long enough to answer, short enough to be about one thing."""
_SPECIAL = 2
_HEADING_TOKENS, _HEADER_TOKENS = 32, 64
_GLUE_TOKENS = 24
"""Room left beside the longest piece, so that a heading fits in front of it."""
_TINY_TOKENS = 24
"""A running head, a table's note: too little to be found for itself, so it joins its neighbour."""
_BATCH_CHARACTERS = 400_000
_COUNTED_AT_ONCE = 2000
"""Texts in one call: a tokenizer holds the interpreter for the whole of it, and the heart must beat."""
LONGEST_CHARACTERS = 4000
"""A passage is never longer. To a tokenizer a word of a million letters is one token."""
_CERTAINLY_LONG = 4000
_SENTENCE_END = re.compile(r"""[.!?…]["'”’»)\]]*\s+|[。！？]["'”’»」』）]*\s*|\n\s*""")
_ENDS = {Kind.CODE: re.compile(r"\n\s*"), Kind.TABLE_ROW: re.compile(r"\s\|\s")}
_CUTS = ("\n", "; ", ", ", " ")


@dataclass(slots=True)
class _Atom:
    """A span that goes into one passage: a block, or a sentence, row, line or cell of a long one."""

    page: Page
    start: int
    end: int
    block: Block
    tokens: int = 0
    whole: bool = True
    """Whether it is its block, not yet cut at sentences."""

    @property
    def text(self) -> str:
        return self.page.text[self.start : self.end]


def chunk_page(page: Page, *, title: str, count_tokens: CountTokens, max_tokens: int) -> list[Chunk]:
    """The passages of one page, in order; see `chunk_pages`."""
    return list(chunk_pages([page], title=title, count_tokens=count_tokens, max_tokens=max_tokens))


def chunk_pages(pages: Iterable[Page], *, title: str, count_tokens: CountTokens, max_tokens: int) -> Iterator[Chunk]:
    """The passages of all pages, in order.

    `title` is what will be given to `Chunk.for_embedding`; `count_tokens` leaves special tokens out;
    `max_tokens` is the longest text the encoder reads, special tokens included. Every character of the pages
    that is not white space is in exactly one passage. A passage with title, headings and header never passes
    `max_tokens`, unless the title takes more than three quarters of it.
    """
    packer = _Packer(title, count_tokens, max_tokens)
    batch: list[Page] = []
    size = 0
    for page in pages:
        batch.append(page)
        size += len(page.text)
        if size >= _BATCH_CHARACTERS:
            yield from packer.pack(batch)
            batch, size = [], 0
    yield from packer.pack(batch)


class _Packer:
    """Packs batches of pages; remembers how long headings and headers are."""

    def __init__(self, title: str, count_tokens: CountTokens, max_tokens: int) -> None:
        self._title = title
        self._count_tokens = count_tokens
        front = _SPECIAL + (count_tokens([title])[0] if title else 0)
        self._room = max(max_tokens // 4, max_tokens - front, 1)
        self._limit = self._room + front - _SPECIAL
        self._contexts: dict[str, tuple[str, int]] = {"": ("", 0)}

    def pack(self, pages: Sequence[Page]) -> Iterator[Chunk]:
        """The passages of these pages."""
        per_page = [_atoms(page) for page in pages]
        self._measure_contexts(atom.block for atoms in per_page for atom in atoms)
        measured = self._measure([atom for atoms in per_page for atom in atoms])
        for spans in _by_page(self._fitting(self._spans(measured))):
            starts = [line.start for line in spans[0][0].page.lines]
            for span in spans:
                chunk = self._chunk(span)
                yield replace(chunk, lines=_lines_within(span[0].page.lines, starts, chunk.start, chunk.end))

    # ------------------------------------------------------------------------------------- measuring

    def _count(self, texts: Sequence[str]) -> list[int]:
        slices = (texts[at : at + _COUNTED_AT_ONCE] for at in range(0, len(texts), _COUNTED_AT_ONCE))
        return [count for each in slices for count in self._count_tokens(each)]

    def _measure_contexts(self, blocks: Iterable[Block]) -> None:
        """Cuts headings and headers to their share of the room, and learns their tokens, once each."""
        share = {}
        for block in blocks:
            share[_path(block)] = min(_HEADING_TOKENS, self._room // 4)
            share[block.header] = min(_HEADER_TOKENS, self._room // 4)
        waiting = {text: text for text in share if text not in self._contexts}
        while waiting:
            counts = self._count(list(waiting.values()))
            too_long = {}
            for (text, cut), count in zip(waiting.items(), counts, strict=True):
                self._contexts[text] = (cut, count)
                if count > share[text] and cut:
                    too_long[text] = _shorter(cut, share[text] / count, keep_end=" > " in text)
            waiting = too_long

    def _measure(self, atoms: list[_Atom]) -> list[_Atom]:
        """Counts each atom's tokens; what is too long is cut and counted again."""
        while unknown := [atom for atom in atoms if not atom.tokens]:
            for atom, count in zip(unknown, self._count([without_rules(atom.text) for atom in unknown]), strict=True):
                atom.tokens = max(1, count)
            atoms = [part for atom in atoms for part in self._parts(atom)]
        return atoms

    def _parts(self, atom: _Atom) -> list[_Atom]:
        budget = self._budget(atom.block)
        longest = max(1, budget - min(_GLUE_TOKENS, budget // 4))
        length = atom.end - atom.start
        if (atom.tokens <= longest and length <= LONGEST_CHARACTERS) or length < 2:
            return [atom]
        parts = _at_ends(atom) if atom.whole else []
        return (
            parts if len(parts) > 1 else _cut(atom, max(-(-atom.tokens // longest), -(-length // LONGEST_CHARACTERS)))
        )

    def _budget(self, block: Block) -> int:
        """How many tokens of text a passage that starts with this block may have."""
        context = self._contexts[_path(block)][1] + self._contexts[block.header][1]
        return max(1, min(TARGET_TOKENS, self._room - context))

    # --------------------------------------------------------------------------------------- packing

    def _spans(self, atoms: list[_Atom]) -> list[list[_Atom]]:
        """Groups of neighbouring atoms that make a passage."""
        spans: list[list[_Atom]] = []
        tokens = budget = 0
        for atom in atoms:
            budget = min(budget, self._budget(atom.block))
            if spans and spans[-1][0].page is atom.page:
                short = atom.end - spans[-1][0].start <= LONGEST_CHARACTERS
                if short and tokens + atom.tokens <= budget and not _parted(spans[-1], tokens, budget, atom):
                    spans[-1].append(atom)
                    tokens += atom.tokens
                    continue
            elif len(spans) > 1:
                self._glue_last(spans)
            spans.append([atom])
            tokens, budget = atom.tokens, self._budget(atom.block)
        if len(spans) > 1:
            self._glue_last(spans)
        return spans

    def _glue_last(self, spans: list[list[_Atom]]) -> None:
        """A heading or a few words at the foot of a page join the passage above them, if there is room."""
        above, last = spans[-2:]
        size = sum(atom.tokens for atom in last)
        headings = [atom.block.kind is Kind.HEADING for atom in last]
        is_little = all(headings) or (size < _TINY_TOKENS and not headings[0])
        fits = size + sum(atom.tokens for atom in above) <= self._budget(above[0].block)
        fits = fits and last[-1].end - above[0].start <= LONGEST_CHARACTERS
        if is_little and fits and above[0].page is last[0].page:
            above += spans.pop()

    def _fitting(self, spans: list[list[_Atom]]) -> list[list[_Atom]]:
        """The tokens of a whole are not quite the sum of its parts', so the whole is counted too, and halved
        where it passes the limit.
        """
        if not spans:
            return []
        counts = self._count([self._chunk(span).for_embedding(self._title) for span in spans])
        fitting: list[list[_Atom]] = []
        for span, count in zip(spans, counts, strict=True):
            halves = _halves(span) if count > self._limit else []
            fitting += self._fitting(halves) if len(halves) > 1 else [span]
        return fitting

    def _chunk(self, span: list[_Atom]) -> Chunk:
        page, start, end = span[0].page, span[0].start, span[-1].end
        text = page.text[start:end]
        header = next((self._contexts[atom.block.header][0] for atom in span if atom.block.header), "")
        main = max(span, key=lambda atom: atom.tokens if atom.block.kind is not Kind.HEADING else 0).block
        heading = self._contexts[_path(span[0].block)][0]
        return Chunk(page.number, start, end, text, heading, "" if header in text else header, main.kind)


def _parted(span: list[_Atom], tokens: int, budget: int, atom: _Atom) -> bool:
    """Whether a new passage starts at this atom, though it would fit."""
    last, block = span[-1].block, atom.block
    if block is last or all(each.block.kind is Kind.HEADING for each in span):
        return False  # a heading is glued to what follows
    if tokens < _TINY_TOKENS // 2 and span[0].start == 0:
        return False  # a running head
    if block.kind is Kind.HEADING or (block.heading != last.heading and last.kind is not Kind.HEADING):
        return True
    if last.kind is Kind.TABLE_ROW:
        if block.kind is Kind.TABLE_ROW:  # a header's own row has no header; the rows below it have
            return last.header not in ("", block.header)
        return tokens > budget // 2 and atom.tokens >= _TINY_TOKENS
    return False


def _atoms(page: Page) -> list[_Atom]:
    """The page's blocks, and whatever text lies between them; the longest cut at sentences at once."""
    atoms: list[_Atom] = []
    at = 0
    for block in (*sorted(page.blocks, key=lambda block: block.start), Block(len(page.text), len(page.text))):
        for start, end, owner in ((at, block.start, Block(at, block.start)), (max(at, block.start), block.end, block)):
            atom = _stripped(page, start, end, owner)
            if atom is not None:
                atoms += _at_ends(atom) if end - start > _CERTAINLY_LONG else [atom]
        at = max(at, block.end)
    return atoms


def _stripped(page: Page, start: int, end: int, block: Block, *, whole: bool = True) -> _Atom | None:
    """An atom without white space at its ends, or None where there is nothing else."""
    text = page.text[start:end]
    bare = text.strip()
    if not bare:
        return None
    start += len(text) - len(text.lstrip())
    return _Atom(page, start, start + len(bare), block, whole=whole)


def _split(atom: _Atom, places: Iterable[int]) -> list[_Atom]:
    """The atom cut at these places of its page, in order."""
    borders = [atom.start, *places, atom.end]
    parts = (_stripped(atom.page, a, b, atom.block, whole=False) for a, b in pairwise(borders) if a < b)
    return [part for part in parts if part is not None]


def _at_ends(atom: _Atom) -> list[_Atom]:
    """Cut where sentences end; code at its lines, a table row at its cells."""
    ends = _ENDS.get(atom.block.kind, _SENTENCE_END)
    return _split(atom, [match.end() for match in ends.finditer(atom.page.text, atom.start, atom.end)])


def _cut(atom: _Atom, count: int) -> list[_Atom]:
    """Cut into about `count` parts, at the best border near each place; without a border, right there."""
    size = max(1, (atom.end - atom.start) // max(2, count))
    text = atom.page.text
    places = []
    at = atom.start
    while atom.end - at > size:
        found = ((text.rfind(cut, at + size // 2, at + size), cut) for cut in _CUTS)
        at = next((place + len(cut) for place, cut in found if place >= 0), at + size)
        places.append(at)
    return _split(atom, places)


def _halves(span: list[_Atom]) -> list[list[_Atom]]:
    """A passage in two: between its atoms, or within its only one."""
    if len(span) > 1:
        return [span[: len(span) // 2], span[len(span) // 2 :]]
    if span[0].end - span[0].start < 2:
        return [span]
    halves = _cut(span[0], 2)
    for half in halves:
        half.tokens = -(-span[0].tokens // len(halves))
    return [[half] for half in halves]


def _by_page(spans: list[list[_Atom]]) -> Iterator[list[list[_Atom]]]:
    group: list[list[_Atom]] = []
    for span in spans:
        if group and group[-1][0].page is not span[0].page:
            yield group
            group = []
        group.append(span)
    if group:
        yield group


def _lines_within(lines: tuple[Line, ...], starts: list[int], start: int, end: int) -> tuple[Line, ...]:
    """The lines of a span; one that the span cuts is cut with it, its box in proportion."""
    kept = []
    for index in range(max(0, bisect_right(starts, start) - 1), len(lines)):
        line = lines[index]
        if line.start >= end:
            break
        first, last = max(line.start, start), min(line.end, end)
        if first < last:
            x0, y0, x1, y1 = line.box
            scale = (x1 - x0) / (line.end - line.start)
            box = (x0 + scale * (first - line.start), y0, x0 + scale * (last - line.start), y1)
            kept.append(Line(first, last, box))
    return tuple(kept)


def _path(block: Block) -> str:
    return " > ".join(block.heading)


def _shorter(text: str, share: float, *, keep_end: bool) -> str:
    """About this share of a text: a path keeps its inner headings, a header its first columns."""
    size = min(len(text) - 1, int(len(text) * share))
    if keep_end:
        tail = text[len(text) - size :] if size else ""
        return tail.split(" > ", 1)[1] if " > " in tail else tail
    return text[:size]

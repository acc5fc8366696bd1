"""Where sentences end: in answers, in wrapped page text and in tables."""

import re
from collections.abc import Iterator
from itertools import pairwise

Span = tuple[int, int]

CLOSERS = "\"'”’»)]』」"
CJK_STOPS = "。！？｡"
# Marks stand after a full stop or before it; either way they belong to the sentence they follow.
MARKS = r"(?:[ \t]*\[\d{1,3}\])*"
_END = re.compile(rf"[.!?…]+[{re.escape(CLOSERS)}]*{MARKS}(?=\s|$)|[{CJK_STOPS}]+[{re.escape(CLOSERS)}]*{MARKS}|\n+")
_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof sr jr st rev hon gen col lt capt sgt gov sen rep pres
    vs etc eg ie cf al approx est dept
    jan feb mar apr jun jul aug sep sept oct nov dec
    inc corp ltd co llc bros mt ft u.s u.k e.g i.e a.m p.m ph.d d.c a.d b.c
    bzw z.b d.h usw bd ca vgl
    """.split()  # noqa: SIM905 - a list of words reads better than 300 quotes
)
_BEFORE_A_NUMBER = frozenset(
    {"no", "nos", "nr", "vol", "pp", "p", "fig", "figs", "eq", "sec", "ch", "art", "para", "abs"}
)
_LAST_WORD = re.compile(r"([^\W_]+(?:\.[^\W_]+)*)\.$")
_BULLET = re.compile(r"\s*(?:[-*•–‣◦]|\(?\d{1,2}[.)]|[a-z][.)])\s")
CELL = " | "
"""What parsers write between the cells of a table row."""
LONGEST_SENTENCE = 700
"""Characters; what runs on without a full stop is cut at a line end."""


def ends_here(before: str, after: str) -> bool:
    """Whether the full stop that ends `before` ends a sentence, given the text that follows it.

    `before` has no marks and no closing quotes; only its last word and what comes next are looked at.
    """
    following = after.lstrip()
    word = _LAST_WORD.search(before)
    if word is None:
        return True
    last = word.group(1)
    if last.lower() in _BEFORE_A_NUMBER and following[:1].isdigit():
        return False
    if following[:1].islower() and last.lower() in _ABBREVIATIONS | {"i.e", "e.g"}:
        return False
    if last.lower() in _ABBREVIATIONS:
        # "Apple Inc. It was" ends; "Dr. Smith" and "No. 5" do not. Titles and references never end one.
        return last.lower() in {"inc", "corp", "ltd", "co", "llc", "etc", "u.s", "u.k", "a.m", "p.m", "al"} and (
            following[:1].isupper()
        )
    if len(last) == 1 and last.isalpha() and last.isupper():
        return not following[:1].isupper()  # an initial: "J. Smith"; "vitamin C. the" is rare
    # The number of a list item is no sentence: "1. First".
    return not (last.isdigit() and before.rstrip(".").rsplit("\n", 1)[-1].strip() == last)


def sentence_spans(text: str) -> Iterator[Span]:
    """Spans of the sentences of an answer, trimmed, in order; a line end ends one."""
    start = 0
    for end in _END.finditer(text):
        stop = re.match(rf"[.!?…]+|[{CJK_STOPS}]+|\n+", end.group())
        head = end.start() + (stop.end() if stop else 0)
        is_line_end = end.group().startswith("\n")
        if not is_line_end and not ends_here(text[start:head], text[end.end() :][:40]):
            continue
        yield from _trimmed(text, start, end.end())
        start = end.end()
    yield from _trimmed(text, start, len(text))


def passage_spans(text: str, *, rows: bool = False) -> Iterator[Span]:
    """Spans of the sentences of a passage, trimmed, in order.

    A page's lines are wrapped, so a line end alone ends nothing; an empty line, a bullet, a table row, and a
    short line without a full stop (a heading, a cell) do. With `rows` every line is one.
    """
    breaks = [0, *_line_breaks(text, rows=rows), len(text)]
    for left, right in pairwise(breaks):
        piece = text[left:right]
        if rows:
            yield from _trimmed(text, left, right)
            continue
        joined = piece.replace("\n", " ")  # same length, so the offsets hold
        for start, end in sentence_spans(joined):
            yield from _cut(text, left + start, left + end)


def _line_breaks(text: str, *, rows: bool) -> Iterator[int]:
    lines = list(re.finditer(r"[^\n]*\n?", text))
    widest = max((len(line.group()) for line in lines), default=0)
    for line, following in pairwise(lines):
        here, there = line.group().strip(), following.group().strip()
        # A short line without punctuation before a capital is a heading or a cell, not a wrapped line.
        heading = here[-1:] not in ".,;:!?-–" and len(here) < 0.6 * widest and there[:1].isupper()
        in_table = CELL in here or CELL in there
        if rows or heading or in_table or not here or not there or _BULLET.match(following.group()):
            yield line.end()


def _cut(text: str, start: int, end: int) -> Iterator[Span]:
    while end - start > LONGEST_SENTENCE:
        at = max(text.rfind("\n", start, start + LONGEST_SENTENCE), text.rfind(" ", start, start + LONGEST_SENTENCE))
        at = at if at > start else start + LONGEST_SENTENCE
        yield from _trimmed(text, start, at)
        start = at
    yield from _trimmed(text, start, end)


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        yield start, end

"""Source code and settings files: blocks of whole lines, cut where definitions begin."""

import re
from collections.abc import Iterator
from pathlib import Path

from engines.parsing.building import clean
from engines.parsing.decoding import read_text
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from engines.parsing.text import Parts, in_pieces
from rag.types import Kind, Page

_LONG = 2000
"""Characters of a definition, past which it is cut at its own empty lines."""
_DEFINITION = re.compile(
    r"(?:export|default|public|private|protected|internal|static|final|abstract|async|sealed|open|data|pub(?:\([^)]*\))?"
    r"|unsafe|inline|partial|local|create(?: or replace)?|\s)*"
    r"\b(?:class|def|func|function|fn|interface|struct|enum|trait|impl|module|namespace|object|record|protocol"
    r"|extension|sub|proc|table|view|procedure|trigger|type)\s+(?:\([^)]{0,100}\)\s*)?([\w.$]+(?:::[\w.$]+)*)",
    re.I,
)
_CLOSING = re.compile(r"[})\]]|(?:end|else|elif|except|finally|catch)\b", re.I)


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page, or several of a long file. What is cut off from the start of a definition has its name above it."""
    parts = Parts()
    for definition in _definitions(clean(read_text(path, limits)).split("\n")):
        name: tuple[str, ...] = ()
        for piece in _pieces(definition):
            for whole in in_pieces(piece):
                parts.add(whole, Kind.CODE, heading=name)
                name = name or _name(whole)
    yield from parts.pages(report)


def _definitions(lines: list[str]) -> Iterator[str]:
    """The text between the empty lines that a line at the margin follows, unless that line closes something."""
    start = 0
    for at in range(1, len(lines)):
        line = lines[at]
        if line[:1].strip() and not lines[at - 1].strip() and not _CLOSING.match(line):
            yield "\n".join(lines[start:at])
            start = at
    yield "\n".join(lines[start:])


def _pieces(definition: str) -> Iterator[str]:
    """A long definition in pieces that end at an empty line."""
    if len(definition) <= _LONG:
        yield definition
        return
    piece: list[str] = []
    size = 0
    for line in definition.split("\n"):
        if size > _LONG // 2 and not line.strip():
            yield "\n".join(piece)
            piece, size = [], 0
        piece.append(line)
        size += len(line) + 1
    yield "\n".join(piece)


def _name(piece: str) -> tuple[str, ...]:
    """What the first line at the margin that defines something calls it."""
    for line in piece.split("\n"):
        if line[:1].strip() and (match := _DEFINITION.match(line[:500])):
            return (match.group(1)[:200],)
    return ()

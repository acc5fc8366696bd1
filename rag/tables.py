"""Tables inside a passage's text: which line names the columns, and how a row reads as a sentence."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.sentences import CELL
from rag.types import Passage

_LINE = re.compile(r"[^\n]+")
_RULE = re.compile(r"[\s|:=+-]+")
_FIGURE = re.compile(r"[^\w]*\d[\d\s.,:/%-]*[^\w]*")


@dataclass(frozen=True, slots=True)
class Table:
    """Consecutive table lines, `text[start:end]`, whose first line, up to `rows`, names the columns."""

    start: int
    rows: int
    end: int
    names: tuple[str, ...]


def cells(line: str) -> list[str]:
    """The cells of a row, trimmed; a pipe at the line's outer ends opens no cell of its own."""
    row = [cell.strip() for cell in line.split("|")]
    return row[1:] if len(row) > 1 and not row[0] and line.lstrip().startswith("|") else row


def tables(text: str) -> Iterator[Table]:
    """The runs of table lines that begin with names. A first line with a bare figure in it is a row: the
    table goes on from the passage before, or never had names."""
    run: list[re.Match[str]] = []
    for line in [*_LINE.finditer(text), None]:
        is_row = line is not None and CELL in line.group()
        if line is not None and is_row and (not run or run[-1].end() + 1 == line.start()):
            run.append(line)
            continue
        if len(run) > 1 and (names := _names(run[0].group())):
            yield Table(run[0].start(), run[1].start(), run[-1].end(), names)
        run = [line] if line is not None and is_row else []


def _names(line: str) -> tuple[str, ...]:
    row = cells(line)
    named = [cell for cell in row if cell]
    return tuple(row) if len(named) > 1 and not any(_FIGURE.fullmatch(cell) for cell in named) else ()


def names_of(passage: Passage, start: int, found: Sequence[Table]) -> tuple[str, ...]:
    """The columns' names for the row at `start` of the passage's text; `found` are its tables."""
    if passage.header:
        return tuple(cells(passage.header))
    return next((table.names for table in found if table.rows <= start < table.end), ())


def is_frame(passage: Passage, start: int, end: int, found: Sequence[Table]) -> bool:
    """Whether the line says nothing by itself: it names the columns, or is the rule below the names."""
    line = passage.text[start:end]
    return (
        any(table.start <= start < table.rows for table in found)
        or (bool(passage.header) and line.split() == passage.header.split())
        or (CELL in line and _RULE.fullmatch(line) is not None)
    )


def row_read(line: str, names: Sequence[str]) -> str:
    """A row with its cells named, empty ones left out; "" for a line that does not fit the names."""
    row = cells(line)
    row += [""] * (len(names) - len(row))
    if len(row) > len(names) and not any(row[len(names) :]):
        row = row[: len(names)]
    if len(names) < 2 or len(row) != len(names):
        return ""
    said = "; ".join(f"{name}: {cell}" if name else cell for name, cell in zip(names, row, strict=True) if cell)
    return said if said[-1:] in (".", "!", "?") else f"{said}."

"""Runs to visual lines, in reading order.

The order in which a page is drawn is the order its writer thought in: it keeps the columns of an article apart
and the rows of a table together, which no rule about gaps does as well. Only where it jumps about is a page
read from top to bottom instead. Writing of each turn is read by itself, the most frequent first.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from engines.parsing.pdf_display import Turn
from engines.parsing.pdf_glyphs import WIDE_GAP, Run
from engines.parsing.pdf_letters import has_right_to_left

_NEAR = 0.12
_MARKER = re.compile(r"(?:[•●▪■□◦○▸►✓❖☐☑☒·–—*-]|\(?(?:\d{1,2}|[a-zA-Z]|[ivx]{1,5})[.)])")
_BULLETS = "•●▪■□◦○▸►✓❖☐☑☒"
_SIGNS = re.compile(r"[$€£¥(]{1,2}")
_SIGN_LAST = re.compile(r"(?<=[\d)%—–-]) ([$€£¥]{1,2})$")
_AFTER = re.compile(r"[)%]{1,2}")


@dataclass(slots=True)
class VisualLine:
    """What stands on one height of a column; `cells` is its text where wide gaps part it."""

    runs: list[Run]
    cells: list[str] = field(default_factory=list)
    lefts: list[float] = field(default_factory=list)
    """Where each cell begins."""
    text: str = ""
    stands_alone: bool = False
    """Whether it is a block of its own, whatever stands around it."""
    is_item: bool = False
    x0: float = 0.0
    y0: float = 0.0
    x1: float = 0.0
    y1: float = 0.0
    bold: bool = False
    turn: Turn = Turn.UPRIGHT
    size: float = 0.1
    """Height of the letters of its longest run."""
    base: float = 0.0
    """Lower edge of these letters."""

    @property
    def height(self) -> float:
        return max(self.y1 - self.y0, 0.1)

    def finish(self) -> "VisualLine":
        """Works out text, cells and box from the runs."""
        runs = self.runs
        self.x0, self.x1 = min(run.x0 for run in runs), max(run.x1 for run in runs)
        self.y0, self.y1 = min(run.y0 for run in runs), max(run.y1 for run in runs)
        self.bold = all(run.bold for run in runs)
        longest = max(runs, key=lambda run: len(run.text))
        self.turn, self.size, self.base = longest.turn, longest.size, longest.base
        self.cells, self.lefts = _cells(runs)
        marked = _MARKER.fullmatch(self.cells[0].split(" ", 1)[0]) or self.cells[0][0] in _BULLETS
        self.is_item = bool(marked) and len(" ".join(self.cells)) > 3
        if self.is_item and len(self.cells) > 1 and _MARKER.fullmatch(self.cells[0]):
            self.cells[:2] = [f"{self.cells[0]} {self.cells[1]}"]
            del self.lefts[1]
        self.text = " ".join(self.cells)
        return self


def lines_of(runs: Iterable[Run]) -> list[VisualLine]:
    """Visual lines in reading order; empty runs are left out."""
    by_turn: dict[Turn, list[Run]] = {}
    for run in runs:
        if run.text:
            by_turn.setdefault(run.turn, []).append(run)
    ordered: list[VisualLine] = []
    for group in sorted(by_turn.values(), key=lambda group: -sum(len(run.text) for run in group)):
        lines = _joined(group)
        ordered += _top_to_bottom(lines) if _jumps_about(lines) else lines
    return [line.finish() for line in ordered]


def _joined(runs: list[Run]) -> list[VisualLine]:
    """Runs that follow each other on one height become a line."""
    lines: list[VisualLine] = []
    for run in runs:
        if lines and _continues(lines[-1].runs, run):
            lines[-1].runs.append(run)
        else:
            lines.append(VisualLine([run]))
    return lines


def _continues(runs: list[Run], run: Run) -> bool:
    """Whether a run stands on the height of the runs before it, or is a raised or lowered sign right beside them."""
    last = runs[-1]
    if not _same_height(last, run):
        small, large = sorted((last.size, run.size))
        overlap = min(last.y1, run.y1) - max(last.y0, run.y0)
        beside = -0.3 * large < run.x0 - last.x1 < 0.3 * large
        if small > 0.8 * large or overlap < 0.25 * small or not beside:
            return False
    return not _overprints(runs, run)


def _same_height(one: Run, other: Run) -> bool:
    overlap = min(one.y1, other.y1) - max(one.y0, other.y0)
    return overlap > 0.5 * min(one.height, other.height)


def _overprints(runs: list[Run], run: Run) -> bool:
    """Whether a run lies on top of others: then it is no continuation of their line."""
    slack = 0.3 * run.height
    return any(min(each.x1, run.x1) - max(each.x0, run.x0) > slack for each in runs)


def _jumps_about(lines: list[VisualLine]) -> bool:
    ups = 0
    for before, after in pairwise(lines):
        one, other = before.runs[-1], after.runs[0]
        # Back up, yet not to the top of a next column: on the right, or on the left of right-to-left writing
        beside = other.x1 <= one.x0 if has_right_to_left(one.text) else other.x0 >= one.x1
        if other.y1 < one.y0 and not beside:
            ups += 1
    # pdfium gives the lines of turned writing in the order of their heights, at times from the last to the first
    few = 5 if lines[0].runs[0].turn is Turn.UPRIGHT else 0
    return ups > max(few, 0.15 * len(lines))


def _top_to_bottom(lines: list[VisualLine]) -> list[VisualLine]:
    ordered: list[VisualLine] = []
    for run in sorted((run for line in lines for run in line.runs), key=lambda run: (run.y0 + run.y1, run.x0)):
        if ordered and _same_height(ordered[-1].runs[0], run) and not _overprints(ordered[-1].runs, run):
            ordered[-1].runs.append(run)
        else:
            ordered.append(VisualLine([run]))
    for line in ordered:
        leftwards = sum(len(run.text) for run in line.runs if has_right_to_left(run.text))
        is_leftwards = 2 * leftwards > sum(len(run.text) for run in line.runs)
        line.runs.sort(key=lambda run: -run.x1 if is_leftwards else run.x0)
    return ordered


def _cells(runs: list[Run]) -> tuple[list[str], list[float]]:
    """The text between wide gaps; a currency sign or a closing bracket belongs to the number beside it."""
    cells, lefts = [runs[0].text], [runs[0].x0]
    for before, run in pairwise(runs):
        gap = max(run.x0 - before.x1, before.x0 - run.x1)
        height = max(before.height, run.height)
        if gap < _NEAR * height:
            cells[-1] += run.text
        elif gap < WIDE_GAP * height or _SIGNS.fullmatch(before.text) or _AFTER.fullmatch(run.text):
            cells[-1] += f" {run.text}"
        else:
            cells.append(run.text)
            lefts.append(run.x0)
    for place in range(len(cells) - 1):
        sign = _SIGN_LAST.search(cells[place])
        if sign and cells[place + 1][0] in "0123456789(-–—":
            cells[place], cells[place + 1] = cells[place][: sign.start()], f"{sign[1]} {cells[place + 1]}"
    return cells, lefts

"""Where a paragraph of a PDF page ends: also over the end of a column, and past the footnotes below it."""

from collections.abc import Sequence
from itertools import pairwise

from engines.parsing.pdf_lines import VisualLine

_SENTENCE_END = (".", "!", "?", ":", ";", "。")
_INTERRUPTION = 60
"""Lines, at most, of the footnotes below one column and the figures above the next."""
_SMALLER = 0.95


def usual_pitch(lines: Sequence[VisualLine]) -> float:
    """The usual distance between the baselines of neighbouring lines, in line heights."""
    all_steps = ((after.base - line.base) / line.size for line, after in pairwise(lines))
    steps = sorted(step for step in all_steps if 0.5 < step < 2.5)
    return steps[len(steps) // 3] if steps else 1.2


def starts_anew(paragraph: list[VisualLine], line: VisualLine, pitch: float) -> bool:
    """Whether a line begins a new paragraph."""
    last = paragraph[-1]
    if line.stands_alone or last.stands_alone or line.turn is not last.turn or line.is_item:
        return True
    if abs(line.size - last.size) > 0.15 * last.size:
        return True
    if line.bold != last.bold and not line.text[0].islower():
        return True  # a heading ends here, or starts; a sentence that only begins in bold goes on
    if _is_next_column(last, line):
        return len(paragraph) < 2 or not _is_open(last, line)
    step = (line.base - last.base) / last.size
    if step < 0.3 or step > 1.3 * max(pitch, 0.9):
        return True
    if min(line.x1, last.x1) <= max(line.x0, last.x0):
        return True
    indent = line.x0 - last.x0
    is_first_indented = indent > 0.8 * line.size and not paragraph[0].is_item
    return is_first_indented and len(paragraph) > 1 and last.text.endswith(_SENTENCE_END)


def without_interruptions(lines: list[VisualLine]) -> list[VisualLine]:
    """The lines, where a sentence goes on in the next column: with the footnotes and figures that part it (all in
    smaller letters) at their end.
    """
    ordered = list(lines)
    moved: list[VisualLine] = []
    place = 1
    while place < len(ordered):
        end = _interruption_end(ordered, place)
        if end > place:
            moved += ordered[place:end]
            del ordered[place:end]
        place += 1
    return ordered + moved


def _interruption_end(lines: list[VisualLine], start: int) -> int:
    """The end of the smaller lines that begin at `start`, or `start` where no sentence goes on after them."""
    last = lines[start - 1]
    is_below = True
    for place in range(start, min(start + _INTERRUPTION, len(lines))):
        line = lines[place]
        if line.turn is last.turn and line.size < _SMALLER * last.size:
            is_below = is_below and line.y0 > last.y0
            continue
        if place == start or abs(line.size - last.size) > 0.05 * last.size or not _is_next_column(last, line):
            return start
        goes_on = line.text[0].islower() or is_below
        return place if goes_on and _is_open(last, line) else start
    return start


def _is_next_column(last: VisualLine, line: VisualLine) -> bool:
    """Whether a line stands higher than the last one, in another column: to either side."""
    return line.y1 < last.y0 and (line.x0 >= last.x1 or line.x1 <= last.x0)


def _is_open(last: VisualLine, line: VisualLine) -> bool:
    """Whether the last line's sentence may go on in the line."""
    if last.text.endswith(_SENTENCE_END) or abs(line.size - last.size) > 0.05 * last.size:
        return False
    first = line.text[0]
    return first.islower() or first in '(“"' or (first.isalpha() and (last.text[-1].isalnum() or last.text[-1] in ",-"))

"""What the styles of an OpenDocument file say: hidden text, page breaks, and the marks of lists and headings."""

from dataclasses import dataclass, field
from typing import Any

from engines.parsing.numbering import bullet, number

TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"
PRESENTATION = "{urn:oasis:names:tc:opendocument:xmlns:presentation:1.0}"
_SHAPES = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_PROPERTIES = {STYLE + name for name in ("paragraph-properties", "text-properties", "drawing-page-properties")}
DEPTHS = 10


def whole(text: str | None, default: int = 0) -> int:
    """A whole number of at most nine digits, else the default."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 9 else default


@dataclass(slots=True)
class _Level:
    """The mark of one level of a list."""

    shape: str = ""
    """"" for no number."""
    is_bullet: bool = False
    before: str = ""
    after: str = ""
    shown: int = 1
    """How many levels its number shows: 2 for "1.2"."""
    start: int = 1


@dataclass(slots=True)
class Counter:
    """How far a list has counted, by level."""

    counts: list[int] = field(default_factory=lambda: [0] * DEPTHS)
    """0 where a level has not begun."""


class Styles:
    """The styles of the content and of the package, by name."""

    def __init__(self, *roots: Any) -> None:
        self._styles: dict[str, Any] = {}
        self._lists: dict[str, list[_Level]] = {}
        self._outline = [_Level() for _ in range(DEPTHS)]
        for root in roots:
            for element in () if root is None else root.iter(f"{STYLE}style"):
                self._styles.setdefault(element.get(f"{STYLE}name", ""), element)
            for element in () if root is None else root.iter(f"{TEXT}list-style"):
                self._lists.setdefault(element.get(f"{STYLE}name", ""), _levels(element))
            for element in () if root is None else root.iter(f"{TEXT}outline-style"):
                self._outline = _levels(element)

    def get(self, name: str | None, attribute: str) -> str:
        """What a style, or the nearest it is based on, sets an attribute of its properties to; "" for nothing."""
        seen: set[str] = set()
        while name and name not in seen and (style := self._styles.get(name)) is not None:
            seen.add(name)
            for properties in style.iterchildren(*_PROPERTIES):
                if (found := properties.get(attribute)) is not None:
                    return str(found)
            name = style.get(f"{STYLE}parent-style-name")
        return ""

    def is_hidden(self, name: str | None) -> bool:
        """Whether text of this style is not shown."""
        return self.get(name, f"{TEXT}display") == "none"

    def begins_page(self, name: str | None) -> bool:
        """Whether a paragraph of this style begins a page."""
        style = self._styles.get(name or "")
        named = style is not None and bool(style.get(f"{STYLE}master-page-name"))
        return named or self.get(name, f"{FO}break-before") == "page"

    def ends_page(self, name: str | None) -> bool:
        """Whether what follows a paragraph of this style begins a page."""
        return self.get(name, f"{FO}break-after") == "page"

    def heading_label(self, counter: Counter, depth: int) -> str:
        """Counts the next heading: "1.2", or "" where headings have no numbers."""
        return self._count(self._outline, counter, depth, 0) or ""

    def list_label(self, name: str, counter: Counter, depth: int, start: int = 0) -> str | None:
        """Counts the next item of a list: "1.", "-"; None where this level has no mark."""
        levels = self._lists.get(name)
        return bullet(depth) if levels is None else self._count(levels, counter, depth, start)

    def _count(self, levels: list[_Level], counter: Counter, depth: int, start: int) -> str | None:
        level = levels[depth]
        counts = counter.counts
        counts[depth] = start or (counts[depth] + 1 if counts[depth] else level.start)
        counts[depth + 1 :] = [0] * (DEPTHS - depth - 1)
        if level.is_bullet:
            return bullet(depth)
        if not level.shape:
            return None
        shown = range(max(0, depth + 1 - level.shown), depth + 1)
        numbers = [number(counts[at] or levels[at].start, levels[at].shape) for at in shown if levels[at].shape]
        return f"{level.before}{'.'.join(numbers)}{level.after}".strip()


def _levels(element: Any) -> list[_Level]:
    levels = [_Level() for _ in range(DEPTHS)]
    for child in element.iterchildren("{*}*"):
        at = whole(child.get(f"{TEXT}level"), 0) - 1
        if 0 <= at < DEPTHS:
            wanted = child.get(f"{STYLE}num-format", "")
            levels[at] = _Level(
                shape=_SHAPES.get(wanted, "decimal") if wanted else "",
                is_bullet=bool(child.get(f"{TEXT}bullet-char")) or child.tag == f"{TEXT}list-level-style-image",
                before=child.get(f"{STYLE}num-prefix", "")[:20],
                after=child.get(f"{STYLE}num-suffix", "")[:20],
                shown=max(1, whole(child.get(f"{TEXT}display-levels"), 1)),
                start=whole(child.get(f"{TEXT}start-value"), 1),
            )
    return levels

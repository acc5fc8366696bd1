"""What a DOCX says of its paragraphs apart from their text: heading levels, list marks, hidden styles."""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from engines.parsing.numbering import bullet, number

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# Word's own names, and those of publishers' templates: "heading 1", "Head A", "H2".
_HEADING = re.compile(r"(?:heading|head|h)[ _-]?([1-9a-d])")
_TITLE = re.compile(r"(?:chapter|document|report)?[ _-]?title")
_CODE = re.compile(r"code|preformatted|source|listing", re.I)
_LEVEL_MARK = re.compile(r"%([1-9])")
_OFF = {"0", "false", "off"}
_DEPTHS = 9


@cache
def _steps(path: str) -> str:
    return "/".join(W + step for step in path.split("/"))


def value(parent: Any, path: str, default: str = "") -> str:
    """The `w:val` of a descendant ("pPr/outlineLvl"); "" where it lacks one."""
    found = None if parent is None else parent.find(_steps(path))
    return default if found is None else str(found.get(f"{W}val", ""))


def is_on(parent: Any, path: str) -> bool | None:
    """Whether a switch such as `w:vanish` is set; None where nothing is said."""
    found = value(parent, path, "?")
    return None if found == "?" else found not in _OFF


def whole(text: str, default: int = 0) -> int:
    """A whole number of at most nine digits, else the default."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else default


def heading_level(name: str) -> int | None:
    """How deep headings of a style with this name are, 0 for a title; None where the name is none of a heading's."""
    name = name.strip().lower()
    if match := _HEADING.fullmatch(name):
        return "123456789".find(match.group(1)) + 1 or "abcd".index(match.group(1)) + 1
    return 0 if _TITLE.fullmatch(name) else None


@dataclass(slots=True)
class Style:
    """What counts of a style, with what it takes from the styles it is based on."""

    level: int | None = None
    """How deep a heading of this style is; 0 for the title."""
    is_code: bool = False
    is_list: bool = False
    is_hidden: bool = False
    list_id: str = ""
    list_level: int | None = None


class Styles:
    """The styles of a document by their id."""

    def __init__(self, root: Any) -> None:
        found = [] if root is None else root.iter(f"{W}style")
        self._elements = {each.get(f"{W}styleId", ""): each for each in found}
        self._known: dict[str, Style] = {}

    def get(self, identifier: str) -> Style:
        """An unknown style is judged by its id."""
        if identifier not in self._known:
            self._known[identifier] = self._resolved(identifier)
        return self._known[identifier]

    def _resolved(self, identifier: str) -> Style:
        style = Style()
        chain: list[str] = []
        while identifier and identifier not in chain and len(chain) < 30:
            chain.append(identifier)
            element = self._elements.get(identifier)
            self._inherit(style, element, value(element, "name", identifier).lower(), own=len(chain) == 1)
            identifier = value(element, "basedOn")
        if style.level is not None and style.level > _DEPTHS:
            style.level = None
        return style

    @staticmethod
    def _inherit(style: Style, element: Any, name: str, *, own: bool) -> None:
        if style.level is None:
            outline = value(element, "pPr/outlineLvl")
            named = heading_level(name)
            if named:
                style.level = named
            elif outline.isdigit():
                style.level = whole(outline) + 1
            elif named == 0 and own:
                style.level = 0
        style.is_code |= bool(_CODE.search(name)) and "caption" not in name
        style.is_list |= name.startswith("list ") and own
        style.is_hidden |= bool(is_on(element, "rPr/vanish"))
        style.list_id = style.list_id or value(element, "pPr/numPr/numId")
        if style.list_level is None and (level := value(element, "pPr/numPr/ilvl")):
            style.list_level = whole(level)


@dataclass(slots=True)
class _Level:
    start: int = 1
    shape: str = "decimal"
    text: str = ""
    restart: int | None = None
    digits_only: bool = False
    style: str = ""


@dataclass(slots=True)
class _Sequence:
    """The counting of all lists that share a definition; None where a level has not begun."""

    counts: list[int | None] = field(default_factory=lambda: [None] * _DEPTHS)
    begun: set[str] = field(default_factory=set)


class Numbering:
    """Counts the items of a document's lists (ECMA-376 part 1, 17.9)."""

    def __init__(self, root: Any, styles: Styles) -> None:
        children = [] if root is None else list(root.iterchildren(f"{W}abstractNum", f"{W}num"))
        self._definitions = {
            each.get(f"{W}abstractNumId", ""): each for each in children if each.tag == f"{W}abstractNum"
        }
        self._lists = {each.get(f"{W}numId", ""): each for each in children if each.tag == f"{W}num"}
        self._styles = styles
        self._levels: dict[str, list[_Level]] = {}
        self._sequences: dict[str, _Sequence] = {}

    def label(self, list_id: str, depth: int) -> str | None:
        """Counts the next item: "1.", "b)", "-" for bullets, "" for no mark; None where there is no such list."""
        if list_id not in self._lists:
            return None
        depth = min(max(depth, 0), _DEPTHS - 1)
        levels = self._levels_of(list_id)
        level = levels[depth]
        counts = self._count(list_id, depth, levels)
        if level.shape == "bullet":
            return bullet(depth)
        shapes = ["decimal" if level.digits_only else each.shape for each in levels]

        def count(match: re.Match[str]) -> str:
            at = int(match.group(1)) - 1
            reached = counts[at]
            return number(levels[at].start if reached is None else reached, shapes[at]) if shapes[at] != "none" else ""

        return _LEVEL_MARK.sub(count, level.text).strip()

    def depth_of(self, list_id: str, style: str) -> int:
        """The level of a list that is bound to a paragraph style; 0 where none is."""
        levels = self._levels_of(list_id) if list_id in self._lists else []
        return next((depth for depth, level in enumerate(levels) if style and level.style == style), 0)

    def _count(self, list_id: str, depth: int, levels: list[_Level]) -> list[int | None]:
        sequence = self._sequences.setdefault(self._definition(list_id), _Sequence())
        if list_id not in sequence.begun:
            sequence.begun.add(list_id)
            for override in self._lists[list_id].iterchildren(f"{W}lvlOverride"):
                at = whole(override.get(f"{W}ilvl", ""), -1)
                if 0 <= at < _DEPTHS and value(override, "startOverride"):
                    sequence.counts[at] = None
        reached = sequence.counts[depth]
        sequence.counts[depth] = levels[depth].start if reached is None else reached + 1
        for deeper in range(depth + 1, _DEPTHS):
            restart = levels[deeper].restart
            if restart is None or depth < restart:
                sequence.counts[deeper] = None
        return sequence.counts

    def _definition(self, list_id: str) -> str:
        found = value(self._lists[list_id], "abstractNumId")
        link = value(self._definitions.get(found), "numStyleLink")
        if link:
            linked = self._lists.get(self._styles.get(link).list_id)
            found = value(linked, "abstractNumId", found)
        return found

    def _levels_of(self, list_id: str) -> list[_Level]:
        if list_id not in self._levels:
            levels = [_Level() for _ in range(_DEPTHS)]
            definition = self._definitions.get(self._definition(list_id))
            for element in [] if definition is None else definition.iterchildren(f"{W}lvl"):
                _read_level(element, levels)
            for override in self._lists[list_id].iterchildren(f"{W}lvlOverride"):
                for element in override.iterchildren(f"{W}lvl"):
                    _read_level(element, levels)
                at = whole(override.get(f"{W}ilvl", ""), -1)
                if 0 <= at < _DEPTHS and (start := value(override, "startOverride")):
                    levels[at].start = whole(start, 1)
            self._levels[list_id] = levels
        return self._levels[list_id]


def _read_level(element: Any, levels: list[_Level]) -> None:
    at = whole(element.get(f"{W}ilvl", ""), -1)
    if 0 <= at < _DEPTHS:
        restart = value(element, "lvlRestart")
        levels[at] = _Level(
            start=whole(value(element, "start"), 1) if value(element, "start") else 0,
            shape=value(element, "numFmt", "decimal"),
            text=value(element, "lvlText")[:200],
            restart=whole(restart) if restart else None,
            digits_only=bool(is_on(element, "isLgl")),
            style=value(element, "pStyle"),
        )

"""Where the shapes of a slide stand and what they take from its layout and master."""

from typing import Any

from engines.parsing.packages import Package
from engines.parsing.pptx_text import A, P, whole
from engines.parsing.slides import Place, in_reading_order

_FRAMES = (f"*/{A}xfrm", f"{P}xfrm")
_BODIES = ("body", "obj", "subTitle")


def placeholder(shape: Any) -> Any:
    """The `p:ph` of a shape that fills a placeholder, or None."""
    return shape.find(f"*/{P}nvPr/{P}ph")


class Layout:
    """The layout of a slide and, behind it, its master."""

    def __init__(self, roots: list[Any]) -> None:
        self._placeholders = [[each for each in root.iter(f"{P}sp") if placeholder(each) is not None] for root in roots]
        master = roots[-1] if roots else None
        self._body_style = None if master is None else master.find(f"{P}txStyles/{P}bodyStyle")

    def in_order(self, shapes: list[Any]) -> list[Any]:
        """From top to bottom, in a row from left to right; a shape without a place stays at the end."""
        return in_reading_order([(self._place(shape), shape) for shape in shapes])

    def list_styles(self, shape: Any) -> list[Any]:
        """What says which of its paragraphs have bullets, the nearest first."""
        found = placeholder(shape)
        if found is None:
            return []
        styles = [each.find(f"{P}txBody/{A}lstStyle") for each in self._behind(shape)]
        return [*styles, self._body_style] if found.get("type", "obj") in _BODIES else styles

    def _behind(self, shape: Any) -> list[Any]:
        """The placeholders of layout and master that a shape fills: by index, else by type."""
        wanted = placeholder(shape)
        found = []
        for shapes in () if wanted is None else self._placeholders:
            marks = [(each, placeholder(each)) for each in shapes]
            by_index = [each for each, mark in marks if mark.get("idx", "0") == wanted.get("idx", "0")]
            by_type = [each for each, mark in marks if mark.get("type", "obj") == wanted.get("type", "obj")]
            if chosen := (by_index if wanted.get("idx") and by_index else by_type):
                found.append(chosen[0])
                wanted = placeholder(chosen[0])
        return found

    def _place(self, shape: Any) -> Place | None:
        for each in (shape, *self._behind(shape)):
            frame: Any = next((found for path in _FRAMES if (found := each.find(path)) is not None), None)
            corner = None if frame is None else frame.find(f"{A}off")
            if corner is not None:
                size = frame.find(f"{A}ext")
                height = 0 if size is None else max(0, whole(size.get("cy")))
                return Place(whole(corner.get("y")), whole(corner.get("x")), height)
        return None


class Layouts:
    """The layouts of a presentation; each is read once."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._known: dict[tuple[str, ...], Layout] = {}

    def of(self, slide: str) -> Layout:
        """The layout of a slide, by the name of its part."""
        layout = self._package.related(slide, "slideLayout")[:1]
        master = self._package.related(layout[0], "slideMaster")[:1] if layout else []
        parts = (*layout, *master)
        if parts not in self._known:
            self._known[parts] = Layout([self._package.xml(part) for part in parts])
        return self._known[parts]

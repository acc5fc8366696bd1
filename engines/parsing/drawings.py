"""Charts and SmartArt of Office: what stands on them in letters."""

from typing import Any

from engines.parsing.building import one_line
from engines.parsing.pptx_text import A, line, paragraphs
from rag.types import Kind

R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_D = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_NODES = ("node", "asst", "doc")
_MOST_NAMES = 200


def graphic_link(element: Any) -> str:
    """The id of the link to the part that holds a chart or SmartArt; "" for any other element."""
    if element.tag == f"{_C}chart":
        return str(element.get(f"{R}id", ""))
    return str(element.get(f"{R}dm", "")) if element.tag == f"{_D}relIds" else ""


def read_graphic(root: Any) -> list[tuple[str, Kind]]:
    """The blocks of such a part: a chart's titles and the names of its series and categories; SmartArt's nodes."""
    if root.tag == f"{_C}chartSpace":
        return [(text, Kind.TEXT) for text in _chart(root)]
    points = root.iterfind(f"{_D}ptLst/{_D}pt")
    nodes = [point.find(f"{_D}t") for point in points if point.get("type", "node") in _NODES]
    return [(f"- {text}", Kind.LIST_ITEM) for node in nodes for text, _ in paragraphs(node, [])]


def _chart(root: Any) -> list[str]:
    titles = [" ".join(one_line(line(each)) for each in title.iter(f"{A}p")) for title in root.iter(f"{_C}title")]
    series = [one_line(each.text or "") for each in root.iterfind(f".//{_C}ser/{_C}tx//{_C}v")]
    first = next(root.iter(f"{_C}cat"), None)
    categories = [] if first is None else [one_line(each.text or "") for each in first.iter(f"{_C}v")]
    return [*titles, ", ".join(series[:_MOST_NAMES]), ", ".join(categories[:_MOST_NAMES])]

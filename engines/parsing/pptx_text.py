"""The text of a shape on a slide, paragraph by paragraph; list marks as its layout and master have them."""

from collections.abc import Iterator
from typing import Any

from engines.parsing.building import tidy
from engines.parsing.docx_math import equation
from engines.parsing.numbering import bullet, number

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}oMath"
_BULLETS = {f"{A}buChar", f"{A}buBlip", f"{A}buAutoNum"}
_SHAPES = {"arabic": "decimal", "alphaLc": "lowerLetter", "alphaUc": "upperLetter", "romanLc": "lowerRoman",
           "romanUc": "upperRoman"}  # fmt: skip
_STAMPS = ("slidenum", "datetime", "header", "footer")
_DEPTHS = 9


def whole(text: str | None, default: int = 0) -> int:
    """A whole number of at most twelve digits, else the default."""
    plain = (text or "").removeprefix("-")
    return int(text or "") if plain.isascii() and plain.isdigit() and len(plain) <= 12 else default


def paragraphs(body: Any, styles: list[Any]) -> Iterator[tuple[str, str | None]]:
    """The paragraphs of a text body: text and list mark ("-", "2.", or None where it is no item), empty ones left out.

    `styles` are elements with `a:lvl1pPr` and so on, from the nearest to the furthest, that say what has a bullet.
    """
    counts = [0] * _DEPTHS
    own = [] if body is None else [body.find(f"{A}lstStyle")]
    for element in () if body is None else body.iterchildren(f"{A}p"):
        text = tidy(line(element))
        if not text:
            continue
        properties = element.find(f"{A}pPr")
        depth = 0 if properties is None else min(max(whole(properties.get("lvl")), 0), _DEPTHS - 1)
        kind = _bullet_kind(properties, [*own, *styles], depth)
        counts[depth + 1 :] = [0] * (_DEPTHS - depth - 1)
        if kind is None or kind.tag not in _BULLETS:
            counts[depth] = 0
            yield text, None
        elif kind.tag == f"{A}buAutoNum":
            counts[depth] = counts[depth] + 1 if counts[depth] else whole(kind.get("startAt"), 1)
            yield text, _numbered(counts[depth], kind.get("type", ""))
        else:
            counts[depth] = 0
            yield text, bullet(depth)


def line(element: Any) -> str:
    """What can be read below an element: runs, line breaks, fields (page numbers and dates left out), equations."""
    parts = []
    for child in element.iterchildren("{*}*"):
        if child.tag == f"{A}t":
            parts.append(child.text or "")
        elif child.tag == f"{A}br":
            parts.append("\n")
        elif child.tag == _MATH:
            parts.append(equation(child))
        elif child.tag == f"{MC}AlternateContent":
            chosen = next(child.iterchildren(f"{MC}Choice", f"{MC}Fallback"), None)
            parts.append("" if chosen is None else line(chosen))
        elif not child.tag.endswith("Pr") and not child.get("type", "").startswith(_STAMPS):
            parts.append(line(child))
    return "".join(parts)


def _bullet_kind(properties: Any, styles: list[Any], depth: int) -> Any:
    """The element that says which bullet a paragraph has: its own, else that of the nearest style; None for none."""
    levels = [None if style is None else style.find(f"{A}lvl{depth + 1}pPr") for style in styles]
    for each in (properties, *levels):
        if each is not None:
            for child in each.iterchildren(f"{A}buNone", *_BULLETS):
                return child
    return None


def _numbered(count: int, kind: str) -> str:
    """A mark such as `alphaLcParenR` asks for: "a)"."""
    shape = next((shape for begin, shape in _SHAPES.items() if kind.startswith(begin)), "decimal")
    written = number(count, shape)
    if kind.endswith("ParenBoth"):
        return f"({written})"
    return f"{written})" if kind.endswith("ParenR") else f"{written}."

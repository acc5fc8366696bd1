"""Equations of Office (OMML, ECMA-376 part 1, 22.1) as a line of text: (a)/(b), x^2, x_(i+1), √(x), ∑_(i=1)^n."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_SCRIPTED = {f"{_M}sSup", f"{_M}sSub", f"{_M}sSubSup"}
_MATH_LETTERS = re.compile("[\U0001d400-\U0001d7ff]+")
_SIMPLE = re.compile(r"\w*|.", re.S)


def equation(element: Any) -> str:
    """The text of an `m:oMath` or `m:oMathPara`, or of anything within one."""
    return _MATH_LETTERS.sub(lambda found: unicodedata.normalize("NFKC", found.group()), _text(element))


def _text(element: Any) -> str:
    text, is_script = "", False
    for child in element.iterchildren("{*}*"):
        part = _piece(child)
        # x^k a^n: without the space a would be taken for a part of the exponent.
        text += f" {part}" if is_script and part[:1].isalnum() else part
        is_script = child.tag in _SCRIPTED and part[-1:].isalnum() if part else is_script
    return text


def _piece(child: Any) -> str:
    name = child.tag.rpartition("}")[2]
    if name == "t":
        return child.text or ""
    if child.tag.startswith(_M) and name in _SHAPES:
        return _SHAPES[name](child)
    return "" if name.endswith("Pr") else _text(child)


def _part(element: Any, name: str) -> str:
    """The text of a child; "" where it is missing."""
    child = element.find(_M + name)
    return "" if child is None else _text(child).strip()


def _setting(element: Any, name: str, default: str) -> str:
    """The value of `m:<element>Pr/m:<name>`."""
    found = element.find(f"{element.tag}Pr/{_M}{name}")
    return default if found is None else str(found.get(f"{_M}val", default))


def grouped(text: str) -> str:
    """In parentheses, unless it is one word, one sign or in parentheses already."""
    return text if _SIMPLE.fullmatch(text) or _is_enclosed(text) else f"({text})"


def _is_enclosed(text: str) -> bool:
    """Whether its first parenthesis closes at its very end."""
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth <= 0:
            return at > 0 and at == len(text) - 1
    return False


def _fraction(element: Any) -> str:
    above, below = _part(element, "num"), _part(element, "den")
    return f"{above}; {below}" if _setting(element, "type", "bar") == "noBar" else f"({above})/({below})"


def _scripts(element: Any) -> str:
    below, above = _part(element, "sub"), _part(element, "sup")
    scripts = (f"_{grouped(below)}" if below else "") + (f"^{grouped(above)}" if above else "")
    base = _part(element, "e")
    return f"{scripts}{base}" if element.tag == f"{_M}sPre" else f"{base}{scripts}"


def _root(element: Any) -> str:
    degree = _part(element, "deg")
    return f"√{f'[{degree}]' if degree else ''}({_part(element, 'e')})"


def _large_operator(element: Any) -> str:
    """A sum, a product, an integral; without a sign of its own it is an integral."""
    below, above = _part(element, "sub"), _part(element, "sup")
    bounds = (f"_{grouped(below)}" if below else "") + (f"^{grouped(above)}" if above else "")
    return f"{_setting(element, 'chr', '∫')}{bounds} {_part(element, 'e')}"


def _delimited(element: Any) -> str:
    inner = _setting(element, "sepChr", "|").join(_text(each).strip() for each in element.iterchildren(f"{_M}e"))
    return f"{_setting(element, 'begChr', '(')}{inner}{_setting(element, 'endChr', ')')}"


def _function(element: Any) -> str:
    argument = _part(element, "e")
    return f"{_part(element, 'fName')}{argument if _is_enclosed(argument) else f'({argument})'}"


def _limit(element: Any) -> str:
    mark = "_" if element.tag == f"{_M}limLow" else "^"
    return f"{_part(element, 'e')}{mark}{grouped(_part(element, 'lim'))}"


def _accent(element: Any) -> str:
    return _part(element, "e") + _setting(element, "chr", "\u0302")


def _bar(element: Any) -> str:
    return _part(element, "e") + ("\u0305" if _setting(element, "pos", "bot") == "top" else "\u0332")


def _matrix(element: Any) -> str:
    rows = (
        ", ".join(_text(cell).strip() for cell in row.iterchildren(f"{_M}e")) for row in element.iterchildren(f"{_M}mr")
    )
    return f"[{'; '.join(rows)}]"


def _lines(element: Any) -> str:
    return "; ".join(_text(line).strip() for line in element.iterchildren(f"{_M}e"))


def _phantom(element: Any) -> str:
    """Something that takes room; it is seen unless it says otherwise."""
    return "" if _setting(element, "show", "1") in ("0", "off", "false") else _part(element, "e")


_SHAPES: dict[str, Callable[[Any], str]] = {
    "f": _fraction, "sSup": _scripts, "sSub": _scripts, "sSubSup": _scripts, "sPre": _scripts, "rad": _root,
    "nary": _large_operator, "d": _delimited, "func": _function, "limLow": _limit, "limUpp": _limit, "acc": _accent,
    "bar": _bar, "m": _matrix, "eqArr": _lines, "phant": _phantom,
}  # fmt: skip

"""Equations of OpenDocument (MathML) as a line of text, in the way of engines/parsing/docx_math.py."""

from typing import Any

from engines.parsing.docx_math import grouped

_MOST_LETTERS = 5000


def formula(root: Any) -> str:
    """The text of a `math` element; "" for anything else."""
    return " ".join(_text(root).split())[:_MOST_LETTERS] if _name(root) == "math" else ""


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: Any) -> str:
    name = _name(element)
    children = [child for child in element.iterchildren("{*}*") if _name(child) != "annotation"]
    parts = [_text(child) for child in children]
    match name, parts:
        case (("mi" | "mn" | "mo" | "mtext" | "ms"), _):
            return "".join(element.itertext())
        case "mfrac", [above, below]:
            return f"({above})/({below})"
        case "msup" | "mover", [base, above]:
            return f"{base}^{grouped(above)}"
        case "msub" | "munder", [base, below]:
            return f"{base}_{grouped(below)}"
        case "msubsup" | "munderover", [base, below, above]:
            return f"{base}_{grouped(below)}^{grouped(above)}"
        case "msqrt", _:
            return f"√({''.join(parts)})"
        case "mroot", [base, degree]:
            return f"√[{degree}]({base})"
        case "mtable", _:
            return f"[{'; '.join(parts)}]"
        case "mtr", _:
            return ", ".join(parts)
        case "mspace" | "mphantom", _:
            return " "
        case _:
            return "".join(parts)

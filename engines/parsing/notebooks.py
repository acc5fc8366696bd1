"""Jupyter notebooks (nbformat 3 and 4): text cells as Markdown, code cells as code, and the text they printed."""

import re
from collections.abc import Iterator
from typing import Any

from engines.parsing.building import HeadingPath, clean
from engines.parsing.markdown import add_markdown
from engines.parsing.text import Parts, in_pieces
from rag.types import Kind

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def add_notebook(parts: Parts, notebook: dict[str, Any]) -> None:
    """Adds the cells in order. Pictures and the HTML of an output are left out: its plain text says the same."""
    headings = HeadingPath()
    for cell in notebook["cells"]:
        if not isinstance(cell, dict):
            continue
        source = _joined(cell.get("source", cell.get("input")))
        if cell.get("cell_type") == "markdown":
            add_markdown(parts, headings, clean(source))
            continue
        outputs = cell.get("outputs")
        for text in (source, *_printed(outputs if isinstance(outputs, list) else [])):
            for piece in in_pieces(_COLOURS.sub("", text)):
                parts.add(piece, Kind.CODE, heading=headings.path)


def _printed(outputs: list[Any]) -> Iterator[str]:
    """The text of each output: what was printed, a result, or an error's name and message."""
    for output in outputs:
        if not isinstance(output, dict):
            continue
        data = output.get("data")
        if isinstance(data, dict) and "text/plain" in data:
            yield _joined(data["text/plain"])
        elif output.get("output_type") == "error":
            yield f"{output.get('ename', '')}: {output.get('evalue', '')}"
        else:
            yield _joined(output.get("text"))


def _joined(source: Any) -> str:
    """A notebook writes a text as a string or as a list of its lines."""
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""

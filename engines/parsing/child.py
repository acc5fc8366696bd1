"""The process that touches documents: a new one for each, limited, without network, Django or torch.

It takes one request as JSON and answers with a line of JSON per page, warning, total or refusal; a
rendered page comes as bare bytes. Forked by engines.parsing.nursery_process, or started by engines.parsing.process.
"""

import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from engines.parsing import refusals, wire
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from engines.parsing.walls import enter
from rag.errors import ParsingError


def main(request: dict[str, Any]) -> None:
    """Does what the request's `job` says: `pages`, `render` or `sandbox`."""
    out = _own_stdout()
    limits = Limits(**request["limits"])
    walls = enter(limits)
    if request["job"] == "sandbox":
        out.write(str(walls).encode())
        return
    try:
        if request["job"] == "pages":
            _pages(request, limits, out)
        else:
            _render(request, out)
    except ParsingError as error:
        out.write(wire.encode({"error": [error.code, error.message, error.hint]}))
    except MemoryError:
        out.write(wire.encode({"error": ["too_much_memory", "", ""]}))


def _own_stdout() -> BinaryIO:
    """The pipe to the parent; whatever a library prints goes to stderr instead."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return out


def _pages(request: dict[str, Any], limits: Limits, out: BinaryIO) -> None:
    def send(**message: Any) -> None:
        out.write(wire.encode(message))

    report = Report(
        name=request["name"],
        total=lambda count: send(total=count),
        warning=lambda text: send(warning=text),
        scan=lambda number: send(scan=number),
        file=lambda name, pieces: _send_file(name, pieces, out),
    )
    characters = blocks = 0
    any_text = False
    module = importlib.import_module(request["module"])
    for page in module.pages(Path(request["path"]), limits, report):
        characters += len(page.text)
        any_text = any_text or any(map(str.isalnum, page.text))
        blocks += len(page.blocks)
        if characters > limits.characters:
            raise refusals.too_much_text(limits)
        if blocks > limits.blocks:
            raise refusals.too_many_blocks(limits)
        send(page=wire.page_to_json(page))
    if not any_text:
        raise refusals.no_text(request["media_type"])
    send(done=True)


def _send_file(name: str, pieces: Iterable[bytes], out: BinaryIO) -> None:
    """The file as lines: its name, its bytes, its end. Without the end it is none."""
    out.write(wire.encode({"file": name}))
    for piece in pieces:
        for at in range(0, len(piece), wire.FILE_BYTES):
            out.write(wire.encode({"bytes": wire.pack(piece[at : at + wire.FILE_BYTES])}))
    out.write(wire.encode({"file_ends": True}))


def _render(request: dict[str, Any], out: BinaryIO) -> None:
    module = importlib.import_module(request["module"])
    image: bytes = module.render(Path(request["path"]), request["number"], request["width"])
    view = memoryview(image)
    while view:
        view = view[out.write(view) :]

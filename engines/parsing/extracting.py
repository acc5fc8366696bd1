"""Documents to pages and page images, from the side of whoever asks."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from engines.parsing import process, refusals, wire
from engines.parsing.clock import Clock
from engines.parsing.formats import Format, by_media_type
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from engines.parsing.spooling import Spool, Within
from rag.errors import ParsingError
from rag.types import Page

_CODES = {"encrypted", "broken", "empty", "no_text", "too_large", "too_slow", "too_much_memory", "unsupported"}
_IMAGE_BYTES = 64 * 1024 * 1024
_PNG = b"\x89PNG\r\n\x1a\n"


def _never() -> bool:
    return False


def _leave(_: Within) -> None:
    """Nobody wants the files within."""


def extract(
    path: Path,
    media_type: str,
    *,
    limits: Limits,
    cancelled: Callable[[], bool] = _never,
    report: Report | None = None,
    folder: Path | None = None,
    within: Callable[[Within], None] = _leave,
) -> Iterator[Page]:
    """The pages of a document, one after the other as they are read, by a limited child process.

    `cancelled` is asked several times a second. `report` hears how many pages there will be, and of what was
    left out. `within` is given each file that the document holds, laid into `folder` under a random name for
    the time of the call; without a folder they are passed over. Raises ParsingError, also after the first pages
    (whoever keeps pages drops them then), and Cancelled, which is one. Closing the iterator ends the child.
    """
    form = _form(media_type)
    report = report or Report()
    request = {
        "job": "pages",
        "module": form.module,
        "path": str(path.resolve()),
        "name": report.name,
        "media_type": media_type,
    }
    clock, done = Clock(limits), False
    pieces = process.stream(request, limits=limits, cancelled=cancelled, clock=clock, memory=report.memory)
    with Spool(folder, within, limits) as spool, closing(pieces):
        for line in _lines(pieces, limits):
            message = _message(line)
            if "page" in message:
                clock.scan_ends()
                yield _page(message["page"])
            elif "scan" in message:
                clock.scan_begins()
                report.scan(int(message["scan"]))
            elif not spool.takes(message):
                _hear(message, report, limits)
            done = done or "done" in message
    if not done:
        raise refusals.crashed("it ended in the middle")


def _hear(message: dict[str, Any], report: Report, limits: Limits) -> None:
    if "total" in message:
        report.total(int(message["total"]))
    elif "warning" in message:
        report.warning(str(message["warning"])[:500])
    elif "error" in message:
        raise _refusal(message["error"], limits)


def render_page(path: Path, number: int, *, width: int, limits: Limits, media_type: str = "application/pdf") -> bytes:
    """Page `number` (from 1) as a PNG, `width` pixels wide, made by a limited child process.

    Raises ParsingError: `unsupported` for a format without page images, `broken` for a page that is not
    there or cannot be drawn, and the limits' codes.
    """
    form = _form(media_type)
    if not form.page_images:
        raise ParsingError("unsupported", f"{form.name} documents have no page images.", "Show the text instead.")
    request = {
        "job": "render",
        "module": form.module,
        "path": str(path.resolve()),
        "number": number,
        "width": width,
    }
    image = bytearray()
    for piece in process.stream(request, limits=limits, cancelled=_never):
        image += piece
        if len(image) > _IMAGE_BYTES:
            raise refusals.too_much_memory(limits)
    if image.startswith(_PNG):
        return bytes(image)
    message = _message(bytes(image))
    raise _refusal(message["error"], limits) if "error" in message else refusals.crashed("it drew nothing")


@cache
def sandbox() -> str:
    """How the child is kept from the network on this machine, tried once per process."""
    pieces = process.stream({"job": "sandbox"}, limits=Limits(), cancelled=_never)
    walls = b"".join(pieces).decode()
    if walls.startswith("not possible here"):
        rest = walls.removeprefix("not possible here")
        return f"Documents are read in a limited child process; keeping it from the network is not possible here{rest}."
    return f"Documents are read in a limited child process, kept from the network by {walls}."


def _form(media_type: str) -> Format:
    form = by_media_type(media_type)
    if form is None:
        raise refusals.unsupported(media_type)
    return form


def _lines(pieces: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    """Whole lines; a line longer than any page within the limits can be is a crash, not a page."""
    longest = 64 * 1024 * 1024 + 16 * limits.characters
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        *whole, rest = piece.split(b"\n")
        if whole:
            waiting.append(whole[0])
            yield b"".join(waiting)
            yield from whole[1:]
            waiting, size = [], 0
        waiting.append(rest)
        size += len(rest)
        if size > longest:
            raise refusals.crashed("it wrote without end")


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        raise refusals.crashed("it wrote nonsense") from None
    return message if isinstance(message, dict) else {}


def _page(row: dict[str, Any]) -> Page:
    try:
        return wire.page_from_json(row)
    except (ValueError, KeyError, TypeError, IndexError):
        raise refusals.crashed("it wrote a page that is none") from None


def _refusal(error: Any, limits: Limits) -> ParsingError:
    code, message, hint = (str(part)[:500] for part in error)
    if code == "too_much_memory":
        return refusals.too_much_memory(limits)
    return ParsingError(code, message, hint) if code in _CODES else refusals.crashed("it refused without a reason")

"""Server-sent events of a chat completion, read strictly: bytes in, chunks out, or EngineGarbage."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rag.errors import EngineGarbage, EngineUnavailable
from rag.ports import Delta, Usage

LONGEST_LINE = 1 << 20
"""Bytes; a chunk is some hundred. A line without an end is not kept for ever."""
LONGEST_BLANK = 400
"""Characters of white space in a row that no answer needs; beyond it the engine is looping."""
DONE = b"[DONE]"


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Lines without their ends; an unfinished last line is given as it is.

    Gives an empty line for every piece too, so that whoever reads can look at the clock.
    """
    held = b""
    for piece in pieces:
        held += piece
        *whole, held = held.replace(b"\r\n", b"\n").split(b"\n")
        yield b""
        yield from whole
        if len(held) > LONGEST_LINE:
            raise EngineGarbage("it sent a line of more than a megabyte")
    if held:
        yield held


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event of the stream; `moves` says that the engine produced something, visible or thought."""

    delta: Delta
    moves: bool


def chunk(data: bytes) -> Chunk | None:
    """What a `data:` line carries; None for [DONE]. Raises EngineGarbage or what the engine reports."""
    if data.strip() == DONE:
        return None
    try:
        row = json.loads(data)
    except (ValueError, RecursionError):
        raise EngineGarbage("it sent something that is not JSON") from None
    if not isinstance(row, dict):
        raise EngineGarbage("it sent JSON that is not a completion chunk")
    if row.get("error"):
        raise EngineUnavailable("it reported an error of its own")
    choices = row.get("choices")
    if not isinstance(choices, list):
        raise EngineGarbage("it sent JSON that is not a completion chunk")
    choice = choices[0] if choices else {"delta": {}}
    if not isinstance(choice, dict) or not isinstance(choice.get("delta"), dict):
        raise EngineGarbage("it sent a chunk without a delta")
    text = choice["delta"].get("content") or ""
    if not isinstance(text, str):
        raise EngineGarbage("it sent content that is not text")
    # Reasoning models think aloud in a field of its own; it is not shown, but the engine is at work.
    thought = choice["delta"].get("reasoning_content") or choice["delta"].get("reasoning")
    finish = str(choice.get("finish_reason") or "")
    return Chunk(Delta(text, usage(row.get("usage")), finish), bool(text.strip() or thought))


def usage(row: object) -> Usage | None:
    """OpenAI's usage object; None where there is none or it makes no sense."""
    if not isinstance(row, dict):
        return None
    details = row.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    values = (row.get("prompt_tokens"), row.get("completion_tokens"), cached)
    prompt, completion, kept = (value if isinstance(value, int) and value >= 0 else 0 for value in values)
    return Usage(prompt, completion, kept)

"""Does an endpoint really answer? A completion of one token tells; /health alone does not."""

import time
from contextlib import closing
from dataclasses import dataclass

import httpx

from engines.models.endpoints import Deadlines, EndpointSpec
from engines.models.openai import OpenAIChatModel
from rag.errors import EngineError
from rag.ports import Message


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe found; `message` is one sentence for the admin."""

    ok: bool
    message: str
    milliseconds: float


def probe(spec: EndpointSpec, *, client: httpx.Client, deadlines: Deadlines) -> Probe:
    """Asks for one token. Never raises for what the endpoint does."""
    model = OpenAIChatModel(spec, client=client, deadlines=deadlines)
    began = time.monotonic()
    pieces = 0
    try:
        with closing(model.stream([Message("user", "Say yes.")], max_tokens=1)) as stream:
            for _ in stream:
                pieces += 1
    except EngineError as error:
        return Probe(False, f"{spec.name} does not answer: {error.message}.", _milliseconds(began))
    if not pieces:
        return Probe(False, f"{spec.name} ended the stream without a token.", _milliseconds(began))
    took = _milliseconds(began)
    return Probe(True, f"{spec.name} answered with {spec.model} in {took:.0f} ms.", took)


def _milliseconds(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)

"""Any server that speaks OpenAI's chat completions, streamed; vLLM first.

Plain httpx rather than the openai package: hundreds of streams share ONE client and its pool, and the
deadlines must reach into every socket read, which needs a transport of our own (transport.py). The package
would add half a second and 27 MB to each worker (measured) and parse the same lines.

What a server says in an error is never repeated: some echo the API key in it.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from typing import Any

import httpx

from engines.models import chunks
from engines.models.endpoints import Deadlines, EndpointSpec
from engines.models.transport import Stopped, WatchedTransport, watched
from rag.errors import EngineError, EngineGarbage, EngineTimeout, EngineUnavailable, PromptTooLong
from rag.ports import Delta, Message, Usage, never

ERROR_BODY = 64 * 1024
"""Bytes of an error read to tell a prompt that is too long from other refusals."""
WRITE_SECONDS = 10.0
DRAIN_SECONDS = 1.0
"""After [DONE] the connection is read to its end, so that the next stream can use it."""
TOO_LONG = (
    "context length",
    "context_length",
    "context window",
    "too long",
    "longer than the maximum",
    "too many tokens",
)


def shared_client(deadlines: Deadlines) -> httpx.Client:
    """The one client of a process: thread-safe, any number of streams, no proxy, no redirects."""
    # Reads have no time-out of httpx's: the watch of each stream is stricter.
    timeout = httpx.Timeout(None, connect=deadlines.connect, write=WRITE_SECONDS)
    headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity", "User-Agent": "footnote"}
    return httpx.Client(transport=WatchedTransport(), timeout=timeout, headers=headers, trust_env=False)


class OpenAIChatModel:
    """A ChatModel (see rag.ports) behind an endpoint."""

    def __init__(self, spec: EndpointSpec, *, client: httpx.Client, deadlines: Deadlines) -> None:
        self.spec = spec
        self._client = client
        self._deadlines = deadlines

    def __repr__(self) -> str:
        return f"OpenAIChatModel({self.spec.name!r}, {self.spec.model!r})"

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def model(self) -> str:
        return self.spec.model

    @property
    def context_window(self) -> int:
        return self.spec.context_window

    def cost(self, usage: Usage) -> float:
        return self.spec.prices.cost(usage)

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stopped: Callable[[], bool] = never
    ) -> Generator[Delta, None, None]:
        """See rag.ports.ChatModel. Deadlines run while this generator is asked for its next piece."""
        reading = _Reading(self._deadlines, stopped)
        try:
            response = self._response(messages, max_tokens, reading)
            try:
                yield from reading.deltas(response)
            finally:
                response.close()
        except Stopped:
            return
        except httpx.HTTPError as error:
            raise _in_words(error, reading) from None

    def _response(self, messages: Sequence[Message], max_tokens: int, reading: "_Reading") -> httpx.Response:
        body: dict[str, Any] = {
            "model": self.spec.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        response, said = self._sent(body, reading)
        if response.status_code == httpx.codes.BAD_REQUEST and "stream_options" in said:
            del body["stream_options"]
            response, said = self._sent(body, reading)
        if response.status_code != httpx.codes.OK:
            raise _refusal(response.status_code, said, self.spec.model)
        return response

    def _sent(self, body: dict[str, Any], reading: "_Reading") -> tuple[httpx.Response, str]:
        """The response, open, and for an error its body in lower case, closed."""
        try:
            headers = {"Authorization": f"Bearer {self.spec.api_key}"} if self.spec.api_key else {}
            url = self.spec.base_url.rstrip("/") + "/chat/completions"
            request = self._client.build_request("POST", url, json=body, headers=headers)
        except (httpx.InvalidURL, UnicodeError, ValueError):
            raise EngineUnavailable("its address or its API key has characters that cannot be sent") from None
        with watched(reading.until, reading.stopped):
            response = self._client.send(request, stream=True)
        if response.status_code == httpx.codes.OK:
            return response, ""
        said = b""
        try:
            for piece in reading.pieces(response):
                said += piece
                if len(said) > ERROR_BODY:
                    break
        finally:
            response.close()
        return response, said.decode("utf-8", "replace").lower()


class _Reading:
    """One stream's clock: the deadline moves on when the engine produces something, and only then."""

    def __init__(self, deadlines: Deadlines, stopped: Callable[[], bool]) -> None:
        self.stopped = stopped
        self.begun = False
        self._deadlines = deadlines
        self.until = time.monotonic() + deadlines.first_token

    @property
    def late(self) -> EngineTimeout:
        if self.begun:
            return EngineTimeout(f"nothing more came for {self._deadlines.gap:g} s")
        return EngineTimeout(f"no first token within {self._deadlines.first_token:g} s")

    def pieces(self, response: httpx.Response) -> Iterator[bytes]:
        """The body as it arrives, each read under the deadline."""
        raw = response.iter_raw()
        while True:
            with watched(self.until, self.stopped):
                piece = next(raw, None)
            if piece is None:
                return
            if time.monotonic() > self.until:
                raise self.late
            yield piece

    def deltas(self, response: httpx.Response) -> Iterator[Delta]:
        """The completion, piece by piece; ends after [DONE]. Raises EngineError."""
        finished, blank = "", 0
        pieces = self.pieces(response)
        for line in chunks.lines(pieces):
            if not line.startswith(b"data:"):
                _check_field(line)
                continue
            chunk = chunks.chunk(line[5:])
            if chunk is None:
                self._drain(pieces)
                return
            self._moved(chunk.moves)
            blank = 0 if chunk.moves else blank + len(chunk.delta.text)
            if blank > chunks.LONGEST_BLANK:
                raise EngineGarbage("it sent white space without end")
            finished = chunk.delta.finish or finished
            yield chunk.delta
        if not finished:
            raise EngineUnavailable("the connection ended in the middle of the answer")

    def _moved(self, moves: bool) -> None:
        if moves or not self.begun:
            self.until = time.monotonic() + self._deadlines.gap
        self.begun = True

    def _drain(self, pieces: Iterator[bytes]) -> None:
        self.until = time.monotonic() + DRAIN_SECONDS
        with suppress(httpx.HTTPError, EngineError, Stopped):
            for _ in pieces:
                pass


def _check_field(line: bytes) -> None:
    """Comments, blank lines and the other fields of server-sent events pass; anything else is not a stream."""
    if line.strip() and not line.startswith((b":", b"event:", b"id:", b"retry:")):
        raise EngineGarbage("it did not answer with a stream of events")


def _refusal(status: int, said: str, model: str) -> EngineError:
    """What an error status means for whoever asked; `said` is only looked at, never repeated."""
    if status in (400, 413, 422) and any(words in said for words in TOO_LONG):
        return PromptTooLong("the prompt does not fit its context window")
    if status in (401, 403):
        return EngineUnavailable("it refused the API key")
    if status == httpx.codes.NOT_FOUND:
        return EngineUnavailable(f"it does not know the model {model!r}, or its address is wrong")
    if status in (429, 503):
        return EngineUnavailable(f"it is overloaded (status {status})")
    if status >= 500:
        return EngineUnavailable(f"it answered with a server error ({status})")
    return EngineUnavailable(f"it refused the request (status {status})")


def _in_words(error: httpx.HTTPError, reading: _Reading) -> EngineError:
    if isinstance(error, httpx.ConnectTimeout):
        return EngineTimeout("it did not accept a connection in time")
    if isinstance(error, httpx.ReadTimeout):
        return reading.late
    if isinstance(error, httpx.TimeoutException):
        return EngineTimeout("sending the prompt took too long")
    if isinstance(error, httpx.ConnectError):
        return EngineUnavailable("it cannot be reached")
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return EngineUnavailable("its address or its API key has characters that cannot be sent")
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError) and not reading.begun:
        return EngineUnavailable("it closed the connection without an answer")
    return EngineUnavailable("the connection broke off in the middle of the answer")

"""Hand-written stand-ins for what the ports name; each is held to the real thing by a shared contract test."""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from uuid import UUID, uuid4

from rag.errors import EngineError, EngineUnavailable, PromptTooLong
from rag.ports import Delta, Message, Usage, never
from rag.types import Passage

USAGE = Usage(30, 4, 16)


class FakeChatModel:
    """A ChatModel that says `pieces`, then fails with `fails` if that is set.

    `running` counts open streams, `asked` keeps the messages, `closed` counts streams that ended early.
    """

    def __init__(
        self,
        pieces: Sequence[str] = ("It ", "says ", "so ", "[1]."),
        *,
        name: str = "fake",
        model: str = "tiny",
        serves: str = "tiny",
        context_window: int = 2048,
        fails: EngineError | None = None,
        pace: float = 0.0,
        usage: Usage | None = USAGE,
        finish: str = "stop",
    ) -> None:
        self.name = name
        self.model = model
        self.context_window = context_window
        self.asked: list[Sequence[Message]] = []
        self.running = 0
        self.closed = 0
        self._pieces, self._serves = pieces, serves
        self._fails, self._pace, self._usage, self._finish = fails, pace, usage, finish
        self._lock = threading.Lock()

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stopped: Callable[[], bool] = never
    ) -> Generator[Delta, None, None]:
        self.asked.append(messages)
        if self.model != self._serves:
            raise EngineUnavailable(f"it does not know the model {self.model!r}, or its address is wrong")
        if sum(len(message.content) for message in messages) // 4 + max_tokens > self.context_window:
            raise PromptTooLong("the prompt does not fit its context window")
        with self._lock:
            self.running += 1
        whole = False
        try:
            for piece in self._pieces[:max_tokens]:
                if stopped():
                    return
                yield Delta(piece)
                time.sleep(self._pace)
            if self._fails is not None:
                raise self._fails
            whole = True
            yield Delta("", self._usage, self._finish)
        finally:
            with self._lock:
                self.running -= 1
                self.closed += not whole

    def cost(self, usage: Usage) -> float:
        return (usage.prompt_tokens + usage.completion_tokens) / 1e6


def passage(
    text: str,
    *,
    title: str = "Handbook",
    page: int = 1,
    start: int = 0,
    heading: str = "",
    header: str = "",
    dense: float | None = 0.6,
    document: UUID | None = None,
) -> Passage:
    """A passage as a search gives it; its text stands at `start` of its page."""
    ids = uuid4(), uuid4(), document or uuid4(), uuid4()
    span = start, start + len(text)
    return Passage(*ids, 1, title, page, *span, text, heading=heading, header=header, score=1.0, dense=dense)

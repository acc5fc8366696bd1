"""What every ChatModel must do; FakeChatModel, the client before a fake server, and before a real vLLM."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import pytest

from rag.errors import EngineUnavailable, PromptTooLong
from rag.ports import ChatModel, Message

SHORT = [Message("system", "Answer briefly."), Message("user", "Name a colour.")]
SLOT_FREED_SECONDS = 3.0


@dataclass
class Subject:
    """A model under test, one that is not served, and how many streams the engine says it runs."""

    model: ChatModel
    unknown: ChatModel
    running: Callable[[], int]


def falls_to_zero(running: Callable[[], int], seconds: float = SLOT_FREED_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while running() and time.monotonic() < deadline:
        time.sleep(0.02)
    return running() == 0


class ChatModelContract:
    """Subclass it and give a `subject` fixture."""

    def test_it_streams_and_then_says_what_it_took(self, subject: Subject) -> None:
        pieces = list(subject.model.stream(SHORT, max_tokens=16))
        assert len(pieces) > 2
        usage = next(piece.usage for piece in reversed(pieces) if piece.usage)
        assert usage.prompt_tokens > 0
        assert 0 < usage.completion_tokens <= 16
        assert 0 <= usage.cached_tokens <= usage.prompt_tokens
        assert [piece.finish for piece in pieces if piece.finish] in (["stop"], ["length"])

    def test_closing_it_frees_the_slot(self, subject: Subject) -> None:
        with closing(subject.model.stream(SHORT, max_tokens=1000)) as stream:
            next(stream)
            assert subject.running() == 1
        assert falls_to_zero(subject.running)

    def test_stopping_it_ends_the_stream_and_frees_the_slot(self, subject: Subject) -> None:
        seen: list[str] = []
        for piece in subject.model.stream(SHORT, max_tokens=1000, stopped=lambda: len(seen) >= 1):
            seen.append(piece.text)
            if len(seen) == 3:
                break
        assert 1 <= len(seen) <= 3
        assert falls_to_zero(subject.running)

    def test_one_object_serves_many_streams(self, subject: Subject) -> None:
        streams = [subject.model.stream(SHORT, max_tokens=500) for _ in range(8)]
        for stream in streams:
            next(stream)
        assert subject.running() >= 2
        for stream in streams:
            stream.close()
        assert falls_to_zero(subject.running)

    def test_a_prompt_that_does_not_fit_is_refused_as_such(self, subject: Subject) -> None:
        with pytest.raises(PromptTooLong):
            next(subject.model.stream([Message("user", "colour " * 5000)], max_tokens=16))

    def test_a_model_it_does_not_serve_is_unavailable(self, subject: Subject) -> None:
        with pytest.raises(EngineUnavailable, match="does not know the model"):
            next(subject.unknown.stream(SHORT, max_tokens=16))

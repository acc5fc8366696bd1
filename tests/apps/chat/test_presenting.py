"""How an answer's question and sources are put before its reader."""

from typing import Any
from uuid import uuid4

import pytest

from apps.chat import presenting


def answer(**columns: Any) -> dict[str, Any]:
    """The JSON of an answer, as far as the pages read it."""
    nearest = [
        {"document": {"id": str(uuid4()), "title": "T", "version": str(uuid4())}, "page": 1, "start": 0, "end": 4}
        | {"text": "Text", "score": 1.0, "chunk": str(uuid4())}
        for _ in range(10)
    ]
    row = {"status": "done", "question": "And in 2019?", "standalone_question": "", "text": "x", "refused": False}
    return {**row, "citations": [], "nearest": nearest, "receipt": {}, "error": None, "feedback": None, **columns}


@pytest.mark.parametrize(
    ("alone", "understood_as", "searched_with"),
    [
        ("", "", ""),
        ("and in 2019?", "", ""),
        ("And in 2019? (Amazon's revenue)", "", "2019 Amazon's revenue"),
        ("What was Amazon's revenue in 2019?", "What was Amazon's revenue in 2019?", ""),
    ],
)
def test_only_a_question_that_was_written_is_shown_as_understood(
    alone: str, understood_as: str, searched_with: str
) -> None:
    shown = presenting.shown(answer(standalone_question=alone))
    assert (shown["understood_as"], shown["searched_with"]) == (understood_as, searched_with)


@pytest.mark.parametrize(("refused", "cards"), [(True, 3), (False, 6)])
def test_a_refusal_shows_few_passages(refused: bool, cards: int) -> None:
    assert len(presenting.shown(answer(refused=refused))["sources"]) == cards

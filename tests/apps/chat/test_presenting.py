"""How an answer's question and sources are put before its reader."""

from typing import Any
from uuid import uuid4

import pytest

from apps.chat import presenting


def answer(**columns: Any) -> dict[str, Any]:
    """The JSON of an answer, as far as the pages read it."""
    nearest = [
        {"document": {"id": str(uuid4()), "title": "T", "folder": "", "version": str(uuid4())}, "start": 0, "end": 4}
        | {"page": 1, "pages": 1, "has_page_image": False}
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


@pytest.mark.parametrize(
    ("page", "pages", "pictured", "where"),
    [(9, 26, False, "part 9 of 26"), (1, 26, False, "part 1 of 26"), (1, 1, False, ""), (9, 26, True, "p. 9")],
)
def test_a_footnote_and_a_nearest_passage_name_the_same_place(
    page: int, pages: int, pictured: bool, where: str
) -> None:
    (near, *_) = answer()["nearest"]
    near |= {"page": page, "pages": pages, "has_page_image": pictured}
    near["document"]["folder"] = "Team/2024"
    footnote = {**near, **near["document"], "document": near["document"]["id"], "n": 1, "quote": "Text"}
    cited = presenting.shown(answer(citations=[footnote]))
    refused = presenting.shown(answer(nearest=[near], refused=True))
    told = f"Team/2024 · {where}" if where else "Team/2024"
    assert [cited["sources"][0]["where"], refused["sources"][0]["where"]] == [told, told]


def test_the_stages_of_a_receipt_add_up_to_its_time() -> None:
    times = {"queue": 97.2, "rewrite": 0.2, "embed": 55.4, "search": 88.4, "first_token": 5.4, "total": 158.9}
    receipt = presenting.receipt_shown({"milliseconds": times})
    assert receipt is not None
    assert receipt["headline"] == "Receipt · 159 ms"
    assert ("Time", "159 ms, after waiting 97 ms for a free place") in receipt["rows"]
    words = {stage["name"]: stage["words"] for stage in receipt["stages"]}
    assert words == {"reading the question": "56 ms", "searching": "88 ms", "first word": "5 ms", "the rest": "10 ms"}
    assert sum(stage["share"] for stage in receipt["stages"]) == 159


def test_an_embedding_inside_the_search_is_told_once() -> None:
    receipt = presenting.receipt_shown({"milliseconds": {"embed": 60.0, "search": 100.0, "total": 100.0}})
    assert receipt is not None
    assert [stage["share"] for stage in receipt["stages"]] == [60, 40]

"""Enough evidence: what the passages are about is answered, what is foreign to them is refused."""

import pytest

from rag.evidence import weigh
from tests.fakes import passage

TEXT = "The company's net revenue rose to $9.5 billion in fiscal 2019; working capital fell."


@pytest.mark.parametrize(
    ("question", "cosine", "enough"),
    [
        ("What was the net revenue in fiscal 2019?", 0.62, True),
        ("How did sales develop?", 0.45, True),  # none of its words, but close in meaning
        ("What is the capital of Mongolia?", 0.12, False),  # shares "capital"
        ("Who wrote Hamlet?", 0.05, False),
    ],
)
def test_meaning_and_words_decide_together(question: str, cosine: float, enough: bool) -> None:
    found = weigh(question, [passage("Nothing of use.", dense=0.01), passage(TEXT, dense=cosine)])
    assert found.enough is enough
    assert 0 <= found.score <= 1


@pytest.mark.parametrize(
    ("question", "enough"), [("What was the net revenue in 2019?", True), ("Who wrote Hamlet the Danish play?", False)]
)
def test_without_cosines_the_words_decide(question: str, enough: bool) -> None:
    assert weigh(question, [passage(TEXT, dense=None)]).enough is enough


def test_nothing_found_is_nothing() -> None:
    found = weigh("What was the revenue?", [])
    assert (found.score, found.enough) == (0.0, False)


def test_the_title_counts_as_evidence() -> None:
    source = passage("It opened in 1889.", title="Eiffel Tower", dense=None)
    assert weigh("Eiffel Tower?", [source]).coverage == 1.0

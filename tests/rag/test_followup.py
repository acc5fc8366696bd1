"""Follow-ups lean on the question before; whole questions stay as they are."""

import pytest

from rag.followup import LONGEST_CONTEXT, searched_with, standalone
from rag.types import Turn

BEFORE = [Turn("Who founded Normandy?", "Rollo [1].")]


@pytest.mark.parametrize(
    ("before", "question", "form"),
    [
        ("What is the capital of France?", "What is its population?", "What is its population? (capital France)"),
        ("How old is the tower?", "How tall is it?", "How tall is it? (old tower)"),
        ("What was Amazon's revenue in 2018?", "And in 2019?", "And in 2019? (Amazon's revenue)"),
        ("Who founded Normandy?", "Why?", "Why? (founded Normandy)"),
        ("Who founded Normandy?", "What about England?", "What about England? (founded Normandy)"),
        ("Who founded Normandy?", "What happened after that?", "What happened after that? (founded Normandy)"),
        ("Who founded Normandy?", "When did they arrive?", "When did they arrive? (founded Normandy)"),
    ],
)
def test_a_leaning_question_gets_the_words_it_lacks(before: str, question: str, form: str) -> None:
    assert standalone(question, [Turn(before)]) == form


@pytest.mark.parametrize(
    "question",
    [
        "How many people live in Rome?",
        "When did Apple release its first phone?",
        "Is it possible to cancel an order?",
        "Which companies that sell shoes are listed?",
        "Wann wurde die Stadt Rom gegründet?",
    ],
)
def test_a_whole_question_is_left_alone(question: str) -> None:
    assert standalone(question, BEFORE) == question


def test_the_first_question_leans_on_nothing() -> None:
    assert standalone("Why is it so?", []) == "Why is it so?"


def test_a_chain_of_follow_ups_keeps_its_thread_and_piles_nothing_up() -> None:
    asked = ["What is the capital of France?"]
    for question, form in (
        ("How old is it?", "How old is it? (capital France)"),
        ("Why?", "Why? (capital France old)"),
        ("Who lives there?", "Who lives there? (capital France)"),
        ("And when?", "And when? (capital France lives)"),
    ):
        assert standalone(question, [Turn(old) for old in asked]) == form
        asked.append(question)


@pytest.mark.parametrize(
    "question",
    [
        "How many species of ducks are there?",
        "hi",
        "Thank you!",
        "What can you do?",
        "And how does the free tier compare with paid accounts?",
        "So when does the winter season begin?",
    ],
)
def test_courtesies_and_questions_with_words_of_their_own_take_no_context(question: str) -> None:
    assert standalone(question, [Turn("What do mallards eat?")]) == question


def test_a_courtesy_is_no_context() -> None:
    history = [Turn("What is the capital of France?"), Turn("hi"), Turn("thanks")]
    assert standalone("How old is it?", history) == "How old is it? (capital France)"
    assert standalone("How old is it?", [Turn("hi")]) == "How old is it?"


def test_a_long_question_before_lends_few_words() -> None:
    form = standalone("Why?", [Turn(" ".join(f"word{chr(97 + n)}" for n in range(26)))])
    assert len(form.split("(")[1].split()) == LONGEST_CONTEXT


def test_the_words_of_a_form_are_told_in_plain_order() -> None:
    question = "And how do I back it up?"
    alone = standalone(question, [Turn("What does Footnote write?")])
    assert searched_with(question, alone) == "back up Footnote write"
    assert searched_with(question, question) == ""
    assert searched_with(question, "How is Footnote backed up?") == ""

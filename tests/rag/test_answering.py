"""The story of an answer: what is told in which order, and how it goes on when something fails."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from rag.answering import NO_DOCUMENTS, NO_ENGINE, REFUSAL, REFUSAL_EMPTY, RESTING, AnswerLimits, answer
from rag.errors import (
    EngineError,
    EngineGarbage,
    EngineTimeout,
    EngineUnavailable,
    PromptTooLong,
    SearchUnavailable,
)
from rag.ports import ChatModel
from rag.types import Done, Event, Failed, Found, Notice, Passage, Sources, Status, Token, Turn
from tests.fakes import FakeChatModel, passage

DOCUMENT = uuid4()
PARIS = passage("Paris is the capital of France. It has two million people.", document=DOCUMENT, page=3, start=40)
LYON = passage("Lyon is the third city of France. It was founded in 43 BC.", document=DOCUMENT, page=2)
BERLIN = passage("Berlin is the capital of Germany.", title="Germany")
FOUND = Found((PARIS, LYON, BERLIN), {"embed": 2.0, "search": 5.0})
QUESTION = "What is the capital of France?"


def told(models: Sequence[ChatModel] = (), found: Found = FOUND, question: str = QUESTION, **more: Any) -> list[Event]:
    return list(answer(question, search=lambda query: found, models=models, **{"history": (), **more}))


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def notices(events: list[Event]) -> list[str]:
    return [event.code for event in events if isinstance(event, Notice)]


def done(events: list[Event]) -> Done:
    assert isinstance(events[-1], Done), events[-1]
    assert not any(isinstance(event, Done | Failed) for event in events[:-1])
    return events[-1]


def failed(events: list[Event]) -> Failed:
    assert isinstance(events[-1], Failed), events[-1]
    return events[-1]


class Citing(FakeChatModel):
    """Says a sentence and cites a passage by the number the prompt gave it."""

    def __init__(self, source: Passage, sentence: str) -> None:
        super().__init__()
        self._source, self._sentence = source, sentence

    def stream(self, messages: Any, **options: Any) -> Any:
        opening = self._source.text.split(".")[0]
        block = next(part for part in messages[1].content.split("<passage ") if opening in part)
        number = block.split('"')[1]
        # A mark in pieces, as tokenizers cut it.
        self._pieces = [self._sentence[:7], self._sentence[7:], " [", number, "]."]
        return super().stream(messages, **options)


# ------------------------------------------------------------------------------------ it works


def test_an_answer_is_told_in_stages_and_ends_with_its_receipt() -> None:
    model = Citing(PARIS, "The capital of France is Paris")
    events = told([model])
    stages = [event.stage for event in events if isinstance(event, Status)]
    assert stages == ["searching", "found", "writing"]
    assert Status("found", "3 passages from 2 documents") in events
    assert next(event for event in events if isinstance(event, Sources)).passages == FOUND.passages
    end = done(events)
    assert end.text == text_of(events) == "The capital of France is Paris [1]."
    assert (end.status, end.refused) == ("done", False)
    assert [(s.citations, s.support) for s in end.sentences] == [((1,), 1.0)]
    (footnote,) = end.citations
    assert (footnote.n, footnote.chunk, footnote.page) == (1, PARIS.chunk, 3)
    assert footnote.quote == "Paris is the capital of France."
    assert (footnote.start, footnote.end) == (40, 40 + len(footnote.quote))


def test_the_receipt_says_who_how_long_and_how_much() -> None:
    ticks = iter(range(1000))
    end = done(told([FakeChatModel(name="gpu-1")], clock=lambda: float(next(ticks))))
    receipt = end.receipt
    assert (receipt.engine, receipt.model, receipt.route) == ("gpu-1", "tiny", "answered by gpu-1")
    assert (receipt.prompt_tokens, receipt.completion_tokens, receipt.cached_tokens) == (30, 4, 16)
    assert receipt.cost == pytest.approx(34e-6)
    times = receipt.milliseconds
    assert set(times) == {"rewrite", "embed", "search", "first_token", "generate", "total"}
    assert times["embed"] == 2.0
    assert all(value > 0 for value in times.values())
    assert times["total"] >= times["rewrite"] + times["search"] + times["first_token"] + times["generate"]


def test_tokens_are_estimated_where_the_engine_says_none() -> None:
    receipt = done(told([FakeChatModel(usage=None)])).receipt
    assert receipt.prompt_tokens > 100
    assert receipt.completion_tokens == 4
    assert "estimated" in receipt.route


def test_a_follow_up_is_searched_by_its_stand_alone_form_which_is_shown() -> None:
    queries: list[str] = []

    def search(query: str) -> Found:
        queries.append(query)
        return FOUND

    history = [Turn("What is the capital of France?", "Paris [1].")]
    model = FakeChatModel()
    events = list(answer("How many people has it?", history=history, search=search, models=[model]))
    assert queries == ["How many people has it? (capital France)"]
    assert events[0] == Status("searching", queries[0])
    assert "How many people has it?\n</question>" in model.asked[0][1].content


def test_an_answer_at_its_limit_says_that_it_is_cut() -> None:
    events = told([FakeChatModel(finish="length")])
    assert notices(events) == ["length"]
    assert done(events).status == "done"


def test_invented_footnotes_are_dropped_and_counted() -> None:
    end = done(told([FakeChatModel(["Paris [17]", " and [0", "]."])]))
    assert end.text == "Paris and."
    assert end.receipt.dropped_citations == 2


def test_only_so_many_passages_are_taken() -> None:
    events = told([FakeChatModel()], limits=AnswerLimits(passages=1))
    assert next(event for event in events if isinstance(event, Sources)).passages == (PARIS,)


# ------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Found(()), REFUSAL_EMPTY),
        (Found((), nothing_there=True), NO_DOCUMENTS),
        (Found((passage("Cats purr.", dense=0.02),)), REFUSAL),
    ],
)
def test_without_evidence_no_engine_is_asked(found: Found, text: str) -> None:
    model = FakeChatModel()
    events = told([model], found)
    end = done(events)
    assert (end.refused, end.text, text_of(events), end.citations) == (True, text, text, ())
    assert model.asked == []
    assert any(isinstance(event, Sources) for event in events)


@pytest.mark.parametrize("said", ["hi", "Hello!", "thank you", "What can you do?", "DANKE!"])
def test_a_courtesy_gets_one_sentence_without_a_search_or_an_engine(said: str) -> None:
    def search(query: str) -> Found:
        raise AssertionError("nothing is searched")

    model = FakeChatModel()
    events = list(answer(said, history=[Turn(QUESTION)], search=search, models=[model]))
    end = done(events)
    assert end.text == text_of(events)
    assert "your documents" in end.text
    assert (end.refused, end.citations, model.asked) == (True, (), [])
    assert not any(isinstance(event, Sources) for event in events)


@pytest.mark.parametrize("said", ["Hi, what is the capital of France?", "thanks for what?"])
def test_a_question_with_a_greeting_is_a_question(said: str) -> None:
    assert any(isinstance(event, Sources) for event in told([FakeChatModel()], question=said))


def test_a_search_that_does_not_answer_fails_the_answer() -> None:
    def search(query: str) -> Found:
        raise SearchUnavailable("The search does not answer; try again in a minute.")

    end = failed(list(answer(QUESTION, history=(), search=search, models=[FakeChatModel()])))
    assert (end.code, end.status, end.text) == ("search_unavailable", "failed", "")
    assert "try again" in end.message


# ------------------------------------------------------------------------------------ engines that fail


@pytest.mark.parametrize("error", [EngineUnavailable("it is overloaded"), EngineTimeout("slow"), EngineGarbage("odd")])
def test_before_the_first_word_the_next_engine_takes_over(error: EngineError) -> None:
    first = FakeChatModel([], name="gpu-1", fails=error)
    second = FakeChatModel(["Paris."], name="gpu-2")
    events = told([first, second])
    end = done(events)
    assert notices(events) == ["another_engine"]
    notice = next(event for event in events if isinstance(event, Notice))
    assert notice.message == f"gpu-1 did not answer ({error.message}); gpu-2 takes over."
    assert end.receipt.engine == "gpu-2"
    assert end.receipt.route == f"gpu-1: {error.message}; answered by gpu-2"
    assert text_of(events) == end.text == "Paris."


def test_empty_pieces_are_no_word_yet() -> None:
    first = FakeChatModel(["", "  ", ""], fails=EngineTimeout("nothing more came"))
    end = done(told([first, FakeChatModel(["Paris."], name="gpu-2")]))
    assert (end.receipt.engine, end.text) == ("gpu-2", "Paris.")


def test_an_engine_that_writes_nothing_is_passed_over() -> None:
    events = told([FakeChatModel([]), FakeChatModel(["Paris."], name="gpu-2")])
    assert done(events).text == "Paris."
    assert notices(events) == ["another_engine"]


def test_after_the_first_word_the_part_is_kept_and_said_to_be_one() -> None:
    broken = FakeChatModel(["Paris is", " the capital of France."], name="gpu-1", fails=EngineUnavailable("it is gone"))
    spare = FakeChatModel(name="gpu-2")
    events = told([broken, spare])
    end = failed(events)
    assert (end.code, end.status) == ("engine_unavailable", "interrupted")
    assert end.text == text_of(events) == "Paris is the capital of France.[1]"
    assert end.citations[0].chunk == PARIS.chunk
    assert end.sentences[0].citations == (1,)
    assert "gpu-1 broke off (it is gone)" in end.message
    assert "ask again" in end.message
    assert end.receipt.engine == "gpu-1"
    assert spare.asked == []


def test_a_prompt_that_is_too_long_is_tried_once_with_half() -> None:
    class Narrow(FakeChatModel):
        def stream(self, messages: Any, **options: Any) -> Any:
            if len(self.asked) == 0:
                self.asked.append(messages)
                raise PromptTooLong("the prompt does not fit")
            return super().stream(messages, **options)

    many = tuple(passage(f"Fact {n}: Paris is the capital of France. " * 20) for n in range(10))
    model = Narrow(["Paris."], context_window=8192)
    end = done(told([model], Found(many)))
    assert end.text == "Paris."
    first, second = (messages[1].content.count("<passage ") for messages in model.asked)
    assert 0 < second < first


def test_an_engine_whose_window_holds_no_prompt_is_not_asked() -> None:
    model = FakeChatModel(context_window=512)
    events = told([model])
    assert model.asked == []
    assert notices(events) == ["extractive"]


# ------------------------------------------------------------------------------------ quotes


def test_without_an_engine_sentences_are_quoted_each_with_its_footnote() -> None:
    events = told([])
    end = done(events)
    assert Notice("extractive", NO_ENGINE) in events
    assert end.text == text_of(events)
    assert end.text.startswith("Paris is the capital of France. [1]")
    assert end.receipt.engine == "extractive"
    assert [s.citations for s in end.sentences] == [(n,) for n in range(1, len(end.citations) + 1)]
    for sentence, footnote in zip(end.sentences, end.citations, strict=True):
        assert end.text[sentence.start : sentence.end] == sentence.text
        source = next(p for p in FOUND.passages if p.chunk == footnote.chunk)
        assert source.text[footnote.start - source.start : footnote.end - source.start] == footnote.quote
        assert sentence.text == f"{footnote.quote} [{footnote.n}]"


def test_when_no_engine_answers_quotes_do_and_say_why() -> None:
    events = told([FakeChatModel([], name="gpu-1", fails=EngineUnavailable("it cannot be reached"))])
    notice = next(event for event in events if isinstance(event, Notice))
    assert notice.code == "extractive"
    assert notice.message.startswith("gpu-1 did not answer (it cannot be reached)")
    assert done(events).receipt.route == "gpu-1: it cannot be reached; answered by quotes"


def test_engines_that_rest_after_a_failure_are_not_called_none() -> None:
    assert Notice("extractive", RESTING) in told([], resting=True)
    assert Notice("extractive", NO_ENGINE) not in told([], resting=True)


def test_a_documents_brackets_make_no_footnotes_and_its_quote_stays_verbatim() -> None:
    wiki = passage("Paris is the capital of France.[8, 34] Its capital status is old [35].")
    end = done(told([], Found((wiki,))))
    assert "[8" not in end.text
    assert "[35" not in end.text
    assert end.text == text_of(told([], Found((wiki,))))
    for sentence, footnote in zip(end.sentences, end.citations, strict=True):
        assert end.text[sentence.start : sentence.end] == sentence.text
        assert sentence.text.replace("\u2060", "") == f"{footnote.quote} [{footnote.n}]"
        assert wiki.text[footnote.start : footnote.end] == footnote.quote


def test_a_number_in_a_quoted_sentence_is_not_read_as_a_footnote() -> None:
    wiki = passage("Paris is the capital of France.[3] It is old.")
    end = done(told([], Found((wiki,))))
    assert "[3]" not in end.text
    assert "[\u20603]" in end.text
    assert end.citations[0].quote in wiki.text


# ------------------------------------------------------------------------------------ stopping


def test_stopping_keeps_the_part_and_frees_the_engine() -> None:
    model = FakeChatModel([f"word{n} " for n in range(100)])
    seen: list[Event] = []
    story = answer(QUESTION, history=(), search=lambda query: FOUND, models=[model], stopped=lambda: len(seen) > 6)
    seen.extend(story)
    end = done(seen)
    assert end.status == "stopped"
    assert end.text == text_of(seen)
    assert 0 < len(end.text.split()) < 10
    assert (model.running, model.closed) == (0, 1)


def test_stopping_before_the_first_word_asks_nobody_else() -> None:
    model, spare = FakeChatModel(["", ""]), FakeChatModel(name="spare")
    flags = iter([False, True])
    end = done(told([model, spare], stopped=lambda: next(flags, True)))
    assert (end.status, end.text) == ("stopped", "")
    assert spare.asked == []


def test_closing_the_story_closes_the_engine() -> None:
    model = FakeChatModel([f"word{n} " for n in range(100)])
    story = answer(QUESTION, history=(), search=lambda query: FOUND, models=[model])
    while not isinstance(next(story), Token):
        pass
    assert model.running == 1
    story.close()
    assert (model.running, model.closed) == (0, 1)

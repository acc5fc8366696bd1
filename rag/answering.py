"""The whole story of an answer, from the question to the receipt, as typed events.

    searching -> stand-alone question -> search -> sources -> enough evidence? -> writing
        -> an engine streams (the next one, if it fails before its first word) or sentences are quoted
        -> footnotes resolved while streaming -> Done, or Failed with the part there is

Nothing here knows a database, a queue or HTTP. The caller closes the generator to give up; that closes the
engine's stream and frees its slot.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from rag import courtesy, evidence, extractive, prompting, routing
from rag.citing import Resolver, citations, sentences, shielded
from rag.errors import (
    EngineError,
    EngineGarbage,
    EngineTimeout,
    EngineUnavailable,
    PromptTooLong,
    SearchUnavailable,
)
from rag.followup import standalone
from rag.ports import ChatModel, Delta, Usage, never
from rag.types import (
    Citation,
    Done,
    Event,
    Failed,
    Found,
    Notice,
    Passage,
    Receipt,
    Sentence,
    Sources,
    Status,
    Token,
    Turn,
)

REFUSAL = "Nothing in these documents answers that. The nearest passages are listed as sources."
REFUSAL_EMPTY = "Nothing in these documents answers that: no passage was found."
NO_DOCUMENTS = "There are no documents to ask about yet: the collection is empty, or none of its documents is ready."
NO_ENGINE = "No model engine is set up: these are sentences quoted from the documents."
RESTING = "The model engine did not answer a moment ago; these are sentences quoted from the documents."
CODES: tuple[tuple[type[EngineError], str], ...] = (
    (EngineTimeout, "engine_timeout"),
    (EngineGarbage, "engine_garbage"),
    (EngineUnavailable, "engine_unavailable"),
    (PromptTooLong, "prompt_too_long"),
    (EngineError, "engine_error"),
)


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """How much goes in and how much may come out."""

    passages: int = 10
    max_tokens: int = 700
    """The longest answer, in the engine's tokens."""
    prompt_tokens: int = 6000
    """The longest prompt, estimated; the engine's context window may allow less."""


@dataclass(slots=True)
class _Story:
    """What one answer has come to so far."""

    question: str
    history: Sequence[Turn]
    limits: AnswerLimits
    stopped: Callable[[], bool]
    clock: Callable[[], float]
    began: float
    resting: bool = False
    milliseconds: dict[str, float] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    nothing_there: bool = False

    def since(self, then: float) -> float:
        return round((self.clock() - then) * 1000, 3)

    def receipt(self, engine: str, route: str, **more: object) -> Receipt:
        times = {**self.milliseconds, "total": self.since(self.began)}
        return Receipt(engine=engine, route=route, milliseconds=times, **more)  # type: ignore[arg-type]


@dataclass(slots=True)
class _Draft:
    """What one engine has written so far."""

    model: ChatModel
    resolver: Resolver
    prompt: prompting.Prompt
    asked: float
    first: float | None = None
    pieces: int = 0
    usage: Usage | None = None
    finish: str = ""

    def take(self, delta: Delta, now: float) -> str:
        """Final text that this piece brings."""
        self.first = now if self.first is None else self.first
        self.usage = delta.usage or self.usage
        self.finish = delta.finish or self.finish
        self.pieces += bool(delta.text)
        return self.resolver.feed(delta.text)


def answer(
    question: str,
    *,
    history: Sequence[Turn],
    search: Callable[[str], Found],
    models: Sequence[ChatModel],
    resting: bool = False,
    limits: AnswerLimits | None = None,
    stopped: Callable[[], bool] = never,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[Event, None, None]:
    """Events in order; the last is Done or Failed. `models` in the order they are to be tried; `resting` says
    that there are engines which are passed over, as they failed a moment ago.

    `search` takes the stand-alone question and may raise SearchUnavailable. `Status("searching")` carries the
    stand-alone form in `detail` where it differs from the question.
    """
    story = _Story(question, history, limits or AnswerLimits(), stopped, clock, clock(), resting)
    if said := courtesy.reply(question):
        yield from _said(story, said, "a courtesy; nothing was searched and no engine was asked")
        return
    query = standalone(question, history)
    story.milliseconds["rewrite"] = story.since(story.began)
    yield Status("searching", query if query != question else "")
    try:
        passages = _searched(story, search, query)
    except SearchUnavailable as error:
        receipt = story.receipt("", "the search did not answer")
        yield Failed("search_unavailable", error.message, receipt=receipt, status="failed")
        return
    yield Sources(passages)
    yield Status("found", _counted(passages))
    if stopped():
        yield Done("", (), (), story.receipt("", "stopped before an engine was asked"), status="stopped")
    elif not evidence.weigh(query, passages).enough:
        yield from _refused(story, passages)
    else:
        yield from _written(story, query, passages, models)


def _searched(story: _Story, search: Callable[[str], Found], query: str) -> tuple[Passage, ...]:
    began = story.clock()
    found = search(query)
    story.nothing_there = found.nothing_there
    embed = float(found.timings.get("embed", 0.0))
    story.milliseconds["embed"] = embed
    story.milliseconds["search"] = max(0.0, story.since(began) - embed)
    return found.passages[: story.limits.passages]


def _counted(passages: Sequence[Passage]) -> str:
    def several(count: int, one: str) -> str:
        return f"{count} {one}" if count == 1 else f"{count} {one}s"

    documents = len({passage.document for passage in passages})
    return f"{several(len(passages), 'passage')} from {several(documents, 'document')}"


def _refused(story: _Story, passages: Sequence[Passage]) -> Iterator[Event]:
    text = REFUSAL if passages else NO_DOCUMENTS if story.nothing_there else REFUSAL_EMPTY
    yield from _said(story, text, "too little evidence; no engine was asked")


def _said(story: _Story, text: str, route: str) -> Iterator[Event]:
    """One sentence of our own, which no source bears, instead of an answer."""
    yield Token(text)
    told = (Sentence(text, 0, len(text), (), 0.0),)
    yield Done(text, (), told, story.receipt("", route), refused=True)


# -------------------------------------------------------------------------------------------- writing


def _written(
    story: _Story, query: str, passages: tuple[Passage, ...], models: Sequence[ChatModel]
) -> Generator[Event, None, None]:
    """Engines in order, quotes when none is left."""
    for model in routing.ranked(models, max_tokens=story.limits.max_tokens):
        if story.failures:
            name, reason = story.failures[-1]
            yield Notice("another_engine", f"{name} did not answer ({reason.rstrip('.')}); {model.name} takes over.")
        yield Status("writing", model.name)
        if (yield from _by_model(story, model, passages)):
            return
    yield Notice("extractive", _why_quotes(story, models))
    yield Status("writing", "quotes")
    yield from _by_quotes(story, query, passages)


def _why_quotes(story: _Story, models: Sequence[ChatModel]) -> str:
    if story.failures:
        name, reason = story.failures[-1]
        return f"{name} did not answer ({reason.rstrip('.')}): these are sentences quoted from the documents."
    if models:
        return "The prompt does not fit any engine's context window: these are sentences quoted from the documents."
    return RESTING if story.resting else NO_ENGINE


def _by_model(story: _Story, model: ChatModel, passages: tuple[Passage, ...]) -> Generator[Event, None, bool]:
    """Whether the story ended here. False, with the reason noted, when nothing was said and the next may try."""
    budget = routing.prompt_budget(model, limit=story.limits.prompt_tokens, max_tokens=story.limits.max_tokens)
    for room in (budget, budget // 2):
        prompt = prompting.build(story.question, passages, story.history, budget=room)
        draft = _Draft(model, Resolver(prompt.passages), prompt, story.clock())
        try:
            yield from _streamed(story, draft)
        except PromptTooLong as error:
            reason: EngineError = error
            continue
        except EngineError as error:
            reason = error
            break
        if draft.resolver.text or story.stopped():
            yield from _done(story, draft)
            return True
        reason = EngineGarbage("it wrote nothing")
        break
    if draft.resolver.text:
        yield from _broken_off(story, draft, reason)
        return True
    story.failures.append((model.name, reason.message))
    return False


def _streamed(story: _Story, draft: _Draft) -> Iterator[Event]:
    longest = routing.completion_tokens(draft.model, max_tokens=story.limits.max_tokens)
    with closing(draft.model.stream(draft.prompt.messages, max_tokens=longest, stopped=story.stopped)) as stream:
        for delta in stream:
            if text := draft.take(delta, story.clock()):
                yield Token(text)
            if story.stopped():
                break
    if text := draft.resolver.flush():
        yield Token(text)


def _closed(story: _Story, draft: _Draft) -> tuple[tuple[Citation, ...], tuple[Sentence, ...], Receipt]:
    """Citations, sentences and receipt of what was written."""
    cited = draft.resolver.cited
    told = sentences(draft.resolver.text, cited, draft.prompt.passages)
    first = draft.first if draft.first is not None else story.clock()
    story.milliseconds["first_token"] = round((first - draft.asked) * 1000, 3)
    story.milliseconds["generate"] = story.since(first)
    usage, estimated = draft.usage, ""
    if usage is None:
        characters = sum(len(message.content) for message in draft.prompt.messages)
        usage, estimated = Usage(characters // 4, draft.pieces), "; the engine gave no usage, tokens are estimated"
    receipt = story.receipt(
        draft.model.name,
        routing.route_words(story.failures, draft.model.name) + estimated,
        model=draft.model.model,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        cost=draft.model.cost(usage),
        dropped_citations=draft.resolver.dropped,
    )
    return citations(cited, told), told, receipt


def _done(story: _Story, draft: _Draft) -> Iterator[Event]:
    # Asked before the engine's own reason: a stream that was closed has none.
    status = "stopped" if story.stopped() and not draft.finish else "done"
    if draft.finish == "length" and status == "done":
        yield Notice("length", "The answer reached its limit of length and is cut here; ask for the rest.")
    footnotes, told, receipt = _closed(story, draft)
    yield Done(draft.resolver.text, footnotes, told, receipt, status=status)


def _broken_off(story: _Story, draft: _Draft, error: EngineError) -> Iterator[Event]:
    if text := draft.resolver.flush():
        yield Token(text)
    footnotes, told, receipt = _closed(story, draft)
    code = next(code for kind, code in CODES if isinstance(error, kind))
    message = (
        f"{draft.model.name} broke off ({error.message.rstrip('.')}). What was written is kept; ask again for a "
        "whole answer."
    )
    yield Failed(code, message, draft.resolver.text, footnotes, told, receipt)


def _by_quotes(story: _Story, query: str, passages: Sequence[Passage]) -> Iterator[Event]:
    """Each quoted sentence is a paragraph with its footnote; quote and span are that very sentence."""
    began = story.clock()
    found = extractive.quotes(query, passages)
    if not found:
        yield from _refused(story, passages)
        return
    text = ""
    told: list[Sentence] = []
    footnotes: list[Citation] = []
    for n, quote in enumerate(found, start=1):
        p = quote.passage
        piece = ("\n\n" if text else "") + f"{shielded(quote.text)} [{n}]"
        start = len(text) + (2 if text else 0)
        text += piece
        told.append(Sentence(text[start:], start, len(text), (n,), 1.0))
        verbatim = p.text[quote.start : quote.end]
        span = p.start + quote.start, p.start + quote.end
        footnotes.append(Citation(n, p.chunk, p.document, p.version, p.page, *span, verbatim))
        yield Token(piece)
    story.milliseconds |= {"first_token": story.since(began), "generate": 0.0}
    route = routing.route_words(story.failures, "quotes")
    yield Done(text, tuple(footnotes), tuple(told), story.receipt("extractive", route))

"""Passages as the retrieval page shows them: their words marked, their scores as bars, and why each was found."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from apps.documents.admin.marking import QuestionWords
from apps.documents.selectors import unit
from rag.types import Found, Mode, Passage

NEAR, TELLING = 0.5, 0.25
"""Of the best cosine and the best BM25 that were found; what has less of it was hardly found by it."""
NAMED = 0.8
"""Of the best `named` score; a word that many documents begin with gives each a little."""
STAGES = {"embed": "embedding", "search": "searching", "fetch": "fetching"}


@dataclass(frozen=True, slots=True)
class Best:
    """The highest scores among passages, by which the others are measured."""

    dense: float
    lexical: float
    named: float

    @classmethod
    def of(cls, passages: Iterable[Passage]) -> "Best":
        """0 for what no passage has a score of."""
        rows = list(passages)
        return cls(
            max((row.dense or 0.0 for row in rows), default=0.0),
            max((row.lexical or 0.0 for row in rows), default=0.0),
            max((row.named for row in rows), default=0.0),
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A setting in words, its mode, and what was found with it."""

    setting: str
    mode: str
    found: Found

    def places(self) -> dict[UUID, int]:
        """The place of each passage, from 1."""
        return {passage.chunk: place for place, passage in enumerate(self.found.passages, start=1)}


def found_lists(question: str, asked: Sequence[Asked]) -> list[dict[str, Any]]:
    """One list, or two to compare, for templates/admin/documents/retrieval_list.html.

    Bars are measured by the best of both lists, so that they can be compared; reasons by the best of their own.
    """
    words = QuestionWords(question)
    longest = Best.of(passage for each in asked for passage in each.found.passages)
    others = [each.places() for each in reversed(asked)] if len(asked) > 1 else [None]
    return [
        {
            "number": number,
            "other": 3 - number,
            "setting": each.setting,
            "timings": _timings(each.found),
            "rows": list(_rows(each, other, words, longest)),
        }
        for number, (each, other) in enumerate(zip(asked, others, strict=True), start=1)
    ]


def _rows(asked: Asked, other: dict[UUID, int] | None, words: QuestionWords, longest: Best) -> Iterator[dict[str, Any]]:
    best = Best.of(asked.found.passages)
    for place, passage in enumerate(asked.found.passages, start=1):
        yield {
            "place": place,
            "why": why(passage, asked.mode, words, best),
            "text": words.marked(passage.text),
            "scores": _scores(passage, asked.mode, longest),
            **_row(passage),
            **_elsewhere(passage.chunk, place, other),
        }


def why(passage: Passage, mode: str, words: QuestionWords, best: Best) -> str:
    """One sentence: what about the passage made it be found."""
    if passage.referred_from:
        return f"Because “{passage.referred_from}” names its document."
    if mode == Mode.DENSE:
        return "By meaning."
    told = words.found_in(passage.text, passage.heading, passage.header, passage.title)
    listed = f": {', '.join(told)}" if told else ""
    if mode == Mode.LEXICAL:
        return f"By words{listed}."
    return f"{_by_legs(passage, best, listed)}{_by_name(passage, best, words)}."


def _by_legs(passage: Passage, best: Best, listed: str) -> str:
    near = passage.dense is not None and passage.dense > 0 and passage.dense >= NEAR * best.dense
    telling = passage.lexical is not None and passage.lexical >= TELLING * best.lexical
    if near and telling:
        return f"By meaning and by words{listed}"
    if near and not passage.lexical:
        return "By meaning only; it has no word of yours"
    if near:
        return f"Mainly by meaning, hardly by words{listed}"
    if telling:
        return f"{'Mainly' if passage.dense and passage.dense > 0 else 'Only'} by words{listed}"
    return f"By little: its meaning is far and it has few words of yours{listed}"


def _by_name(passage: Passage, best: Best, words: QuestionWords) -> str:
    if passage.named <= 0 or passage.named < NAMED * best.named:
        return ""
    in_title = words.found_in(passage.title)
    if in_title:
        return f"; its document is named in the question ({', '.join(in_title)})"
    return "; its document begins with words of the question"


def _row(passage: Passage) -> dict[str, Any]:
    document = reverse("admin:documents_document_change", args=[passage.document])
    at = urlencode({"page": passage.page, "passage": passage.chunk})
    return {
        "title": passage.title,
        "url": f"{document}?{at}#passage-{passage.chunk}",
        "page": f"{unit(passage.pages, passage.has_page_image) or 'page'} {passage.page:,}",
        "heading": passage.heading if passage.heading != passage.title else "",
        "header": passage.header,
    }


def _scores(passage: Passage, mode: str, longest: Best) -> list[dict[str, Any]]:
    """The score that orders the list, and those it is made of; none where the mode does not ask for one."""
    return [
        _score("Score", passage.score, 1.0),
        _score("Meaning", None if mode == Mode.LEXICAL else passage.dense, 1.0),
        _score("Words", None if mode == Mode.DENSE else passage.lexical, longest.lexical),
        _score("Named", passage.named if mode == Mode.HYBRID else None, longest.named),
    ]


def _score(name: str, value: float | None, most: float) -> dict[str, Any]:
    """A score with how long its bar is, in percent of the most there is."""
    share = max(0.0, min(1.0, value / most)) if value is not None and most > 0 else 0.0
    return {"name": name, "value": "none" if value is None else f"{value:.2f}", "share": round(100 * share)}


def _elsewhere(chunk: UUID, place: int, places: dict[UUID, int] | None) -> dict[str, Any]:
    """Where the other list has it, in words; nothing where there is no other list."""
    if places is None:
        return {"other_place": None, "other_words": ""}
    other = places.get(chunk)
    if other is None:
        return {"other_place": None, "other_words": "not in the other list"}
    return {
        "other_place": other,
        "other_words": "same place in the other" if other == place else f"place {other} in the other",
    }


def _timings(found: Found) -> list[tuple[str, str]]:
    """The stages with their time; none where nothing was searched."""
    return [(words, f"{found.timings[stage]:.1f} ms") for stage, words in STAGES.items() if stage in found.timings]

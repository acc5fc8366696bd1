"""The question sets of the evaluation data, each as documents to find and questions whose passages are known."""

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.client import DATA, read_jsonl
from engines.parsing import Limits, Report, extract
from rag.types import Block, Page, Turn

Row = dict[str, Any]
LANGUAGES = ("en", "de", "es", "zh", "ar")
PARAGRAPH = re.compile(r"[^\n]+(?:\n(?!\n)[^\n]+)*")


@dataclass(frozen=True, slots=True)
class Document:
    """Something to be found. `names` gives for each of its pages, in order, what a question's gold calls it."""

    title: str
    pages: Callable[[], Iterator[Page]]
    name: Callable[[int], str]
    """From a page's number."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and how relevant which passages are."""

    id: str
    text: str
    gold: dict[str, int]
    history: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Documents that make one collection, and what is asked of them."""

    name: str
    documents: list[Document]
    questions: list[Question] = field(default_factory=list)
    english: bool = True


def load(name: str) -> QuestionSet:
    """One of NAMES."""
    return _LOADERS[name]()


def _passages(folder: str, title: Callable[[Row], str], language: str = "") -> list[Document]:
    rows = read_jsonl(DATA / folder / "passages.jsonl")
    return [_passage(row, title(row)) for row in rows if not language or row["lang"] == language]


def _passage(row: Row, title: str) -> Document:
    blocks = tuple(Block(match.start(), match.end()) for match in PARAGRAPH.finditer(row["text"]))
    return Document(title, lambda: iter([Page(1, row["text"], blocks)]), lambda _: str(row["id"]))


def _titled(row: Row) -> str:
    return str(row.get("title", ""))


def _gold(names: list[str]) -> dict[str, int]:
    return dict.fromkeys(names, 1)


def _squad() -> QuestionSet:
    rows = [row for row in read_jsonl(DATA / "squad" / "questions.jsonl") if row["answerable"]]
    asked = [Question(row["id"], row["question"], _gold(row["gold_passages"])) for row in rows]
    return QuestionSet("squad", _passages("squad", _titled), asked)


def _multihop(name: str) -> QuestionSet:
    rows = read_jsonl(DATA / name / "questions.jsonl")
    asked = [Question(row["id"], row["question"], _gold(row["gold_passages"])) for row in rows]
    return QuestionSet(name, _passages(name, _titled), asked)


def _mtrag() -> QuestionSet:
    folder = "conversation_mtrag_un"
    asked = [
        Question(row["id"], row["question"], _gold(row["gold_passages"]), turns(row["history"]))
        for row in read_jsonl(DATA / folder / "questions.jsonl")
        if row["gold_passages"]
    ]
    return QuestionSet(folder, _passages(folder, _titled), asked)


def turns(history: list[Row]) -> tuple[Turn, ...]:
    """Each question of a conversation with the answer after it."""
    turns: list[Turn] = []
    for message in history:
        if message["role"] == "user":
            turns.append(Turn(message["text"]))
        elif turns:
            turns[-1] = Turn(turns[-1].question, message["text"])
    return tuple(turns)


def _cacm() -> QuestionSet:
    gold: dict[str, dict[str, int]] = defaultdict(dict)
    with (DATA / "ir_cacm" / "qrels.tsv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            if int(row["relevance"]) > 0:
                gold[row["question_id"]][row["passage_id"]] = int(row["relevance"])
    rows = read_jsonl(DATA / "ir_cacm" / "questions.jsonl")
    asked = [Question(row["id"], row["question"], gold[row["id"]]) for row in rows if gold[row["id"]]]
    return QuestionSet("ir_cacm", _passages("ir_cacm", _titled), asked)


def _xquad(language: str) -> QuestionSet:
    rows = [row for row in read_jsonl(DATA / "multilingual_xquad" / "questions.jsonl") if row["lang"] == language]
    asked = [Question(row["id"], row["question"], _gold(row["gold_passages"])) for row in rows]
    documents = _passages("multilingual_xquad", lambda row: str(row["doc"]), language)
    # Its English passages and questions are squad's, so they are no part of the mixed collection.
    return QuestionSet(f"multilingual_xquad[{language}]", documents, asked, english=False)


def _financebench() -> QuestionSet:
    folder = DATA / "pdf_financebench"
    asked = [
        Question(
            row["id"], row["question"], _gold([f"{each['doc']}#{each['page_1based']}" for each in row["evidence"]])
        )
        for row in read_jsonl(folder / "questions.jsonl")
    ]
    documents = [
        Document(
            path.stem,
            lambda path=path: extract(path, "application/pdf", limits=Limits(), report=Report()),  # type: ignore[misc]
            lambda number, name=path.name: f"{name}#{number}",  # type: ignore[misc]
        )
        for path in sorted((folder / "pdfs").glob("*.pdf"))
    ]
    return QuestionSet("pdf_financebench", documents, asked)


_LOADERS: dict[str, Callable[[], QuestionSet]] = {
    "squad": _squad,
    "multihop_hotpotqa": lambda: _multihop("multihop_hotpotqa"),
    "multihop_2wiki": lambda: _multihop("multihop_2wiki"),
    "conversation_mtrag_un": _mtrag,
    "ir_cacm": _cacm,
    **{f"multilingual_xquad[{each}]": lambda each=each: _xquad(each) for each in LANGUAGES},  # type: ignore[misc]
    "pdf_financebench": _financebench,
}
NAMES = tuple(_LOADERS)

"""The answer without a model: the sentences of the passages that bear the question best, quoted.

A sentence scores by the share of the question's content words it has, each weighted by how rare it is
among the candidates (idf), with what stands around it (heading, title, the sentence before) counting a
little and a question right above it counting much; by whether it holds the kind of thing asked for (a
date, a name, a number); and by how good its passage is. Weights tuned on half of SQuAD's articles, see
benchmarks/extractive_squad.py. Headings, questions and the names above a table's columns answer nothing and
are never quoted.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.sentences import CELL, CLOSERS, passage_spans
from rag.tables import is_frame, names_of, row_read, tables
from rag.types import Passage
from rag.words import content_words


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each sign counts, against 1.0 for all of the question's words in the sentence itself."""

    context: float = 0.35
    """A question word found only in heading, title, header or the neighbouring sentence."""
    asked: float = 0.8
    """A question word found in the question, of a list of questions and answers, that stands right above.
    Hand-set: SQuAD has no such lists."""
    kind: float = 0.2
    """The sentence holds the kind of thing asked for."""
    passage: float = 0.4
    """The best passage's advantage over the last one."""
    enough: float = 0.55
    """A further sentence must score this share of the best one."""
    code: float = 0.5
    """Taken from what looks like code: it holds the words, but tells nobody anything."""
    same: float = 0.7
    """A further sentence that shares more of its words with a chosen one says nothing new."""


WEIGHTS = Weights()
SYMBOLS = 0.04
"""A text with a larger share of code's own characters looks like code; of SQuAD's sentences, next to none has."""
_SYMBOL = re.compile(r"""[{}<>=\\~^`#@*\u2190-\u21ff\u2500-\u25ff]|\$(?=[A-Za-z{(])|--(?=\w)|"(?=[\[:,}])|_(?=\w)""")
SENTENCES = 3
LONGEST_HEADING = 8
"""Words of a line that may be a heading by its looks alone."""

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"


def _pattern(*parts: str, cased: bool = False) -> re.Pattern[str]:
    return re.compile("|".join(parts), 0 if cased else re.IGNORECASE)


_DATE = _pattern(r"\b(?:1\d|20)\d\d\b", rf"\b{_MONTH}\.? \d", rf"\b\d{{1,2}} {_MONTH}", r"\bcentury\b", r"\b\d{3,4}s\b")
_COUNT = _pattern(
    r"\d",
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|million|billion)\b",
    r"\b(?:half|third|quarter|percent|first|second|several|majority)\b",
)
_MONEY = _pattern(r"[$€£¥]\s?\d", r"\b\d[\d,.]*\s?(?:million|billion|dollars|euros|pounds|USD|EUR)")
_NAME = _pattern(
    r"(?<=[a-z,;:()\"“”'’] )[A-Z][\w'’-]+", r"\b[A-Z][\w'’-]+ (?:of |the |de |von )?[A-Z][\w'’-]+", cased=True
)
_PLACE = _pattern(
    r"\b(?:in|at|near|from|to|on|across|through|between|north|south|east|west)\b (?:the )?[A-Z]", cased=True
)
_REASON = _pattern(
    r"\b(?:because|due to|since|so that|in order to|result(?:s|ed)? (?:in|of|from)|caus\w+|therefore|led to)\b"
)
_KINDS = (
    (_pattern(r"\b(?:when|(?:what|which) (?:year|date|day|month|century|decade)|how long ago)\b"), _DATE),
    (_pattern(r"\b(?:how much (?:money|did .* cost|does .* cost)|price|revenue|cost|income|net sales)\b"), _MONEY),
    (_pattern(r"\bhow (?:many|much|long|far|old|large|big|tall|often|fast|high)\b"), _COUNT),
    (_pattern(r"\bwhat (?:number|percent\w*|amount|share)\b"), _COUNT),
    (_pattern(r"\b(?:who|whom|whose|(?:what|which) (?:person|company|organi[sz]ation))\b"), _NAME),
    (_pattern(r"\b(?:where|(?:what|which) (?:city|country|state|place|region))\b"), _PLACE),
    (_pattern(r"\b(?:why|what (?:caused?|reason))\b"), _REASON),
)


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of a passage: `passage.text[start:end]`, and how it reads in an answer."""

    passage: Passage
    start: int
    end: int
    text: str
    score: float


@dataclass(slots=True)
class _Candidate:
    passage: Passage
    rank: int
    start: int
    end: int
    words: frozenset[str]
    around: frozenset[str]
    asked: frozenset[str]
    """Words of the questions right above it."""


def quotes(
    question: str, passages: Sequence[Passage], *, limit: int = SENTENCES, weights: Weights = WEIGHTS
) -> list[Quote]:
    """One to `limit` sentences, best first; empty when no passage has text beside headings and questions."""
    wanted = set(content_words(question))
    candidates = [c for rank, passage in enumerate(passages) for c in _candidates(passage, rank)]
    if not candidates:
        return []
    rarity = _rarity(wanted, candidates)
    kind = next((thing for ask, thing in _KINDS if ask.search(question)), None)
    scored = [(_score(c, rarity, kind, len(passages), weights), c) for c in candidates]
    scored.sort(key=lambda pair: (-pair[0], pair[1].rank, pair[1].start))
    return _diverse(scored, wanted, limit, weights)


def _candidates(passage: Passage, rank: int) -> Iterator[_Candidate]:
    frame = frozenset(content_words(f"{passage.title}\n{passage.heading}\n{passage.header}"))
    above = passage.heading.split(" > ")
    found = list(tables(passage.text))
    opening = True
    before: frozenset[str] = frozenset()
    asked = frozenset(content_words(above[-1])) if is_question(above[-1]) else frozenset[str]()
    for start, end in passage_spans(passage.text, rows=bool(passage.header)):
        said = passage.text[start:end]
        words = frozenset(content_words(said))
        if is_question(said):
            # "What license? Which version?": the answer to several questions in a row answers each.
            asked |= words
        elif _is_heading(said, above) or (opening and _opens(passage.text, start, end)):
            pass
        elif not is_frame(passage, start, end, found):
            opening = False
            names = frozenset(content_words(" ".join(names_of(passage, start, found)))) if CELL in said else frozenset()
            yield _Candidate(passage, rank, start, end, words, frame | before | names, asked)
            asked = frozenset()
        before = words


def _opens(text: str, start: int, end: int) -> bool:
    """Whether it looks like a heading at a passage's beginning, where the chunker puts them: one short line
    without figures or a full stop, with more text on the lines below."""
    said = text[start:end]
    alone = "\n" not in said and text[end:].lstrip(" \t").startswith("\n") and bool(text[end:].strip())
    wordy = not any(letter.isdigit() or letter in ".!…。:;|" for letter in said)
    return alone and wordy and len(said.split()) <= LONGEST_HEADING


def is_question(said: str) -> bool:
    """Whether a sentence or heading asks; closing quotes and the marks of bold type may follow."""
    return said.rstrip(CLOSERS + "*_ ").endswith(("?", "？"))


def _is_heading(said: str, above: Sequence[str]) -> bool:
    """Whether it is one of the headings above the passage, or marked as one."""
    line = " ".join(said.split())
    return line in above or (line.startswith("#") and line.lstrip("#")[:1] == " ")


def _rarity(wanted: set[str], candidates: Sequence[_Candidate]) -> dict[str, float]:
    """idf of the question's words over the candidate sentences (Robertson and Sparck Jones, smoothed)."""
    counts = Counter(word for c in candidates for word in c.words & wanted)
    n = len(candidates)
    return {word: math.log(1 + (n - counts[word] + 0.5) / (counts[word] + 0.5)) for word in wanted}


def _score(
    c: _Candidate, rarity: dict[str, float], kind: re.Pattern[str] | None, passages: int, weights: Weights
) -> float:
    whole = sum(rarity.values()) or 1.0
    own = sum(value for word, value in rarity.items() if word in c.words)
    asked = sum(value for word, value in rarity.items() if word in c.asked - c.words)
    near = sum(value for word, value in rarity.items() if word in c.around - c.words - c.asked)
    score = (own + weights.asked * asked + weights.context * near) / whole
    if kind is not None and own + asked and kind.search(c.passage.text[c.start : c.end]):
        score += weights.kind
    score += weights.passage * (1 - c.rank / max(passages, 1))
    score -= weights.code * looks_like_code(c.passage.text[c.start : c.end])
    return score if c.words else -1.0


def looks_like_code(said: str) -> bool:
    """Whether it is a command, a formula or a drawing of lines rather than a sentence. Cell borders do not count."""
    return len(_SYMBOL.findall(said)) > SYMBOLS * len(said)


def _diverse(scored: Sequence[tuple[float, _Candidate]], wanted: set[str], limit: int, weights: Weights) -> list[Quote]:
    best = scored[0][0]
    chosen: list[_Candidate] = []
    found: list[Quote] = []
    for score, c in scored:
        if len(found) == limit or (found and score < weights.enough * best):
            break
        if found and (not c.words & wanted or any(_overlap(c, other) > weights.same for other in chosen)):
            continue
        chosen.append(c)
        found.append(Quote(c.passage, c.start, c.end, readable(c.passage, c.start, c.end), score))
    return found


def _overlap(a: _Candidate, b: _Candidate) -> float:
    return len(a.words & b.words) / (min(len(a.words), len(b.words)) or 1)


def readable(passage: Passage, start: int, end: int) -> str:
    """The sentence on one line; a table row with its cells named where they match the names in number, whether
    these stand in the passage or above it."""
    line = passage.text[start:end]
    names = names_of(passage, start, list(tables(passage.text))) if CELL in line else ()
    return row_read(line, names) or " ".join(line.split())

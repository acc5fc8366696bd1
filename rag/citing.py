"""Footnotes: marks resolved while the answer streams, support of each sentence, the quoted span.

The model sees passages numbered in the prompt's order; the reader sees footnotes numbered in order of
first appearance. A sentence that ends without a mark gets the mark of the passage that bears it best, if
one bears it well enough; that is decided when the next sentence begins, so nothing is held longer.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rag.sentences import CJK_STOPS, CLOSERS, ends_here, passage_spans, sentence_spans
from rag.types import Citation, Passage, Sentence
from rag.words import content_words

BACKFILL_SUPPORT = 0.75
"""A sentence without a mark gets one where a passage holds at least this share of its content words.
Chosen strict rather than measured: a missing footnote is better than a wrong one."""
BACKFILL_WORDS = 3
"""Shorter sentences ("Yes.", "In short:") say too little to be matched by their words."""
LONGEST_MARK = 48
"""Characters held back while a bracket may still become a mark."""
LONGEST_QUOTE = 3
"""Sentences in a quote at most."""
_GAIN = 0.15
"""A neighbouring sentence joins a quote when it adds this share of the wanted words (hand-set)."""

_WORD_BEFORE_NUMBER = r"(?:(?:passages?|sources?|documents?|footnotes?)\s*)?"
_NUMBERS = r"\^?\d{1,3}(?:\s*(?:[,;&–-]|and)\s*\^?\d{1,3})*"
OPENERS = "[【［"
_TOKEN = re.compile(rf"\s+|[^\s{re.escape(OPENERS)}{CJK_STOPS}]*[{CJK_STOPS}]+|[^\s{re.escape(OPENERS)}{CJK_STOPS}]+")
_MARK = re.compile(rf"[\[【［]\s*{_WORD_BEFORE_NUMBER}({_NUMBERS})\s*(?:†[^\]】］]*)?[\]】］]", re.IGNORECASE)
_UNFINISHED = re.compile(r"[\[【［][\w\s^,;&–†.:-]*$")
WORD_JOINER = "\u2060"
_MARK_LIKE = re.compile(
    rf"[\[【［](?=\s*{_WORD_BEFORE_NUMBER}\^?\d{{1,3}}(?:(?:[\s,;&/–—−‐‑-]|and|to)+\^?\d{{1,3}})*\s*[,;]?\s*"
    r"(?:†[^\]】］]*)?[\]】］])",
    re.IGNORECASE,
)
"""The bracket that opens what a reader, a page or this file could take for a mark; wider than `_MARK`."""
_RANGE = re.compile(r"(\d+)\s*[–-]\s*\^?(\d+)|(\d+)")
_SUBSCRIPT = re.compile(r"(?:^|[^\w])(?:[a-z]|\w*_\w*)$")
_OURS = re.compile(r"\[(\d{1,3})\]")
_STOP = re.compile(rf"([.!?…]+|[{CJK_STOPS}]+)([{re.escape(CLOSERS)}]*)$")


def without_marks(text: str) -> str:
    """The text without footnote marks and without the space in front of them."""
    return re.sub(r"[ \t]*\[\d{1,3}\]", "", text)


def shielded(text: str) -> str:
    """A document's text with its own `[1]`, `[8, 34]`, `[3-5]` kept from reading as footnotes: a word joiner,
    which nobody sees and no line breaks at, follows the bracket. Quotes that are stored stay without it."""
    return _MARK_LIKE.sub(rf"\g<0>{WORD_JOINER}", text)


def no_mark(code: str) -> str:
    """Code with `[1]` as `[ 1]`, so that it does not read as a footnote and, copied, still is valid code."""
    return _MARK_LIKE.sub(r"\g<0> ", code)


@dataclass
class Resolver:
    """Turns a model's marks into footnotes, piece by piece. One answer, one resolver.

    `passages` in the order the prompt numbered them. `feed` and `flush` give text that is final.
    """

    passages: Sequence[Passage]
    order: list[int] = field(default_factory=list)
    """Index into `passages` of footnote 1, 2, ..."""
    dropped: int = 0
    text: str = ""
    """All that was given out."""
    _held: str = ""
    _space: str = ""  # not given out yet: what follows decides which sentence a mark belongs to
    _sentence: str = ""
    _code: bool = False
    _just_dropped: bool = False
    _bags: list[frozenset[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._bags = [passage_words(passage) for passage in self.passages]

    @property
    def cited(self) -> list[Passage]:
        """The passages behind footnotes 1, 2, ..."""
        return [self.passages[i] for i in self.order]

    def feed(self, piece: str) -> str:
        """Takes the next piece, gives what is final by now; may be empty."""
        self._held += piece
        return self._drain(at_end=False)

    def flush(self) -> str:
        """The stream has ended: gives what was held, without trailing space."""
        out = self._drain(at_end=True)
        self._space = ""
        return out + self._give(self._backfill())

    # ------------------------------------------------------------------------------------ inside

    def _drain(self, *, at_end: bool) -> str:
        out = ""
        while self._held:
            if self._held[0] in OPENERS:
                length = self._bracket_length(at_end)
                if length == 0:
                    break
                out += self._bracket(length)
            else:
                token = _TOKEN.match(self._held)
                length = token.end() if token else 1
                out += self._plain(self._held[:length])
            self._held = self._held[length:]
        return out

    def _bracket_length(self, at_end: bool) -> int:
        """How much of `_held` the bracket at its start takes; 0 while more text could change that."""
        mark = _MARK.match(self._held)
        if mark is not None:
            return mark.end()
        open_still = len(self._held) < LONGEST_MARK and _UNFINISHED.fullmatch(self._held)
        return 0 if open_still and not at_end else 1

    def _bracket(self, length: int) -> str:
        mark = _MARK.fullmatch(self._held[:length])
        subscript = not self._space and _SUBSCRIPT.search(self._sentence)
        if mark is None:
            return self._plain(self._held[:length])
        if self._code or subscript:
            return self._plain(no_mark(mark.group()))
        marks = self._resolve(mark.group(1))
        if not marks:
            self._just_dropped = True
            return ""
        out = self._end_sentence() if "\n" in self._space else ""
        out += self._give(self._space + marks)
        self._sentence += marks
        self._space = ""
        return out

    def _plain(self, token: str) -> str:
        if token.isspace():
            self._space = token if self._just_dropped else (self._space + token)[:LONGEST_MARK]
            self._just_dropped = False
            return ""
        if not self.text or (self._just_dropped and token[0] in ".,;:!?)"):
            self._space = ""
        self._just_dropped = False
        out = self._end_sentence() if self._at_sentence_end(token) else ""
        self._code ^= token.count("`") % 2 == 1
        self._sentence += self._space + token
        out += self._give(self._space + token)
        self._space = ""
        return out

    def _at_sentence_end(self, following: str) -> bool:
        if "\n" in self._space:
            return True
        stop = _STOP.search(without_marks(self._sentence))
        if stop is None:
            return False
        if stop.group(1)[0] in CJK_STOPS:
            return following[0] not in CLOSERS + CJK_STOPS
        return bool(self._space) and ends_here(without_marks(self._sentence)[: stop.end(1)], following)

    def _end_sentence(self) -> str:
        mark = self._give(self._backfill())
        self._sentence = ""
        return mark

    def _give(self, text: str) -> str:
        self.text += text
        return text

    def _resolve(self, numbers: str) -> str:
        tail = re.search(r"(?:\[\d{1,3}\])+$", self.text) if not self._space else None
        already = set(_OURS.findall(tail.group())) if tail else set()
        marks = ""
        for number in _expanded(numbers):
            if not 1 <= number <= len(self.passages):
                self.dropped += 1
                continue
            footnote = str(self._footnote(number - 1))
            if footnote not in already:
                already.add(footnote)
                marks += f"[{footnote}]"
        return marks

    def _footnote(self, index: int) -> int:
        if index not in self.order:
            self.order.append(index)
        return self.order.index(index) + 1

    def _backfill(self) -> str:
        """The mark that a sentence without one earns by its words, or nothing."""
        sentence = self._sentence.strip()
        if not sentence or self._code or _OURS.search(sentence) or sentence[-1] == ":" or sentence[0] in "#|`":
            return ""
        wanted = set(content_words(sentence))
        if len(wanted) < BACKFILL_WORDS or not self._bags:
            return ""
        best = max(range(len(self._bags)), key=lambda i: len(wanted & self._bags[i]))
        if len(wanted & self._bags[best]) < BACKFILL_SUPPORT * len(wanted):
            return ""
        return f"[{self._footnote(best)}]"


def _expanded(numbers: str) -> list[int]:
    """`1, 3-5` as 1, 3, 4, 5; a range is followed for ten numbers at most."""
    found: list[int] = []
    for first, last, single in _RANGE.findall(numbers):
        found += [int(single)] if single else list(range(int(first), min(int(last), int(first) + 9) + 1))
    return found


def passage_words(passage: Passage) -> frozenset[str]:
    """All content words of a passage, its title, heading path and table header."""
    return frozenset(content_words("\n".join((passage.title, passage.heading, passage.header, passage.text))))


def sentences(text: str, cited: Sequence[Passage], passages: Sequence[Passage]) -> tuple[Sentence, ...]:
    """The sentences of a resolved answer with their footnotes and how well these bear them.

    `cited` are the passages of footnotes 1, 2, ...; a sentence without a footnote has `citations == ()`, and
    its support is measured against all `passages` together. What has no content word is borne by anything.
    """
    bags = [passage_words(passage) for passage in cited]
    everything: frozenset[str] = frozenset().union(*(passage_words(p) for p in passages)) if passages else frozenset()
    result: list[Sentence] = []
    for start, end in sentence_spans(text):
        numbers = tuple(dict.fromkeys(int(n) for n in _OURS.findall(text[start:end]) if 1 <= int(n) <= len(bags)))
        basis: frozenset[str] = frozenset().union(*(bags[n - 1] for n in numbers)) if numbers else everything
        result.append(Sentence(text[start:end], start, end, numbers, _support(text[start:end], basis)))
    return tuple(result)


def _support(sentence: str, basis: frozenset[str]) -> float:
    wanted = set(content_words(without_marks(sentence)))
    return round(len(wanted & basis) / len(wanted), 3) if wanted else 1.0


def quote_span(passage: Passage, citing: Iterable[str]) -> tuple[int, int]:
    """Start and end, in the page's text, of the one to three sentences that bear the citing ones best."""
    wanted = set(content_words(without_marks(" ".join(citing))))
    spans = list(passage_spans(passage.text, rows=bool(passage.header)))
    if not spans:
        return passage.start, passage.end
    bags = [wanted & set(content_words(passage.text[a:b])) for a, b in spans]
    # The most wanted words; of equals the shorter, then the earlier.
    first = last = max(range(len(spans)), key=lambda i: (len(bags[i]), spans[i][0] - spans[i][1], -i))
    held = bags[first]
    while last - first + 1 < LONGEST_QUOTE:
        near = [i for i in (first - 1, last + 1) if 0 <= i < len(spans)]
        best = max(near, key=lambda i: len(bags[i] - held), default=None)
        if best is None or len(bags[best] - held) < max(1, _GAIN * len(wanted)):
            break
        held = held | bags[best]
        first, last = min(first, best), max(last, best)
    return passage.start + spans[first][0], passage.start + spans[last][1]


def citations(cited: Sequence[Passage], told: Sequence[Sentence]) -> tuple[Citation, ...]:
    """Footnotes 1, 2, ... each with a quote that is a verbatim slice of its page."""
    result: list[Citation] = []
    for n, passage in enumerate(cited, start=1):
        start, end = quote_span(passage, (sentence.text for sentence in told if n in sentence.citations))
        quote = passage.text[start - passage.start : end - passage.start]
        result.append(Citation(n, passage.chunk, passage.document, passage.version, passage.page, start, end, quote))
    return tuple(result)

"""The words every room shares: what a document becomes, what a search finds, what an answer tells.

Offsets are characters (code points) into the extracted text of ONE page; `page` counts from 1. A text
format (Markdown, HTML, ...) is one page unless it is very long. Boxes are fractions of the page's width and
height, origin top left, so that they fit an image of any size.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any
from uuid import UUID

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 as fractions 0..1 of the page, origin top left."""


class Kind(StrEnum):
    """What a block is: decides where it may be cut."""

    TEXT = "text"
    HEADING = "heading"
    LIST_ITEM = "list_item"
    TABLE_ROW = "table_row"
    CODE = "code"


class Mode(StrEnum):
    """Which legs a search walks on."""

    HYBRID = "hybrid"
    DENSE = "dense"
    LEXICAL = "lexical"


# ---------------------------------------------------------------------------- a document, taken apart


@dataclass(frozen=True, slots=True)
class Line:
    """A run of text that stands in one box on the page image."""

    start: int
    end: int
    box: Box


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, list item, table row or piece of code: `page.text[start:end]`."""

    start: int
    end: int
    kind: Kind = Kind.TEXT
    heading: tuple[str, ...] = ()
    """The headings above it, outermost first; serves embedding and prompt, never the quote."""
    header: str = ""
    """The header row of its table; serves embedding and prompt, never the quote."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page as extracted. `width` and `height` are points, 0 where there is no page image."""

    number: int
    text: str
    blocks: tuple[Block, ...] = ()
    lines: tuple[Line, ...] = ()
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage before it is stored: it lies on one page, and `text == page.text[start:end]`."""

    page: int
    start: int
    end: int
    text: str
    heading: str = ""
    """Heading path joined with " > "."""
    header: str = ""
    kind: Kind = Kind.TEXT
    lines: tuple[Line, ...] = ()

    def for_embedding(self, title: str = "") -> str:
        """The text an encoder sees: title, heading path and table header in front of the chunk."""
        context = (title.replace("_", " "), self.heading.replace(" > ", "\n"), self.header, self.text)
        return without_rules("\n".join(part for part in context if part))


_RULES = re.compile(r"(?<!\S)\|(?!\S)|([._\-=*·])(?:[ \t]?\1){3,}")


def without_rules(text: str) -> str:
    """The text without bars between cells, rows of dots and drawn lines: to an encoder each mark is a word, 6 % of
    all it reads in an annual report."""
    return _RULES.sub("", text)


# ------------------------------------------------------------------------------------- what is found


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk as an index found it; a score is None where that leg did not look or found none of the words."""

    chunk: UUID
    dense: float | None = None
    """Cosine similarity, -1..1."""
    lexical: float | None = None
    """BM25, from 0 without an upper bound."""
    named: float = 0.0
    """How well the question names its document: BM25 of title and opening, over documents."""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Passage:
    """A live and allowed chunk with all that a reader, a prompt and a footnote need."""

    chunk: UUID
    collection: UUID
    document: UUID
    version: UUID
    version_number: int
    title: str
    page: int
    start: int
    end: int
    text: str
    heading: str = ""
    header: str = ""
    lines: tuple[Line, ...] = ()
    score: float = 0.0
    dense: float | None = None
    lexical: float | None = None
    named: float = 0.0
    """How well the question names its document (`Hit.named`)."""
    reranked: float | None = None
    """What the reranker says of it, 0..1; None where there is none or its time was over."""
    referred_from: str = ""
    """Title of the passage that names its document, where that is why it was found."""
    pages: int = 1
    """Of its version; parts where there are no page images."""
    has_page_image: bool = False
    folder: str = ""
    """The one its document lay in where it came from."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for a queue; `from_json` takes it back."""
        row = {each.name: getattr(self, each.name) for each in fields(self)}  # asdict would copy every line
        for key in ("chunk", "collection", "document", "version"):
            row[key] = str(row[key])
        row["lines"] = [[line.start, line.end, *line.box] for line in self.lines]
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Passage":
        """The inverse of `to_json`."""
        values = dict(row)
        for key in ("chunk", "collection", "document", "version"):
            values[key] = UUID(values[key])
        values["lines"] = lines_from_json(values["lines"])
        return cls(**values)


def lines_from_json(rows: Sequence[Sequence[float]]) -> tuple[Line, ...]:
    """Lines from `[start, end, x0, y0, x1, y1]` rows, the form they are stored in."""
    return tuple(Line(int(s), int(e), (x0, y0, x1, y1)) for s, e, x0, y0, x1, y1 in rows)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gives: passages, best first, and how long each stage took in milliseconds."""

    passages: tuple[Passage, ...]
    timings: Mapping[str, float] = field(default_factory=dict)
    nothing_there: bool = False
    """No document could be found at all, whatever is asked."""


# -------------------------------------------------------------------------------- what an answer tells


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the conversation, as it was asked, and its answer."""

    question: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """Footnote `n`: a stored chunk and the part of it, on one page, that is quoted."""

    n: int
    chunk: UUID
    document: UUID
    version: UUID
    page: int
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the answer, `text == answer[start:end]`, and how well its footnotes bear it."""

    text: str
    start: int
    end: int
    citations: tuple[int, ...]
    support: float
    """0..1: the share of the sentence's content words that its cited passages contain."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an answer took. Milliseconds by stage, tokens, money, and the route in words."""

    engine: str = ""
    model: str = ""
    route: str = ""
    cache: str = "none"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost: float = 0.0
    currency: str = "USD"
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    """Keys: queue, rewrite, embed, search, first_token, generate, total."""
    dropped_citations: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """The answer entered a stage: `searching`, `found`, `writing`. `detail` is for people."""

    stage: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """The passages the answer may cite, best first."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """More text of the answer; footnote marks in it are final, `[1]` or `[1][2]`."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader should know (another engine took over, the quoting engine answers)."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is whole. `status` is `done` or `stopped`."""

    text: str
    citations: tuple[Citation, ...]
    sentences: tuple[Sentence, ...]
    receipt: Receipt
    refused: bool = False
    status: str = "done"


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer ended early: `text` is the part there is, `message` says why and what to do."""

    code: str
    message: str
    text: str = ""
    citations: tuple[Citation, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    receipt: Receipt = field(default_factory=Receipt)
    status: str = "interrupted"


Event = Status | Sources | Token | Notice | Done | Failed

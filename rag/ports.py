"""What the story of an answer needs from the world, as Protocols.

Every port has one contract test under tests/engines/ that the real thing and the fake (tests/fakes.py)
both pass.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from rag.types import Found, Hit, Mode, Passage

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Turns text into unit vectors. Thread-safe."""

    @property
    def model(self) -> str:
        """Names the model and all that changes its vectors; vectors of two models never meet."""
        ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """The longest text the encoder reads; what is longer is cut."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """float32, shape (len(texts), dimension), rows of length 1, in the order given."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """float32, shape (dimension,), length 1. Concurrent calls are joined into one batch."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """How many of the model's own tokens each text has, special tokens left out."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """A row of a collection's log: at `revision` this version became live, or was taken away."""

    revision: int
    kind: Literal["add", "remove"]
    document: UUID
    version: UUID


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A live chunk as an index keeps it. `vector` is float32, shape (dimension,), length 1."""

    chunk: UUID
    document: UUID
    version: UUID
    title: str
    heading: str
    header: str
    text: str
    vector: Vectors
    opening: str = ""
    """What its document begins with (`opening_of`); only on the document's first chunk."""


OPENING_CHARACTERS = 800
"""So much of a document's beginning tells what it is."""


def opening_of(texts: Iterable[str]) -> str:
    """What a document begins with, from the texts of its chunks in order."""
    opening = ""
    for text in texts:
        opening += text + "\n"
        if len(opening) >= OPENING_CHARACTERS:
            break
    return opening[:OPENING_CHARACTERS]


class ChangeLog(Protocol):
    """The truth an index follows; apps.documents implements it over the database."""

    def revisions(self, collections: Sequence[UUID]) -> Mapping[UUID, int]:
        """The newest revision of each collection that exists; one cheap read."""
        ...

    def changes(self, collection: UUID, after: int) -> Sequence[Change]:
        """The log after a revision, oldest first."""
        ...

    def snapshot(self, collection: UUID, model: str) -> tuple[int, Iterator[IndexRow]]:
        """A revision, and every chunk live at it (or at a later one; replaying the log after the
        revision is idempotent and mends the difference)."""
        ...

    def rows(self, versions: Sequence[UUID], model: str) -> Iterator[IndexRow]:
        """The chunks of those versions that are still live."""
        ...

    def passages(
        self, chunks: Sequence[UUID], *, collections: Sequence[UUID], documents: Sequence[UUID] | None
    ) -> Mapping[UUID, Passage]:
        """Those of the chunks that are live now and lie in the allowed collections (and documents).

        This is the guarantee: what is deleted or foreign cannot come back, however late an index is.
        """
        ...

    def let_go(self) -> None:
        """Gives back what the calling thread holds to read with; an index calls it as a thread of its own ends."""
        ...


class PassageIndex(Protocol):
    """Dense and lexical search over collections, kept in step with a ChangeLog. Thread-safe."""

    def search(
        self,
        *,
        text: str,
        vector: Vectors | None,
        collections: Sequence[UUID],
        documents: Sequence[UUID] | None = None,
        limit: int,
        mode: Mode = Mode.HYBRID,
    ) -> list[Hit]:
        """The best `limit` of each leg, united, unordered between the legs; scores not yet fused.

        A hybrid search also gives the best of each leg within the documents that the question names, and for
        every hit both legs' scores and how well the question names its document. Catches up with the log
        first, so what is ready is found and what is deleted is not. `vector` may be None only in lexical mode.
        Collections that do not exist are empty.
        """
        ...

    def referred(
        self,
        passages: Sequence[Passage],
        *,
        question: str,
        vector: Vectors,
        collections: Sequence[UUID],
        documents: Sequence[UUID] | None = None,
        limit: int,
    ) -> list[list[Hit]]:
        """For each passage the `limit` chunks nearest to `vector` of other documents whose title stands in its text.

        Documents that the question itself names by title are left out: their chunks were found by it.
        """
        ...

    def holding(
        self, text: str, *, collections: Sequence[UUID], documents: Sequence[UUID] | None = None, limit: int
    ) -> list[Hit]:
        """The best `limit` chunks by BM25 of those whose text holds every word of `text`, in whatever order."""
        ...

    def ids(self, collection: UUID) -> set[UUID]:
        """Every chunk id the index would return for a collection, caught up; for verification."""
        ...

    def close(self) -> None: ...


class Reranker(Protocol):
    """Reads a question and a passage together. Thread-safe."""

    def scores(self, query: str, texts: Sequence[str], *, seconds: float) -> list[float]:
        """How well each of the first texts answers, 0..1, in their order: as many as the time allows, maybe none."""
        ...


class Searcher(Protocol):
    """Whatever answers a search: the pipeline itself, or a queue with the search process behind it."""

    def __call__(
        self,
        query: str,
        *,
        collections: Sequence[UUID],
        documents: Sequence[UUID] | None = None,
        limit: int,
        mode: Mode = Mode.HYBRID,
    ) -> Found:
        """Raises SearchUnavailable when nothing answers in time."""
        ...


@dataclass(frozen=True, slots=True)
class Usage:
    """What an engine says a completion took, in tokens."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a completion; the last one carries the usage. `text` may be empty.

    `finish` is the engine's own reason for ending, once it is known: `stop`, or `length` when the limit of
    tokens cut it.
    """

    text: str = ""
    usage: Usage | None = None
    finish: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A chat message as OpenAI-compatible servers take it."""

    role: Literal["system", "user", "assistant"]
    content: str


def never() -> bool:
    """Nobody asked to stop."""
    return False


class ChatModel(Protocol):
    """A model that writes. Thread-safe; one object serves many streams."""

    @property
    def name(self) -> str:
        """The endpoint's name, for receipt and people."""
        ...

    @property
    def model(self) -> str: ...

    @property
    def context_window(self) -> int:
        """Prompt and completion together, in tokens."""
        ...

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stopped: Callable[[], bool] = never
    ) -> Generator[Delta, None, None]:
        """Yields pieces as they come. Closing the iterator closes the upstream request, so that the
        engine frees the slot. Raises EngineError (see rag.errors), before or after the first piece.

        `stopped` is looked at while the engine is silent; once true, the request is closed and the
        iterator ends within a second.
        """
        ...

    def cost(self, usage: Usage) -> float:
        """Money for a completion, from the endpoint's price; 0 where none is set."""
        ...

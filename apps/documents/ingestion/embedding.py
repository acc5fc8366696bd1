"""The vectors of a version's chunks: found where the text was embedded before, computed where not."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import TracebackType

import numpy as np
from django.db.models import Exists, OuterRef

from apps.documents.ingestion.lease import Lease, LostLease, give_connection_back, patiently
from apps.documents.ingestion.progress import Progress
from apps.documents.models import Chunk, Embedding, State
from rag import types
from rag.ports import Embedder, Vectors

TEXTS_AT_ONCE = 64
"""Texts per call of the encoder; between two calls a cancel is seen and the vectors so far are kept."""
FEW = 8
"""So many texts are embedded within the time that people look between two glances."""
AHEAD = 256
"""Texts that are handed to the encoder together while the document is still being read: enough to be sorted
by length, few enough that a cancel is seen within seconds."""


class EmbedAhead:
    """Keeps the encoder busy in a thread with what is already cut while the rest is still read and cut.

    Only the encoder runs in the thread; the database is written by the caller's, when the next texts come.
    What is left when it finishes, and whatever vanished meanwhile, `embed` does.
    """

    def __init__(self, lease: Lease, embedder: Embedder, title: str) -> None:
        self._lease, self._embedder, self._title = lease, embedder, title
        self._waiting: dict[str, str] = {}
        self._encoding: tuple[list[str], Future[Vectors]] | None = None
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> "EmbedAhead":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Stored chunks; once there are enough of them they go to the encoder. Waits for the ones before, so no
        more than two handfuls are held. Raises LostLease and what the encoder raises."""
        for chunk in chunks:
            self._waiting[chunk.text_hash] = _seen_by_encoder(chunk, self._title)
        if len(self._waiting) < AHEAD:
            return
        self.finish()
        waiting, self._waiting = self._waiting, {}
        known = patiently(partial(_known, list(waiting), self._embedder.model))
        missing = sorted((pair for pair in waiting.items() if pair[0] not in known), key=lambda pair: len(pair[1]))
        if missing:
            self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="embed-ahead")
            texts = [text for _, text in missing]
            self._encoding = ([key for key, _ in missing], self._pool.submit(self._embedder.embed_passages, texts))

    def finish(self) -> None:
        """Stores what the encoder was given last."""
        if self._encoding is None:
            return
        (keys, future), self._encoding = self._encoding, None
        stored = _as_stored(future.result())
        patiently(partial(_store, self._lease, self._embedder.model, keys, stored, {"lease": self._lease.worker}))
        give_connection_back()


def embed(lease: Lease, embedder: Embedder, progress: Progress, *, title: str, total: int) -> None:
    """Every one of the version's `total` chunks has a vector of this model afterwards. Raises LostLease."""
    missing = patiently(partial(_missing, lease, embedder.model, title))
    progress.enter(State.EMBEDDING, total=total, is_long=len(missing) > FEW)
    # Texts of like length together: the encoder pads each batch to its longest.
    missing.sort(key=lambda pair: len(pair[1]))
    done = total - len(missing)
    give_connection_back()
    for begin in range(0, len(missing), TEXTS_AT_ONCE):
        if lease.is_lost():
            raise LostLease
        batch = missing[begin : begin + TEXTS_AT_ONCE]
        vectors = embedder.embed_passages([text for _, text in batch])
        stored = _as_stored(vectors)
        done += len(batch)
        keys = [key for key, _ in batch]
        patiently(partial(_store, lease, embedder.model, keys, stored, progress.values(done)))
        give_connection_back()


def _as_stored(vectors: Vectors) -> list[bytes]:
    return [row.astype("<f2").tobytes() for row in np.asarray(vectors)]


def _known(keys: Sequence[str], model: str) -> set[str]:
    return set(Embedding.objects.filter(text_hash__in=keys, model=model).values_list("text_hash", flat=True))


def _missing(lease: Lease, model: str, title: str) -> list[tuple[str, str]]:
    """(hash, text the encoder sees) of each distinct text without a vector of this model."""
    vectors = Embedding.objects.filter(text_hash=OuterRef("text_hash"), model=model)
    rows = Chunk.objects.filter(~Exists(vectors), version=lease.version).order_by("ordinal")
    return list({row.text_hash: _seen_by_encoder(row, title) for row in rows.defer("lines")}.items())


def _seen_by_encoder(row: Chunk, title: str) -> str:
    chunk = types.Chunk(row.page, row.start, row.end, row.text, heading=row.heading, header=row.header)
    return chunk.for_embedding(title)


def _store(
    lease: Lease, model: str, keys: Sequence[str], vectors: Sequence[bytes], values: Mapping[str, object]
) -> None:
    """Another worker may have embedded the same text at the same time; either vector is right."""
    with lease.fenced(**values):
        Embedding.objects.bulk_create(
            (Embedding(text_hash=key, model=model, vector=row) for key, row in zip(keys, vectors, strict=True)),
            ignore_conflicts=True,
        )

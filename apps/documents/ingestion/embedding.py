"""The vectors of a version's chunks: found where the text was embedded before, computed where not."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from django.db.models import Exists, OuterRef

from apps.documents.ingestion.lease import Lease, LostLease, give_connection_back, patiently
from apps.documents.ingestion.progress import Progress
from apps.documents.models import Chunk, Embedding, State, Version
from rag import types
from rag.ports import Embedder

TEXTS_AT_ONCE = 64
"""Texts per call of the encoder; between two calls a cancel is seen and the vectors so far are kept."""


def embed(lease: Lease, embedder: Embedder, progress: Progress) -> None:
    """Every chunk of the version has a vector of this model afterwards. Raises LostLease."""
    total = patiently(lambda: Chunk.objects.filter(version=lease.version).count())
    progress.enter(State.EMBEDDING, total=total)
    missing = patiently(partial(_missing, lease, embedder.model))
    # Texts of like length together: the encoder pads each batch to its longest.
    missing.sort(key=lambda pair: len(pair[1]))
    done = total - len(missing)
    give_connection_back()
    for begin in range(0, len(missing), TEXTS_AT_ONCE):
        if lease.is_lost():
            raise LostLease
        batch = missing[begin : begin + TEXTS_AT_ONCE]
        vectors = embedder.embed_passages([text for _, text in batch])
        stored = [row.astype("<f2").tobytes() for row in np.asarray(vectors)]
        done += len(batch)
        keys = [key for key, _ in batch]
        patiently(partial(_store, lease, embedder.model, keys, stored, progress.values(done)))
        give_connection_back()


def _missing(lease: Lease, model: str) -> list[tuple[str, str]]:
    """(hash, text the encoder sees) of each distinct text without a vector of this model."""
    title = Version.objects.values_list("document__title", flat=True).get(pk=lease.version)
    vectors = Embedding.objects.filter(text_hash=OuterRef("text_hash"), model=model)
    rows = Chunk.objects.filter(~Exists(vectors), version=lease.version).order_by("ordinal")
    return list({row.text_hash: _seen_by_encoder(row, title) for row in rows.defer("lines")}.items())


def _seen_by_encoder(row: Chunk, title: str) -> str:
    chunk = types.Chunk(row.page, row.start, row.end, row.text, heading=row.heading, header=row.header)
    return chunk.for_embedding(title)


def _store(lease: Lease, model: str, keys: Sequence[str], vectors: Sequence[bytes], values: dict[str, int]) -> None:
    """Another worker may have embedded the same text at the same time; either vector is right."""
    with lease.fenced(**values):
        Embedding.objects.bulk_create(
            (Embedding(text_hash=key, model=model, vector=row) for key, row in zip(keys, vectors, strict=True)),
            ignore_conflicts=True,
        )

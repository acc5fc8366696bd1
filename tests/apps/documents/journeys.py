"""Ingesting in tests: in this process with a small encoder, or in one of its own that can be killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.documents import ingestion
from apps.documents.models import Change, Chunk, Document, Embedding, Page, Version
from apps.inference.models import Worker
from rag.ports import Vectors
from tests.fakes_search import FakeEmbedder

PROJECT = Path(__file__).resolve().parents[3]


class WatchedEmbedder(FakeEmbedder):
    """Counts what it embeds, and lets a test act in the middle of it."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._meanwhile = meanwhile

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.seen.extend(texts)
        self._meanwhile()
        return super().embed_passages(texts)


def a_worker(*, alive: bool = True) -> UUID:
    """A worker's heartbeat on a machine elsewhere."""
    beat = timezone.now() - (timedelta() if alive else timedelta(seconds=30))
    return Worker.objects.create(role="ingest", host="elsewhere", pid=1, beat_at=beat).pk


def ingested(document: Document, embedder: FakeEmbedder | None = None) -> Document:
    """The document after one try at its newest version."""
    ingestion.ingest(document.latest_id, a_worker(), embedder=embedder or FakeEmbedder())
    return Document.objects.select_related("latest", "current", "collection").get(pk=document.pk)


def paragraphs(count: int, words: int = 60) -> str:
    """A text that makes about as many passages as paragraphs, no two alike."""
    return "\n\n".join(" ".join(f"word{n}x{k}" for k in range(words)) for n in range(count))


def content_of(version: UUID) -> list[tuple]:
    """What a version came to, without the ids that differ from run to run."""
    chunks = Chunk.objects.filter(version=version).order_by("ordinal")
    columns = ("ordinal", "page", "start", "end", "text", "heading", "header", "kind", "lines", "text_hash")
    pages = Page.objects.filter(version=version).order_by("number")
    return [*chunks.values_list(*columns), *pages.values_list("number", "text", "width", "height")]


def assert_whole(collection_id: UUID) -> set[UUID]:
    """The invariant of the database: no orphans, no duplicates, the log agrees with the pointers. Gives the
    live chunk ids."""
    live = {pk for pk in Document.objects.present().values_list("current", flat=True) if pk}
    told: set[UUID] = set()
    for change in Change.objects.filter(collection=collection_id).order_by("revision", "id"):
        (told.add if change.kind == "add" else told.discard)(change.version)
    assert told == set(
        Version.objects.filter(pk__in=live, document__collection=collection_id).values_list("pk", flat=True)
    )
    hashes = set(Chunk.objects.values_list("text_hash", flat=True))
    assert set(Embedding.objects.values_list("text_hash", flat=True)) == hashes
    for version in Version.objects.filter(pk__in=live):
        ordinals = list(version.chunks.order_by("ordinal").values_list("ordinal", flat=True))
        assert ordinals == list(range(version.chunk_count))
    return set(Chunk.objects.filter(version__in=live).values_list("pk", flat=True))


def database_url() -> str:
    """Where a process of its own finds the database of the running test."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    return f"postgres://{settings['USER']}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"


SCRIPT = """
import sys, time, uuid
import django
django.setup()
from apps.documents import ingestion
from apps.inference import heartbeat
from tests.fakes_search import FakeEmbedder

class SlowEmbedder(FakeEmbedder):
    def embed_passages(self, texts):
        time.sleep(0.25)
        return super().embed_passages(texts)

ingestion.ingest(uuid.UUID(sys.argv[1]), heartbeat.start(role="ingest"), embedder=SlowEmbedder())
"""


def ingest_in_a_process(version: UUID) -> subprocess.Popen[bytes]:
    """An ingest process that takes a quarter of a second for each batch, so that it can be killed amid one."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url(),
        "PYTHONPATH": str(PROJECT),
    }
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(version)], env=environment, cwd=PROJECT)


def wait_until(met: Callable[[], bool], seconds: float = 30) -> None:
    """Returns as soon as it is so; fails the test when it is not in time."""
    until = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)

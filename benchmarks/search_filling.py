"""A database with as many ready chunks as wanted, written as ingestion would have left it."""

from hashlib import sha256
from pathlib import Path
from uuid import UUID

import numpy as np
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from tqdm import tqdm

from apps.documents import services
from apps.documents.models import Change, Chunk, Collection, Document, Embedding, State, Version
from apps.users.models import User
from benchmarks.corpus import Text, texts
from rag.ports import Embedder

DOCUMENTS_AT_ONCE = 100
NAME = "Search benchmark"


def filled(encoder: Embedder, rows: int, *, cache: Path) -> Collection:
    """The benchmark's collection with `rows` chunks; made once for each DATA_DIR."""
    call_command("migrate", verbosity=0)
    there = Collection.objects.filter(name=NAME).first()
    if there is not None:
        return there
    owner = User.objects.create_superuser("bench@example.org", "correct horse battery staple")
    collection = services.create_collection(by=owner, name=NAME)
    batch: list[Text] = []
    with tqdm(total=rows, unit="chunks", desc="writing", disable=None) as bar:
        for text in texts(encoder, rows, cache=cache):
            batch.append(text)
            bar.update(len(text.passages))
            if len(batch) == DOCUMENTS_AT_ONCE:
                add(collection, batch, model=encoder.model)
                batch = []
        add(collection, batch, model=encoder.model)
    return collection


def add(collection: Collection, batch: list[Text], *, model: str) -> list[UUID]:
    """Documents that are ready at once, in one transaction; gives their ids."""
    now = timezone.now()
    made = []
    with transaction.atomic():
        for text in batch:
            document = Document(collection=collection, title=text.title[:500])
            version = Version(
                document=document,
                file_name="bench.txt",
                stored_as="bench",
                sha256=sha256(text.title.encode()).hexdigest(),
                size=1,
                media_type="text/plain",
                state=State.READY,
                queued_at=now,
                not_before=now,
                page_count=1,
                chunk_count=len(text.passages),
            )
            made.append((document, version, text))
        Document.objects.bulk_create(document for document, _, _ in made)
        Version.objects.bulk_create(version for _, version, _ in made)
        for document, version, _ in made:
            document.current = document.latest = version
        Document.objects.bulk_update((document for document, _, _ in made), ["current", "latest"])
        Chunk.objects.bulk_create(
            _chunk(version, n, p) for _, version, text in made for n, p in enumerate(text.passages)
        )
        Embedding.objects.bulk_create(
            (
                Embedding(text_hash=_hash(passage), model=model, vector=vector.astype("<f2").tobytes())
                for _, _, text in made
                for passage, vector in zip(text.passages, np.asarray(text.vectors), strict=True)
            ),
            ignore_conflicts=True,
        )
        collection.revision += 1
        collection.save(update_fields=["revision"])
        Change.objects.bulk_create(
            Change(
                collection=collection,
                revision=collection.revision,
                kind="add",
                document=document.pk,
                version=version.pk,
            )
            for document, version, _ in made
        )
    return [document.pk for document, _, _ in made]


def _chunk(version: Version, ordinal: int, passage: str) -> Chunk:
    return Chunk(
        version=version,
        ordinal=ordinal,
        page=1,
        start=0,
        end=len(passage),
        text=passage,
        kind="text",
        text_hash=_hash(passage),
    )


def _hash(passage: str) -> str:
    return sha256(passage.encode()).hexdigest()

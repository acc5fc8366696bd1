"""What the processes of the storm do (test_index_storm.py): one changes documents, others search and compact.

Each writes down what it did, one line of JSON at a time, with the moments before and after. The moments are of the
monotonic clock, which all processes of a machine share. Start one with Django set up: `storm.main(role, folder, name)`.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from django.core.files.base import ContentFile
from django.db import connections

from apps.documents import ingestion, retrieval, services
from apps.documents.models import SERVING, Collection, Document, Version
from apps.documents.selectors import SearchRequest
from apps.inference import heartbeat
from apps.users.models import User
from engines import wiring
from engines.index import compaction, local
from engines.index.local import LocalIndex
from rag.ports import ChangeLog
from rag.types import Mode
from tests.engines.indexing import WORDS
from tests.fakes_search import FakeEmbedder

LETTERS = "bcdfghjklmnpqrtvwz"
OWN_WORDS, SHARED_WORDS = 16, 4
"""Of each passage: enough that its own words together are nearest to it, whatever the shared ones are."""
SMALL = 20
FEWEST, MOST, TIDE_SECONDS = 15, 110, 20.0
"""Documents there are at ebb and flood: collections shrink below what is kept on disk, and grow again."""
SPEC, LEDGER, COMPACTIONS = "spec.json", "ledger.jsonl", "compactions.txt"
READY, SEARCHES, REPORT = "ready-{}", "searches-{}.jsonl", "report-{}.json"

Place = tuple[str, str]
"""A version, and the collection that it lies in."""


class ShortEmbedder(FakeEmbedder):
    """Reads so little that each paragraph becomes a passage."""

    max_tokens = OWN_WORDS + SHARED_WORDS + 4


@dataclass(frozen=True, slots=True)
class Spec:
    """What all processes of a storm are told."""

    user: str
    collections: list[str]
    seconds: float
    """For how long the writer writes; the searches end soon after it."""
    index: str


@dataclass(frozen=True, slots=True)
class Action:
    """What the writer did between two moments, and so which versions came and went where."""

    did: str
    begun: float
    ended: float
    document: str = ""
    gone: list[Place] = field(default_factory=list)
    came: list[Place] = field(default_factory=list)
    phrases: list[str] = field(default_factory=list)
    """For a new version, the words of each passage that stand nowhere else."""


@dataclass(frozen=True, slots=True)
class Search:
    """What was asked between two moments, and what came of it."""

    begun: float
    ended: float
    mode: str
    collections: list[str]
    documents: list[str] | None
    wanted: str
    """The first word of the phrase that was asked for; "" where only words were that stand everywhere."""
    found: bool
    """Whether a passage holds the word."""
    places: list[Place]
    strays: list[str]
    """Documents of passages that were not asked for."""


class Ledger:
    """Actions or searches, appended by one process and read by others while it writes."""

    def __init__(self, path: Path) -> None:
        self._path, self._read, self._rest = path, 0, b""

    def append(self, line: Action | Search) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(line)) + "\n")

    def news(self) -> Iterator[dict[str, Any]]:
        """The lines since the last time; the one that is being written comes next time."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        *whole, self._rest = (self._rest + new).split(b"\n")
        yield from map(json.loads, whole)


# ------------------------------------------------------------------------------------------- writing


@dataclass(slots=True)
class Known:
    """A document as the writer left it."""

    document: Document
    collection: str
    current: str
    versions: list[str]


class Writer:
    """Uploads, replaces, moves, renames, rolls back and deletes at random, through the services that people use."""

    def __init__(self, folder: Path, spec: Spec, seed: str) -> None:
        self._spec, self._chance = spec, random.Random(seed)
        self._ledger = Ledger(folder / LEDGER)
        self._by = User.objects.get(pk=spec.user)
        self._collections = {pk: Collection.objects.get(pk=pk) for pk in spec.collections}
        self._embedder, self._worker = ShortEmbedder(), heartbeat.start(role="ingest")
        self._known: list[Known] = []

    def run(self) -> None:
        """Until the storm ends; the last line says so."""
        until = time.monotonic() + self._spec.seconds
        while time.monotonic() < until:
            self._act(self._next())
        self._act(self._end)

    def _next(self) -> Callable[[], dict[str, Any]]:
        tide = FEWEST + (MOST - FEWEST) * abs((time.monotonic() / TIDE_SECONDS) % 2 - 1)
        if len(self._known) < FEWEST:
            return self._add
        come, go = (5, 2) if len(self._known) < tide else (2, 5)
        others = [self._replace, self._move, self._rename, self._activate]
        (chosen,) = self._chance.choices([self._add, self._delete, *others], [come, go, 2, 3, 1, 1])
        return chosen

    def _act(self, action: Callable[[], dict[str, Any]]) -> None:
        begun = time.monotonic()
        told = action()
        self._ledger.append(Action(action.__name__.strip("_"), begun, time.monotonic(), **told))

    def _end(self) -> dict[str, Any]:
        return {}

    def _add(self) -> dict[str, Any]:
        home = self._chance.choice(self._spec.collections)
        phrases, file = self._file()
        title = f"{self._chance.choice(WORDS)} {self._word()}".title()
        document = services.upload(by=self._by, collection=self._collections[home], file=file, title=title).document
        version = self._ingested(document)
        self._known.append(Known(document, home, version, [version]))
        return {"document": str(document.pk), "came": [(version, home)], "phrases": phrases}

    def _replace(self) -> dict[str, Any]:
        known = self._chance.choice(self._known)
        phrases, file = self._file()
        services.replace(by=self._by, document=known.document, file=file)
        known.document = Document.objects.get(pk=known.document.pk)
        gone, known.current = known.current, self._ingested(known.document)
        known.versions.append(known.current)
        return self._told(known, gone, known.collection) | {"phrases": phrases}

    def _move(self) -> dict[str, Any]:
        known = self._chance.choice(self._known)
        left, known.collection = known.collection, self._chance.choice(self._spec.collections)
        services.move(by=self._by, document=known.document, to=self._collections[known.collection])
        return self._told(known, known.current, left)

    def _rename(self) -> dict[str, Any]:
        known = self._chance.choice(self._known)
        services.rename(by=self._by, document=known.document, title=f"{self._chance.choice(WORDS)} {self._word()}")
        return {"document": str(known.document.pk)}

    def _activate(self) -> dict[str, Any]:
        known = self._chance.choice(self._known)
        gone, known.current = known.current, self._chance.choice(known.versions)
        services.activate(by=self._by, document=known.document, version=UUID(known.current))
        return self._told(known, gone, known.collection)

    def _delete(self) -> dict[str, Any]:
        known = self._known.pop(self._chance.randrange(len(self._known)))
        services.delete(by=self._by, document=known.document)
        return {"document": str(known.document.pk), "gone": [(known.current, known.collection)]}

    def _told(self, known: Known, version: str, collection: str) -> dict[str, Any]:
        """That what was there before has given way to what is there now."""
        before, now = (version, collection), (known.current, known.collection)
        changed = before != now
        return {"document": str(known.document.pk), "gone": [before] * changed, "came": [now] * changed}

    def _ingested(self, document: Document) -> str:
        ingestion.ingest(document.latest_id, self._worker, embedder=self._embedder)
        version = Version.objects.get(pk=document.latest_id)
        if version.state not in SERVING:
            raise RuntimeError(f"a version is {version.state}: {version.error_message}")
        return str(version.pk)

    def _file(self) -> tuple[list[str], ContentFile]:
        """A text of a few passages; one in three names another document by its title, for the second hop."""
        phrases = [" ".join(self._word() for _ in range(OWN_WORDS)) for _ in range(self._chance.randint(1, 6))]
        passages = [f"{phrase} {' '.join(self._chance.choices(WORDS, k=SHARED_WORDS))}" for phrase in phrases]
        if self._known and not self._chance.randrange(3):
            passages.append(f"{self._chance.choice(self._known).document.title} has more of it")
        return phrases, ContentFile("\n\n".join(passages).encode(), name=f"{self._word()}.txt")

    def _word(self) -> str:
        """No word that any other text has, nor one that a stemmer takes for another."""
        return "".join(self._chance.choices(LETTERS, k=10)) + "x"


# ----------------------------------------------------------------------------------------- searching


class CountedIndex(LocalIndex):
    """Writes down each compaction that did something, so that those of a process that is killed count."""

    def compact(self, collection: UUID, *, force: bool = False) -> bool:
        did = super().compact(collection, force=force)
        if did:
            with (self._place.directory.parent / COMPACTIONS).open("a") as file:
                file.write(f"{collection}\n")
        return did


class Searcher:
    """Searches as the search process does, while a thread of it compacts; the index is opened anew now and then."""

    def __init__(self, folder: Path, spec: Spec, name: str) -> None:
        self._folder, self._spec, self._name, self._chance = folder, spec, name, random.Random(name)
        self._news, self._searches = Ledger(folder / LEDGER), Ledger(folder / SEARCHES.format(name))
        self._embedder, self._ended = ShortEmbedder(), threading.Event()
        self._index = self._opened()
        self._phrases: dict[str, list[tuple[str, str]]] = {}
        self._live: set[str] = set()

    def run(self) -> None:
        """Until the writer has ended; then says how the index differs from the database."""
        wiring.embedder = lambda: self._embedder  # type: ignore[assignment]
        wiring.passage_index = lambda log: self._index  # type: ignore[assignment]
        compacting = threading.Thread(target=self._compact, name="storm-compaction")
        compacting.start()
        (self._folder / READY.format(self._name)).touch()
        try:
            while self._read_news():
                if not self._chance.randrange(30):
                    self._index = self._opened()
                if self._phrases:
                    self._search()
                else:
                    time.sleep(0.02)
        finally:
            self._ended.set()
            compacting.join()
        wrong = differences(self._index, retrieval.log(), self._spec.collections)
        (self._folder / REPORT.format(self._name)).write_text(json.dumps(wrong))
        self._index.close()

    def _opened(self) -> LocalIndex:
        """As a new process has it; sometimes with so little memory that it drops what it just read."""
        memory = self._chance.choice([512, 0.3])
        return CountedIndex(
            retrieval.log(),
            Path(self._spec.index),
            model=self._embedder.model,
            dimension=self._embedder.dimension,
            memory_mb=memory,
        )

    def _compact(self) -> None:
        chance = random.Random(f"compacting {self._name}")
        while not self._ended.wait(chance.uniform(0, 0.3)):
            self._index.compact(UUID(chance.choice(self._spec.collections)), force=not chance.randrange(8))
        connections.close_all()

    def _read_news(self) -> bool:
        """What the writer did since; False when it has ended."""
        for line in self._news.news():
            if line["did"] == "end":
                return False
            self._live -= {version for version, _ in line["gone"]}
            for version, _ in line["came"]:
                self._live.add(version)
                if line["phrases"]:
                    self._phrases[version] = [(phrase, line["document"]) for phrase in line["phrases"]]
        return True

    def _search(self) -> None:
        phrase, document = self._wanted()
        mode = self._chance.choice(list(Mode))
        wanted = phrase.partition(" ")[0]
        asked = wanted if mode is Mode.LEXICAL else phrase
        some = self._chance.randint(1, len(self._spec.collections))
        request = SearchRequest(
            query=asked or " ".join(self._chance.sample(WORDS, 3)),
            collections=tuple(self._chance.sample(self._spec.collections, some)),
            documents=self._narrowed(document),
            limit=self._chance.randint(1, 20),
            mode=mode,
            deadline=0.0,
        )
        begun = time.monotonic()
        passages = retrieval.find(request).passages
        ended = time.monotonic()
        within = None if request.documents is None else set(request.documents)
        self._searches.append(
            Search(
                begun,
                ended,
                mode.value,
                list(request.collections),
                None if request.documents is None else list(request.documents),
                wanted,
                any(wanted in passage.text for passage in passages),
                sorted({(str(passage.version), str(passage.collection)) for passage in passages}),
                [str(each.document) for each in passages if within is not None and str(each.document) not in within],
            )
        )

    def _wanted(self) -> tuple[str, str]:
        """A phrase and its document: mostly of what is live, sometimes of what went; ("", "") for none."""
        pool = self._live if self._chance.random() < 0.8 else self._phrases.keys() - self._live
        if not pool or not self._chance.randrange(10):
            return "", ""
        return self._chance.choice(self._phrases[self._chance.choice(sorted(pool))])

    def _narrowed(self, document: str) -> tuple[str, ...] | None:
        if self._chance.randrange(4):
            return None
        known = sorted({document for phrases in self._phrases.values() for _, document in phrases})
        others = self._chance.sample(known, min(len(known), self._chance.randint(1, 10)))
        return tuple({*others, document} - {""}) if self._chance.randrange(4) else tuple(others)


def differences(index: LocalIndex, log: ChangeLog, collections: Sequence[str]) -> list[str]:
    """What of the index, by either leg, is not as in the database; nobody may write meanwhile."""
    wrong = []
    for collection in map(UUID, collections):
        (state,) = index._states([collection])
        rows = {row.chunk: row for row in log.snapshot(collection, FakeEmbedder.model)[1]}
        parts = state.dense.parts()
        block = state.dense.whole() if parts else None
        chunks = Counter(UUID(bytes=bytes(chunk)) for chunk in block.chunks) if block else Counter()
        if chunks != Counter(rows.keys()):
            wrong.append(f"dense {collection}: {len(chunks)} chunks instead of {len(rows)}")
        lexical = state.lexical.ids()
        if lexical != rows.keys():
            wrong.append(f"lexical {collection}: {len(lexical)} chunks instead of {len(rows)}")
        for place, chunk in enumerate(block.chunks if block else ()):
            row = rows.get(UUID(bytes=bytes(chunk)))
            if row is not None and not np.array_equal(block.vectors[place], row.vector.astype(np.float16)):
                wrong.append(f"dense {collection}: the vector of {row.chunk} is another")
        for row in rows.values():
            (best,) = index.search(text="", vector=row.vector, collections=[collection], limit=1, mode=Mode.DENSE)
            if best.chunk != row.chunk:
                wrong.append(f"dense {collection}: {best.chunk} is nearer to the vector of {row.chunk}")
    return wrong


def write_often() -> None:
    """Snapshots are written from SMALL passages on, and again after few changes, as often as they are asked for."""
    compaction.SMALL, compaction.UNSETTLED_LEAST, local.TIDY_PAUSE_SECONDS = SMALL, 4, 0.2


def main(role: str, folder: str, name: str) -> None:
    """One process of the storm: `write` or `search`."""
    write_often()
    spec = Spec(**json.loads((Path(folder) / SPEC).read_text()))
    (Writer if role == "write" else Searcher)(Path(folder), spec, name).run()

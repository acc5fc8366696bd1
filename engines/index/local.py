"""The index of one machine: FAISS and tantivy, caches of the database's log. Delete its folder and nothing is lost."""

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from engines.index import compaction, inspection, lexical, naming, rebuilding, verification
from engines.index.inspection import Held
from engines.index.legs import Question
from engines.index.rebuilding import Progress
from engines.index.shelf import NeedsCaches, Place, Shelf, State
from engines.index.verification import Report, Sizes
from rag.ports import ChangeLog, Vectors
from rag.types import Hit, Mode, Passage

logger = logging.getLogger(__name__)
MEMORY_MB = 512
"""For collections that are held in memory; the least recently searched are dropped, and read again when needed."""
TIDY_PAUSE_SECONDS = 5.0


def _unseen(done: int) -> None:
    """Nobody watches the progress."""


class LocalIndex:
    """Dense and lexical search, kept in step with a ChangeLog. Thread-safe; a search takes no lock unless its
    collection has changed. Several processes may share `directory`.

    `model` names the encoder whose vectors the log gives; each model has its own folder. `tidy` lets a thread
    of its own compact what is due; without it `compact` must be called.
    """

    def __init__(
        self,
        log: ChangeLog,
        directory: Path,
        *,
        model: str,
        dimension: int,
        memory_mb: float = MEMORY_MB,
        tidy: bool = True,
    ) -> None:
        generation = f"{''.join(c if c.isalnum() or c in '-.' else '_' for c in model)[:60]}-{_short_hash(model)}"
        self._place = Place(log, directory / generation, model, dimension)
        self._budget = int(memory_mb * 1e6)
        self._tidy = tidy
        self._shelves: OrderedDict[UUID, Shelf] = OrderedDict()
        self._lock = threading.Lock()
        self._tidying: dict[UUID, threading.Thread] = {}
        self._tidied: dict[UUID, float] = {}

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
        """See `rag.ports.PassageIndex`. Raises ValueError for a vector that is missing or misshapen."""
        if mode is not Mode.LEXICAL and (vector is None or vector.shape != (self._place.dimension,)):
            raise ValueError(f"A {mode} search needs a vector of shape ({self._place.dimension},).")
        if limit < 1 or (documents is not None and not documents):
            return []
        question = Question(self._states(collections), text, vector)
        if mode is Mode.DENSE:
            return question.dense(limit, documents)
        if mode is Mode.LEXICAL:
            return question.lexical(limit, documents)
        return question.hybrid(limit, documents)

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
        """See `rag.ports.PassageIndex`."""
        states = self._states(collections)
        sides = [state.lexical for state in states]
        meant = naming.referred(sides, [passage.text for passage in passages], question, documents)
        asked = Question(states, "", vector)
        others = [
            [document for document in some if document != passage.document]
            for passage, some in zip(passages, meant, strict=True)
        ]
        return [asked.dense(limit, some) if some else [] for some in others]

    def holding(
        self, text: str, *, collections: Sequence[UUID], documents: Sequence[UUID] | None = None, limit: int
    ) -> list[Hit]:
        """See `rag.ports.PassageIndex`."""
        sides = [state.lexical for state in self._states(collections)]
        return [Hit(chunk, lexical=score) for chunk, score in lexical.holding(sides, text, limit, documents)]

    def ids(self, collection: UUID) -> set[UUID]:
        """Every chunk that either leg could return for a collection, caught up."""
        found: set[UUID] = set()
        for state in self._states([collection]):
            found |= state.dense.ids() | state.lexical.ids()
        return found

    def compact(self, collection: UUID, *, force: bool = False, wait: bool = False) -> bool:
        """Writes the collection's next snapshot if one is due (or `force`); tells whether it did.

        Blocks the caller for as long as it takes, but no search. Where another process is at it, it does nothing or,
        with `wait`, comes after it. Raises OSError when the disk is full.
        """
        try:
            did = compaction.compact(self._shelf(collection), self._place, force=force, wait=wait)
        except NeedsCaches:
            did = bool(rebuilding.rebuild(self._place, collection, _unseen, unless_there=True))
        self._evict(spare=1)
        return did

    def held(self, collection: UUID) -> Held:
        """What this machine's disk holds of a collection."""
        return inspection.held(self._place, collection)

    def verify(self, collection: UUID, *, progress: Progress = _unseen, sizes: Sizes | None = None) -> Report:
        """Compares the collection's caches with the database; see `engines.index.verification`."""
        return verification.verify(self._place, collection, progress, sizes)

    def rebuild(self, collection: UUID, *, progress: Progress = _unseen) -> int:
        """Makes the collection's caches anew; gives how many chunks they hold, 0 when it is too small for any."""
        return rebuilding.rebuild(self._place, collection, progress)

    def close(self) -> None:
        """Lets go of everything in memory, after waiting a little for compactions to end."""
        self._tidy = False
        for thread in list(self._tidying.values()):
            thread.join(5)
        with self._lock:
            self._shelves.clear()

    def _states(self, collections: Sequence[UUID]) -> list[State]:
        revisions = self._place.log.revisions(list(dict.fromkeys(collections)))
        states = []
        for collection, revision in revisions.items():
            state = self._state(collection, revision)
            states.append(state)
            if self._tidy and compaction.is_due(state):
                self._start_tidying(collection)
        self._evict(spare=len(revisions))
        return states

    def _state(self, collection: UUID, revision: int) -> State:
        """The collection at `revision` or a later one; a large one that has lost its caches is given new ones first."""
        try:
            return self._shelf(collection).caught_up(revision)
        except NeedsCaches:
            logger.warning(
                "Collection %s has no caches on this machine; they are made now, which takes a while", collection
            )
            rebuilding.rebuild(self._place, collection, _unseen, unless_there=True)
            return self._shelf(collection).caught_up(revision)

    def _shelf(self, collection: UUID) -> Shelf:
        with self._lock:
            shelf = self._shelves.setdefault(collection, Shelf(collection, self._place))
            self._shelves.move_to_end(collection)
            return shelf

    def _evict(self, *, spare: int) -> None:
        """Drops the least recently searched until the budget holds, but not the last `spare`."""
        with self._lock:
            used = sum(shelf.bytes() for shelf in self._shelves.values())
            while used > self._budget and len(self._shelves) > spare:
                _, shelf = self._shelves.popitem(last=False)
                used -= shelf.bytes()

    def _start_tidying(self, collection: UUID) -> None:
        with self._lock:
            now = time.monotonic()
            if collection in self._tidying or now < self._tidied.get(collection, 0.0):
                return
            self._tidied[collection] = now + TIDY_PAUSE_SECONDS
            thread = threading.Thread(target=self._tidy_one, args=(collection,), name="compaction", daemon=True)
            self._tidying[collection] = thread
            thread.start()

    def _tidy_one(self, collection: UUID) -> None:
        try:
            self.compact(collection)
        except Exception:
            # Searches do not depend on it; the next one that finds it due tries again.
            logger.exception("The index of collection %s could not be compacted", collection)
        finally:
            self._place.log.let_go()
            with self._lock:
                self._tidying.pop(collection, None)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]

"""One collection as this process holds it: loaded once, then kept in step with the log."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from uuid import UUID

from engines.index import snapshot as snapshots
from engines.index.delta import Dense, Part
from engines.index.lexical import Lexical, MemoryIndex
from engines.index.lexical_disk import DiskIndex, DiskView
from engines.index.snapshot import Snapshot
from engines.index.vectors import block_of
from rag.ports import Change, ChangeLog, IndexRow

ROWS_AT_A_TIME = 1000
VERSIONS_AT_A_TIME = 200
EMPTY_SHELF_BYTES = 100_000
MOST_IN_MEMORY = 20_000
"""More chunks than that are not read into memory where there are no caches: these are made first, which is faster."""
REBUILT = "rebuilt"
"""Below an index's folder: for each collection that was ever rebuilt a file, whose time says when."""


@dataclass(slots=True)
class Place:
    """What all collections of an index share: the log it follows and where its caches lie."""

    log: ChangeLog
    directory: Path
    model: str
    dimension: int
    disk: DiskIndex = field(init=False)
    _view: DiskView | None = None
    _viewed: int = 0

    def __post_init__(self) -> None:
        self.disk = DiskIndex(self.directory / "lexical")

    def folder(self, collection: UUID) -> Path:
        return self.directory / "dense" / str(collection)

    def lock(self, collection: UUID) -> Path:
        """The file that whoever writes the collection's caches holds locked."""
        return self.directory / "locks" / f"{collection}.lock"

    def view(self, *, fresh: bool = False) -> DiskView | None:
        """The lexical index on disk as last opened. Opening reads all of it once, so it is kept until a rebuild."""
        rebuilt = _modified(self.directory / REBUILT)
        if fresh or self._view is None or rebuilt > self._viewed:
            self._view, self._viewed = self.disk.view(), rebuilt
        return self._view

    def keep_view(self, view: DiskView) -> None:
        """Takes over what a change of the disk index gave."""
        self._view = view

    def rebuilt_at(self, collection: UUID) -> int:
        """When somebody last rebuilt the collection's caches on this machine; 0 for never. Costs microseconds."""
        return _modified(self.directory / REBUILT / str(collection))

    def mark_rebuilt(self, collection: UUID) -> None:
        """Tells every process that what it holds of the collection is to be read again."""
        mark = self.directory / REBUILT / str(collection)
        mark.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = mark.with_suffix(".new")
        temporary.touch()
        temporary.replace(mark)  # a rename, so that the folder's own time changes as well


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@dataclass(frozen=True, slots=True)
class State:
    """A collection at one revision. Never changes, so any number of searches read it without a lock."""

    revision: int
    dense: Dense
    lexical: Lexical


class NeedsCaches(Exception):
    """A collection is too large to be read into memory; its caches must be made first (`rebuilding`)."""


class Shelf:
    """Holds the newest state of a collection and makes the next one, one thread at a time."""

    def __init__(self, collection: UUID, place: Place, *, most_in_memory: float = MOST_IN_MEMORY) -> None:
        self.collection = collection
        self._place = place
        self._most = most_in_memory
        self._lock = threading.Lock()
        self._state: State | None = None
        self._memory: MemoryIndex | None = None
        self._rebuilt = 0

    def bytes(self) -> int:
        """About how much memory it holds."""
        dense = 0 if self._state is None else self._state.dense.bytes()
        return EMPTY_SHELF_BYTES + dense + (0 if self._memory is None else self._memory.bytes)

    def caught_up(self, revision: int) -> State:
        """The collection at `revision` or a later one. Raises NeedsCaches."""
        state, rebuilt = self._state, self._place.rebuilt_at(self.collection)
        if state is not None and state.revision == revision and rebuilt <= self._rebuilt:
            return state
        with self._lock:
            if rebuilt > self._rebuilt:
                self._state, self._rebuilt = None, rebuilt
            if self._state is not None and self._state.revision > revision:
                # Either another thread saw a newer revision, or the database was restored from a backup.
                revision = self._place.log.revisions([self.collection]).get(self.collection, 0)
                if revision < self._state.revision:
                    self._state = None
            if self._state is None:
                self._state = self._loaded(revision)
            if self._state.revision < revision:
                self._state = self._replayed(self._state, revision)
            return self._state

    def switch(self, base: Snapshot | None, view: DiskView | None) -> None:
        """Goes over to what a compaction wrote, replaying only what came since."""
        with self._lock:
            revision, memory = 0 if self._state is None else self._state.revision, self._memory
            try:
                state = self._built(base, view)
                self._state = self._replayed(state, revision) if state.revision < revision else state
            except BaseException:
                self._memory = memory  # it goes with the state that stays
                raise

    def _loaded(self, revision: int) -> State:
        folder = self._place.folder(self.collection)
        base = snapshots.newest(folder, model=self._place.model, dimension=self._place.dimension)
        view = self._place.view()
        # A cache from the future belongs to a database that was rolled back.
        if base is not None and base.revision > revision:
            base = None
        if view is not None and view.revisions.get(self.collection, -1) > revision:
            view = None
        return self._built(base, view)

    def _built(self, base: Snapshot | None, view: DiskView | None) -> State:
        """A state from the caches there are; what they lack is read from the database."""
        in_view = -1 if view is None else view.revisions.get(self.collection, -1)
        self._memory = None
        lexical = Lexical(self.collection, view.searcher if view is not None and in_view >= 0 else None)
        dense = Dense(None if base is None else Part(base.block))
        known = [*([base.revision] if base else []), *([in_view] if in_view >= 0 else [])]
        if base is not None and in_view >= 0:
            return State(min(known), dense, lexical)
        revision, rows = self._place.log.snapshot(self.collection, self._place.model)
        read = 0
        for some in batches(rows):
            read += len(some)
            if read > self._most:
                raise NeedsCaches(self.collection)
            if base is None:
                dense = dense.with_block(block_of(some, self._place.dimension))
            if in_view < 0:
                lexical = self._with_delta(lexical, (), some)
        return State(min([revision, *known]), dense, lexical)

    def _replayed(self, state: State, revision: int) -> State:
        """The log after `state`, applied; right however often it is done, because only the last change of a
        version counts, and what is added is first taken out.
        """
        changes = self._place.log.changes(self.collection, state.revision)
        touched, added = net(changes)
        dense, lexical = state.dense.without(touched), self._less(state.lexical, touched)
        if touched and self._memory is not None:
            lexical = self._with_delta(lexical, touched, ())
        for start in range(0, len(added), VERSIONS_AT_A_TIME):
            rows = list(self._place.log.rows(added[start : start + VERSIONS_AT_A_TIME], self._place.model))
            if rows:
                dense = dense.with_block(block_of(rows, self._place.dimension))
                lexical = self._with_delta(lexical, (), rows)
        return State(max([revision, *(change.revision for change in changes)]), dense, lexical)

    def _less(self, lexical: Lexical, versions: Iterable[UUID]) -> Lexical:
        if lexical.base is None:
            return lexical
        return lexical.without(version for version in versions if lexical.base.doc_freq("version", str(version)))

    def _with_delta(self, lexical: Lexical, gone: Iterable[UUID], rows: Sequence[IndexRow]) -> Lexical:
        if self._memory is None:
            self._memory = MemoryIndex(self.collection)
        return replace(lexical, delta=self._memory.change(gone, rows))


def net(changes: Iterable[Change]) -> tuple[list[UUID], list[UUID]]:
    """The versions that changes touch, and those of them that are there at the end."""
    last = {change.version: change.kind for change in changes}
    return list(last), [version for version, kind in last.items() if kind == "add"]


def batches(rows: Iterator[IndexRow]) -> Iterator[list[IndexRow]]:
    """Rows in lists of at most ROWS_AT_A_TIME."""
    while some := list(islice(rows, ROWS_AT_A_TIME)):
        yield some

"""Compares a collection's index with the database: what is missing, foreign, different or damaged."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from uuid import UUID

import numpy as np

from engines.files import locked
from engines.index import snapshot as snapshots
from engines.index.delta import Dense
from engines.index.inspection import wrong_files
from engines.index.lexical import Lexical, Words
from engines.index.rebuilding import Progress
from engines.index.shelf import Place, Shelf, State, batches
from engines.index.vectors import Finder, Ids, Mask, as_ids, as_uuids
from engines.index.wording import one_of
from rag.ports import IndexRow

FIRST = 3
"""So many of what is wrong are named."""
SAMPLE = 20
"""Rows of each block whose own vector is searched for; all of them would take hours for a million."""
NEAREST = 10
TIE = 1e-3
"""Float16 rounds a cosine by less. Chunks of the same words have the same vector, so any of them may be found."""

Sizes = Callable[[], Mapping[UUID, int]]
"""Asks the database how many chunks each live version of the collection has."""


class Fault(StrEnum):
    """What can be wrong, in words for people that follow a number."""

    DAMAGED = "damaged or unreadable on the disk"
    FUTURE = "of a newer revision than the database, which was perhaps restored from a backup"
    VECTOR_MISSING = "missing among the vectors"
    VECTOR_FOREIGN = "among the vectors, but not in the database"
    VECTOR_DIFFERENT = "with another vector, document or version than in the database"
    VECTOR_NOT_FOUND = "not found by a search for their own vector"
    WORDS_MISSING = "missing in the lexical index"
    WORDS_FOREIGN = "in the lexical index, but not in the database, or twice"
    WORDS_NOT_FOUND = "not found by a search for their own words"
    NO_VECTOR = "lost in the database, or without a vector of the present embedding model, so that no search finds them"


@dataclass(slots=True)
class Tally:
    """How many there are, and the first few of them."""

    count: int = 0
    first: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """What a verification found. `rows` were compared; `gone` is a collection that does not exist."""

    rows: int = 0
    gone: bool = False
    faults: dict[Fault, Tally] = field(default_factory=dict)

    def add(self, fault: Fault, names: Iterable[object], *, each: int = 1) -> None:
        """Adds what a fault is true of."""
        for name in names:
            tally = self.faults.setdefault(fault, Tally())
            tally.count += each
            if len(tally.first) < FIRST:
                tally.first.append(str(name))

    @property
    def in_order(self) -> bool:
        return not self.faults

    @property
    def mendable(self) -> bool:
        """Whether a rebuild mends something of it."""
        return bool(self.faults.keys() - {Fault.NO_VECTOR})


def verify(place: Place, collection: UUID, progress: Progress, sizes: Sizes | None = None) -> Report:
    """Reads every live chunk from the database, a batch at a time, and looks it up in both legs.

    The legs are loaded as a process loads them that begins: from the caches on the disk and the log after them. Where
    a cache is damaged nothing more is compared. What changes meanwhile is left out. `sizes` lets chunks be noticed
    that have no vector. Raises OSError, and ValueError for a vector of another dimension.
    """
    report = Report()
    with locked(place.lock(collection)):  # so that no snapshot is removed while its files are read
        revision = place.log.revisions([collection]).get(collection)
        if revision is None:
            return Report(gone=True)
        _check_files(place, collection, revision, report)
        if report.faults:
            return report
        state = Shelf(collection, place, most_in_memory=inf).caught_up(revision)
    _compare(place, collection, state, report, progress, sizes)
    return report


def _check_files(place: Place, collection: UUID, revision: int, report: Report) -> None:
    folders = snapshots.folders(place.folder(collection))
    for folder in folders:
        report.add(Fault.DAMAGED, wrong_files(folder, place))
        if snapshots.revision_of(folder) > revision:
            report.add(Fault.FUTURE, [folder.name])
    # Small collections are not in the lexical index of the disk; it does not matter to them.
    view = place.view()
    if folders and view is None and place.disk.is_damaged():
        report.add(Fault.DAMAGED, ["lexical index"])
    if view is not None and view.revisions.get(collection, -1) > revision:
        report.add(Fault.FUTURE, ["lexical index"])


def _compare(
    place: Place, collection: UUID, state: State, report: Report, progress: Progress, sizes: Sizes | None
) -> None:
    expected = {} if sizes is None else sizes()
    meanwhile = _Meanwhile(place, collection, state.revision)
    vectors, words = _VectorsLeg(state.dense), _WordsLeg(state.lexical)
    counts: Counter[UUID] = Counter()
    _, rows = place.log.snapshot(collection, place.model)
    for some in batches(rows):
        touched = meanwhile.touched()  # after reading: whatever of these rows came since then is among them
        settled = [row for row in some if row.version not in touched]
        counts.update(row.version for row in settled)
        vectors.compare(settled, report)
        words.compare(settled, report)
        report.rows += len(settled)
        progress(len(some))
    touched = meanwhile.touched()
    vectors.finish(touched, report)
    words.finish(touched, report)
    for version, count in expected.items():
        if version not in touched and counts[version] < count:
            report.add(Fault.NO_VECTOR, [f"version {version}"], each=count - counts[version])


class _Meanwhile:
    """Which versions came or went since the legs were loaded."""

    def __init__(self, place: Place, collection: UUID, revision: int) -> None:
        self._place, self._collection = place, collection
        self._since = self._seen = revision
        self._touched: set[UUID] = set()

    def touched(self) -> set[UUID]:
        """As of now; costs one read by primary key while nothing changes."""
        revision = self._place.log.revisions([self._collection]).get(self._collection, self._seen)
        if revision != self._seen:
            changes = self._place.log.changes(self._collection, self._since)
            self._touched = {change.version for change in changes}
            self._seen = revision
        return self._touched


class _VectorsLeg:
    """The dense leg, and which of its rows the database was seen to have."""

    def __init__(self, dense: Dense) -> None:
        self._dense = dense
        self._parts = dense.parts()
        self._seen = [np.zeros(len(part.block), np.bool_) for part in self._parts]

    def compare(self, rows: Sequence[IndexRow], report: Report) -> None:
        """Looks up rows of the database."""
        chunks = [row.chunk for row in rows]
        known = np.zeros(len(rows), np.bool_)
        for part, seen in zip(self._parts, self._seen, strict=True):
            block, at = part.block, part.block.finder.rows(chunks)
            there = np.flatnonzero(at >= 0)
            if part.alive is not None:
                there = there[part.alive[at[there]]]
            found = at[there]
            known[there] = seen[found] = True
            # float16 is what the database stores: nothing may have been lost, not even the last bit.
            held = np.asarray(block.vectors[found], np.float16)
            for place, row, vector in zip(there.tolist(), found.tolist(), held, strict=True):
                wanted = rows[place]
                if (
                    vector.tobytes() != wanted.vector.astype(np.float16).tobytes()
                    or block.documents[block.document_of[row]] != wanted.document
                    or block.versions[block.version_of[row]] != wanted.version
                ):
                    report.add(Fault.VECTOR_DIFFERENT, [wanted.chunk])
        report.add(Fault.VECTOR_MISSING, (chunks[place] for place in np.flatnonzero(~known)))

    def finish(self, touched: set[UUID], report: Report) -> None:
        """Names the rows that the database does not have, and searches for a few of the others."""
        for part, seen in zip(self._parts, self._seen, strict=True):
            foreign = ~seen if part.alive is None else part.alive & ~seen
            gone = part.block.of_versions(list(touched))
            if gone is not None:
                foreign &= ~gone
            report.add(Fault.VECTOR_FOREIGN, as_uuids(part.block.chunks[foreign]))
            report.add(Fault.VECTOR_NOT_FOUND, self._unfound(part.block.chunks, part.block.vectors, seen))

    def _unfound(self, chunks: Ids, vectors: np.ndarray, seen: Mask) -> Iterable[UUID]:
        """Those of a sample that the index leg does not give for their own vector, though nothing else is as near."""
        rows = np.flatnonzero(seen)
        for row in rows[:: max(1, len(rows) // SAMPLE)][:SAMPLE]:
            vector = np.asarray(vectors[row], np.float32)
            hits = self._dense.nearest(vector, NEAREST, None)
            chunk = as_uuids(chunks[row : row + 1])[0]
            if chunk not in {hit for hit, _ in hits} and (not hits or hits[-1][1] < float(vector @ vector) - TIE):
                yield chunk


class _WordsLeg:
    """The lexical leg's ids, 16 bytes each, and which of them the database was seen to have."""

    def __init__(self, lexical: Lexical) -> None:
        self._lexical = lexical
        pages = [as_ids(page) for page in lexical.pages()]
        self._chunks = np.concatenate(pages) if pages else np.empty((0, 16), np.uint8)
        self._finder = Finder(self._chunks)
        self._seen = np.zeros(len(self._chunks), np.bool_)

    def compare(self, rows: Sequence[IndexRow], report: Report) -> None:
        """Looks up rows of the database."""
        at = self._finder.rows([row.chunk for row in rows])
        self._seen[at[at >= 0]] = True
        report.add(Fault.WORDS_MISSING, (rows[place].chunk for place in np.flatnonzero(at < 0).tolist()))
        for place in np.flatnonzero(at >= 0)[:1].tolist():  # one of each batch, for it costs a search
            words = Words([self._lexical], rows[place].text)
            if words.terms and not words.of([rows[place].chunk]):
                report.add(Fault.WORDS_NOT_FOUND, [rows[place].chunk])

    def finish(self, touched: set[UUID], report: Report) -> None:
        """Names the rows that the database does not have; one that is there twice is seen once."""
        foreign = as_uuids(self._chunks[~self._seen])
        if foreign and touched:
            changed = {chunk for page in self._lexical.pages(one_of("version", list(touched))) for chunk in page}
            foreign = [chunk for chunk in foreign if chunk not in changed]
        report.add(Fault.WORDS_FOREIGN, foreign)

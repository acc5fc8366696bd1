"""Makes a collection's caches anew from the database, whatever lies on the disk; searches go on meanwhile."""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from uuid import UUID

import numpy as np

from engines.files import locked, sweep
from engines.index import compaction
from engines.index import snapshot as snapshots
from engines.index.lexical_disk import Changes
from engines.index.shelf import Place, batches
from engines.index.vectors import Block, block_of, joined
from rag.ports import IndexRow

Progress = Callable[[int], object]
"""Told how many more chunks are done."""


def rebuild(place: Place, collection: UUID, progress: Progress, *, unless_there: bool = False) -> int:
    """Writes new caches and removes the old ones; gives how many chunks they hold, 0 when it is too small for any.

    With `unless_there` it leaves caches alone that another process has made while this one waited for the lock.
    Waits for whoever writes the collection's caches now. Every process of this machine reads the collection again at
    its next search, a small one as well. Raises OSError when the disk is full or fails, and ValueError.
    """
    folder = place.folder(collection)
    with locked(place.lock(collection)):
        sweep(folder)
        if unless_there and (there := _both(place, collection)):
            return there
        revision, rows = place.log.snapshot(collection, place.model)
        first = list(islice(rows, compaction.SMALL))
        if len(first) < compaction.SMALL:
            compaction.forget(place, collection)
            count = 0
        else:
            count = _written(place, collection, revision, chain(first, rows), progress)
        place.mark_rebuilt(collection)
        return count


def _both(place: Place, collection: UUID) -> int:
    """How many chunks the caches of both legs hold; 0 unless both are there and whole."""
    newest = snapshots.newest(place.folder(collection), model=place.model, dimension=place.dimension)
    view = place.view(fresh=True)
    return len(newest.block) if newest and view and collection in view.revisions else 0


def _written(place: Place, collection: UUID, revision: int, rows: Iterator[IndexRow], progress: Progress) -> int:
    blocks: list[Block] = []

    def passing() -> Iterator[IndexRow]:
        """One reading of the database serves both legs; vectors are kept as float16, texts not at all."""
        for some in batches(rows):
            blocks.append(joined([(block_of(some, place.dimension), None)], dtype=np.float16))
            yield from some
            progress(len(some))

    place.keep_view(place.disk.change(collection, lambda _: Changes(collection, revision, None, passing())))
    folder = place.folder(collection)
    whole = joined([(block, None) for block in blocks], dtype=np.float16)
    written = snapshots.write(folder, whole, revision=revision, model=place.model)
    if snapshots.read(written, model=place.model, dimension=place.dimension) is None:
        raise OSError(f"What was written to {written} does not read back; the disk may be failing.")
    snapshots.remove_older(folder, written)
    return len(whole)

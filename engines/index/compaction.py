"""Writes a collection's next caches and lets its shelf go over to them; searches go on meanwhile."""

from functools import partial
from uuid import UUID

from engines.files import locked, sweep
from engines.index import snapshot as snapshots
from engines.index.delta import Dense
from engines.index.lexical_disk import Changes
from engines.index.shelf import Place, Shelf, State, net
from engines.index.snapshot import Snapshot

SMALL = 2000
"""Below so many chunks a collection has no caches on disk: reading it from the database takes .2 s."""
UNSETTLED_SHARE = 0.1
UNSETTLED_LEAST = 200


def is_due(state: State) -> bool:
    """Whether so much came or went since the snapshot that another is worth its writing."""
    dense = state.dense
    if dense.base is None:
        return dense.count() >= SMALL
    limit = max(UNSETTLED_LEAST, UNSETTLED_SHARE * len(dense.base.block))
    return dense.unsettled() > limit or state.lexical.base is None


def compact(shelf: Shelf, place: Place, *, force: bool = False, wait: bool = False) -> bool:
    """Brings a collection's caches up to date if that is due (or `force`); tells whether it did.

    False, too, when another process is at it, unless `wait`. What that one writes is taken over at the next call.
    A collection that is gone, or has become small, loses its caches.
    """
    folder = place.folder(shelf.collection)
    with locked(place.lock(shelf.collection), wait=wait) as mine:
        if not mine:
            return False
        revision = place.log.revisions([shelf.collection]).get(shelf.collection)
        if revision is None:
            forget(place, shelf.collection)
            return True
        sweep(folder)
        state = shelf.caught_up(revision)
        if is_due(state) and _take_over(shelf, place, state):
            state = shelf.caught_up(revision)
        if not is_due(state) and not force:
            return False
        if state.dense.count() < SMALL:
            forget(place, shelf.collection)
            shelf.switch(None, None)
        else:
            _write(shelf, place, state)
        return True


def _take_over(shelf: Shelf, place: Place, state: State) -> bool:
    """Switches to caches that another process has written since this one looked; tells whether there were any."""
    newest = snapshots.newest(place.folder(shelf.collection), model=place.model, dimension=place.dimension)
    if newest is None or newest.revision > state.revision or _holds(state.dense, newest):
        return False
    shelf.switch(newest, place.view(fresh=True))
    return True


def _holds(dense: Dense, newest: Snapshot) -> bool:
    """Whether the shelf already stands on this snapshot, told by its rows."""
    if dense.base is None:
        return False
    mine, there = dense.base.block, newest.block
    return len(mine) == len(there) and bool((mine.chunks == there.chunks).all())


def _write(shelf: Shelf, place: Place, state: State) -> None:
    folder = place.folder(shelf.collection)
    written = snapshots.write(folder, state.dense.whole(), revision=state.revision, model=place.model)
    view = place.disk.change(shelf.collection, partial(_lexical_changes, place, shelf.collection))
    place.keep_view(view)
    # Read back and checked like any other, so that a disk that loses bytes is noticed now.
    base = snapshots.read(written, model=place.model, dimension=place.dimension)
    shelf.switch(base, view)
    if base is not None:
        snapshots.remove_older(folder, written)


def _lexical_changes(place: Place, collection: UUID, known: int) -> Changes:
    """From the revision at which the disk index holds the collection to now; everything, when it holds nothing."""
    if known < 0:
        revision, rows = place.log.snapshot(collection, place.model)
        return Changes(collection, revision, None, rows)
    changes = place.log.changes(collection, known)
    touched, added = net(changes)
    revision = max([known, *(change.revision for change in changes)])
    return Changes(collection, revision, touched, place.log.rows(added, place.model))


def forget(place: Place, collection: UUID) -> None:
    """Removes a collection's caches from this machine's disk."""
    snapshots.remove_all(place.folder(collection))
    place.disk.forget(collection)

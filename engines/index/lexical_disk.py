"""The tantivy index of this machine: many collections in one, written by whoever holds its lock."""

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import tantivy
from tantivy import Query

from engines.files import locked, sha256, sync
from engines.index.wording import ANALYSER, SCHEMA, analyser, document_of, one_of, rows_of
from rag.ports import IndexRow

logger = logging.getLogger(__name__)
CHECKSUMS = "checksums.json"
WRITER_BYTES = 64_000_000
MOST_COLLECTIONS = 100_000


@dataclass(frozen=True, slots=True)
class DiskView:
    """The index as of one commit: a searcher, and the revision at which it holds each collection."""

    searcher: tantivy.Searcher
    revisions: Mapping[UUID, int]

    def rows(self, collection: UUID) -> int:
        """How many chunks of the collection it holds."""
        found = self.searcher.search(one_of("collection", [collection]), 1, count=True)
        return int(found.count)  # type: ignore[attr-defined]  # its stub forgets it


@dataclass(frozen=True, slots=True)
class Changes:
    """What a collection's next commit does: `gone` versions (all its rows, when None), then new rows."""

    collection: UUID
    revision: int
    gone: Iterable[UUID] | None
    rows: Iterable[IndexRow]


class DiskIndex:
    """Opened afresh for each view and each change, so a folder that was deleted or damaged is only a cache lost."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = directory.parent / f"{directory.name}.lock"

    def view(self) -> DiskView | None:
        """The newest commit that is whole; None when there is none, or a writer is just replacing it."""
        if not self._is_whole():
            return None
        try:
            return _view(self._open())
        except (ValueError, OSError):
            return None

    def is_damaged(self) -> bool:
        """Whether something is there that cannot be used. Waits for a writer, so that it is not met half-way."""
        with locked(self._lock):
            return self._directory.exists() and self.view() is None

    def change(self, collection: UUID, changes_after: Callable[[int], Changes]) -> DiskView:
        """Commits a collection's changes, waiting for other writers of this machine first; a damaged index is begun
        anew.

        `changes_after` is given the revision at which the index holds the collection, -1 when it holds nothing of
        it: only now is that certain, for the writer before may have died and left nothing. Reading the rows may be
        slow. Raises OSError when the disk is full, ValueError from tantivy.
        """
        with locked(self._lock):
            index = self._open_or_begin()
            return self._commit(index, changes_after(_view(index).revisions.get(collection, -1)))

    def forget(self, collection: UUID) -> None:
        """Removes a collection's rows, if the index has any; waits for other writers, amid whose work it looks
        damaged."""
        with locked(self._lock):
            view = self.view()
            if view is not None and collection in view.revisions:
                self._commit(self._open(), Changes(collection, revision=-1, gone=None, rows=()))

    def _commit(self, index: tantivy.Index, changes: Changes) -> DiskView:
        """The caller holds the lock."""
        writer = index.writer(WRITER_BYTES, 1)
        try:
            _apply(writer, changes)
            writer.commit()
        finally:  # also when it is broken off: its threads still write files, which nothing will name
            writer.wait_merging_threads()
        self._write_checksums()
        return _view(index)

    def _open_or_begin(self) -> tantivy.Index:
        """The index there is; an empty one where it is missing, damaged or of another schema."""
        if self._is_whole():
            try:
                return self._open()
            except (ValueError, OSError):
                logger.warning("The lexical index in %s is of another version; it is begun anew", self._directory)
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._open()

    def _open(self) -> tantivy.Index:
        index = tantivy.Index(SCHEMA, path=str(self._directory), reuse=True)
        index.register_tokenizer(ANALYSER, analyser())
        index.config_reader("manual")
        return index

    def _is_whole(self) -> bool:
        """Whether every file is, byte for byte, what the last writer left. A commit whose writer died before
        it wrote the checksums counts as damaged: it costs a rebuild, never a wrong result.
        """
        try:
            written = json.loads((self._directory / CHECKSUMS).read_text())
            return all(sha256(self._directory / name) == digest for name, digest in written.items())
        except (OSError, ValueError, AttributeError):
            return False

    def _write_checksums(self) -> None:
        names = [path.name for path in self._directory.iterdir() if _is_content(path)]
        sums = {name: sha256(self._directory / name) for name in sorted(names)}
        temporary = self._directory / f"{CHECKSUMS}.new"
        temporary.write_text(json.dumps(sums))
        sync(temporary)
        os.replace(temporary, self._directory / CHECKSUMS)


def _is_content(path: Path) -> bool:
    """Files that a commit consists of: not tantivy's locks, and not its list of files to tidy up, which a change that
    was broken off has changed already.
    """
    return not path.name.startswith((CHECKSUMS, ".managed")) and path.suffix != ".lock"


def _apply(writer: tantivy.IndexWriter, changes: Changes) -> None:
    collection = str(changes.collection)
    if changes.gone is None:
        writer.delete_documents_by_term("collection", collection)
    elif gone := list(changes.gone):
        writer.delete_documents_by_query(rows_of(changes.collection, gone))
    for row in changes.rows:
        writer.add_document(document_of(changes.collection, row))
    writer.delete_documents_by_term("holds", collection)
    if changes.revision >= 0:
        mark = tantivy.Document()
        mark.add_text("holds", collection)
        mark.add_unsigned("revision", changes.revision)
        writer.add_document(mark)


def _view(index: tantivy.Index) -> DiskView:
    index.reload()
    searcher = index.searcher()
    most = max(1, min(searcher.num_docs, MOST_COLLECTIONS))
    marks = searcher.search(Query.regex_query(SCHEMA, "holds", ".+"), most, count=False)
    revisions = {}
    for _, address in marks.hits:
        row = searcher.doc(address)
        revisions[UUID(str(row.get_first("holds")))] = int(row.get_first("revision") or 0)
    return DiskView(searcher, revisions)

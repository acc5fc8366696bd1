"""What this machine's disk holds of a collection, told without reading its rows."""

import json
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from engines.files import sha256
from engines.index import snapshot as snapshots
from engines.index.shelf import Place, net

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """The newest snapshot, as its manifest describes it. `written_at` is in seconds since 1970."""

    revision: int
    rows: int
    bytes: int
    written_at: float


@dataclass(frozen=True, slots=True)
class LexicalFacts:
    """The collection's part of the lexical index."""

    revision: int
    rows: int


@dataclass(frozen=True, slots=True)
class Held:
    """The caches of a collection; None for one that is not there.

    `added` are the versions that came after the snapshot: their chunks are read from the database when a process
    loads the collection.
    """

    snapshot: SnapshotFacts | None = None
    lexical: LexicalFacts | None = None
    added: tuple[UUID, ...] = ()


def held(place: Place, collection: UUID) -> Held:
    """The caches of a collection. Whether the snapshot's files are whole is not looked at; `verify` does that."""
    found = (_facts(folder, place) for folder in snapshots.folders(place.folder(collection)))
    snapshot = next((facts for facts in found if facts is not None), None)
    view = place.view()
    lexical = None
    if view is not None and collection in view.revisions:
        lexical = LexicalFacts(view.revisions[collection], view.rows(collection))
    added = () if snapshot is None else tuple(net(place.log.changes(collection, snapshot.revision))[1])
    return Held(snapshot, lexical, added)


def wrong_files(folder: Path, place: Place) -> list[str]:
    """The files of a snapshot folder that are not as they were written; empty when it can be used."""
    if snapshots.read(folder, model=place.model, dimension=place.dimension) is not None:
        return []
    manifest = folder / MANIFEST
    try:
        files = json.loads(manifest.read_text())["files"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [_name(manifest)]
    wrong = [_name(folder / name) for name, digest in files if not _is_as_written(folder / name, digest)]
    return wrong or [_name(manifest)]


def _is_as_written(path: Path, digest: str) -> bool:
    try:
        return sha256(path) == digest
    except OSError:
        return False


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _facts(folder: Path, place: Place) -> SnapshotFacts | None:
    """None for a folder without a manifest, or of another format or encoder."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        known = (manifest["format"], manifest["model"], manifest["dimension"])
        if known != (snapshots.FORMAT, place.model, place.dimension):
            return None
        size = sum(path.stat().st_size for path in folder.iterdir())
        written_at = (folder / MANIFEST).stat().st_mtime
        return SnapshotFacts(int(manifest["revision"]), int(manifest["rows"]), size, written_at)
    except (OSError, ValueError, KeyError, TypeError):
        return None

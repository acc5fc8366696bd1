"""A collection's vectors on disk: written whole, mapped into memory, ignored when a byte is wrong."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import faiss
import numpy as np

from engines.files import sha256, whole_folder
from engines.index.vectors import Block, as_ids, as_uuids

FORMAT = 2
PREFIX = "snapshot-"
LARGE = 50_000
"""From so many rows on a scan of all float16 vectors, 1.3 ms on one core, is left to bits."""
CENTRED_ON = 50_000
"""Rows whose mean the bits are relative to."""
ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows that were live at `revision`, as found in `folder`."""

    revision: int
    block: Block
    folder: Path


def write(directory: Path, block: Block, *, revision: int, model: str) -> Path:
    """A new snapshot folder in `directory`: vectors as float16, and FAISS' view of them (`_view`). Raises OSError."""
    target = directory / f"{PREFIX}{revision:020d}-{uuid4().hex[:8]}"
    with whole_folder(target) as folder:
        block.chunks.tofile(folder / "chunks.ids")
        as_ids(block.documents).tofile(folder / "documents.ids")
        block.document_of.astype(np.int32).tofile(folder / "documents.i32")
        as_ids(block.versions).tofile(folder / "versions.ids")
        block.version_of.astype(np.int32).tofile(folder / "versions.i32")
        block.vectors.astype(np.float16).tofile(folder / "vectors.f16")
        faiss.write_index(_view(block), str(folder / "index.faiss"))
        manifest = {
            "format": FORMAT,
            "model": model,
            "revision": revision,
            "rows": len(block),
            "dimension": int(block.vectors.shape[1]),
            "files": {path.name: sha256(path) for path in sorted(folder.iterdir())},
        }
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    return target


def _view(block: Block) -> faiss.Index:
    """The same float16 vectors, searched whole, or from LARGE rows on one bit a dimension (RaBitQ).

    Those bits only propose: `Block.nearest` ranks them by the vectors themselves. No inverted lists: the vectors of
    texts lie in no clear clusters, so that a recall@10 of .99 takes a third of the lists, and then a scan of all is
    as fast, needs no training and takes any filter.
    """
    dimension = int(block.vectors.shape[1])
    index: faiss.Index
    if len(block) < LARGE:
        index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    else:
        index = faiss.IndexRaBitQ(dimension, faiss.METRIC_INNER_PRODUCT)
        sample = block.vectors[:: max(1, len(block) // CENTRED_ON)]
        index.train(np.ascontiguousarray(sample, np.float32))
    for start in range(0, len(block), ROWS_AT_ONCE):
        index.add(np.ascontiguousarray(block.vectors[start : start + ROWS_AT_ONCE], np.float32))
    return index


def newest(directory: Path, *, model: str, dimension: int) -> Snapshot | None:
    """The newest snapshot that is whole and of this model; None when there is none."""
    for folder in folders(directory):
        if snapshot := read(folder, model=model, dimension=dimension):
            return snapshot
    return None


def folders(directory: Path) -> list[Path]:
    """Snapshot folders, newest first. The revision is in the name, so no file is read."""
    return sorted(directory.glob(f"{PREFIX}*"), reverse=True)


def revision_of(folder: Path) -> int:
    """The revision in a snapshot folder's name; -1 when it is not one."""
    digits = folder.name.removeprefix(PREFIX).split("-")[0]
    return int(digits) if digits.isdigit() else -1


def read(folder: Path, *, model: str, dimension: int) -> Snapshot | None:
    """A snapshot, after checking every file against the manifest; None when anything is off."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        if (manifest["format"], manifest["model"], manifest["dimension"]) != (FORMAT, model, dimension):
            return None
        if any(sha256(folder / name) != digest for name, digest in manifest["files"].items()):
            return None
        if manifest["revision"] != revision_of(folder):  # the manifest has no checksum of its own
            return None
        return Snapshot(int(manifest["revision"]), _block(folder, int(manifest["rows"]), dimension), folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        # Whatever is wrong with a cache, the answer is the same: rebuild it from the database.
        return None


def _block(folder: Path, rows: int, dimension: int) -> Block:
    index = faiss.read_index(str(folder / "index.faiss"), faiss.IO_FLAG_MMAP_IFC)
    if rows < 1 or index.ntotal != rows or index.d != dimension:
        raise ValueError("The index does not fit its manifest.")
    return Block(
        chunks=np.memmap(folder / "chunks.ids", np.uint8, "r", shape=(rows, 16)),
        documents=_uuids(folder / "documents.ids"),
        document_of=np.memmap(folder / "documents.i32", np.int32, "r", shape=(rows,)),
        versions=_uuids(folder / "versions.ids"),
        version_of=np.memmap(folder / "versions.i32", np.int32, "r", shape=(rows,)),
        vectors=np.memmap(folder / "vectors.f16", np.float16, "r", shape=(rows, dimension)),
        index=index,
        exact=not isinstance(index, faiss.IndexRaBitQ),
    )


def _uuids(path: Path) -> tuple[UUID, ...]:
    return tuple(as_uuids(np.fromfile(path, np.uint8).reshape(-1, 16)))


def remove_older(directory: Path, kept: Path) -> None:
    """Removes every snapshot folder but `kept`. Processes that have one mapped keep reading it."""
    for folder in folders(directory):
        if folder != kept:
            shutil.rmtree(folder, ignore_errors=True)


def remove_all(directory: Path) -> None:
    """Removes a collection's folder with all its snapshots."""
    shutil.rmtree(directory, ignore_errors=True)

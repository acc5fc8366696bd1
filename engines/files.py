"""What caches on disk need: a checksum, a lock between processes, and writing that is whole or not there."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TEMPORARY = ".unfinished-"
"""Begins the name of a folder that is being written; one that is found belongs to a writer that died."""


def sha256(path: Path) -> str:
    """The file's SHA-256 as 64 hexadecimal digits; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Holds the lock file for this process; yields False, holding nothing, if `wait` is False and it is taken.

    The kernel gives the lock back when its holder dies (flock(2)), so a lock file that lies about is no lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A new folder to write into; at the end it is synced and renamed to `target`, which must not exist.

    If the body raises, nothing is left. If the process dies, what is left begins with TEMPORARY.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=target.parent))
    try:
        yield folder
        for path in [*folder.iterdir(), folder]:
            sync(path)
        folder.rename(target)
        sync(target.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sync(path: Path) -> None:
    """Waits until the file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(parent: Path) -> None:
    """Removes what dead writers left in `parent`. Call it while holding the writers' lock."""
    with suppress(FileNotFoundError):
        for path in parent.iterdir():
            if path.name.startswith(TEMPORARY):
                shutil.rmtree(path, ignore_errors=True)

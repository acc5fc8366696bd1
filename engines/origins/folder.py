"""The files below a folder of the server."""

import os
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from engines.origins import refusals
from engines.origins.port import Entry, Fetched, OriginUnavailable
from engines.origins.saving import save

PIECE = 1024 * 1024
_KEY_SAFE = bytes(set(range(128)) - set(b"%"))
"""What stands for itself in a key: a percent sign and bytes that are no UTF-8 are escaped."""


class Folder:
    """Regular files below `path`, none larger than `max_bytes`; files of any type, so the caller says which it takes.

    Left out: hidden files and folders (".x", and "~$x", which Office keeps beside an open document), and links
    that lead out of the folder or to what is listed under its own path anyway. A key is the path below the
    folder, with "/"; in it `%` is written `%25`, and a byte that is no UTF-8 `%FF`.
    """

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._given, self._max_bytes = path, max_bytes
        self._whole = self._ended = False

    @property
    def complete(self) -> bool:
        """Never for an empty folder: a share that is not mounted looks like one."""
        return self._whole and self._ended

    def entries(self) -> Iterator[Entry]:
        self._whole, self._ended = True, False
        root, count = self._root(), 0
        visited, queue = set[tuple[int, int]](), deque([b""])
        while queue:
            for path, is_folder in self._listed(root, queue.popleft(), visited):
                if is_folder:
                    queue.append(path)
                elif (entry := self._entry(root, path)) is not None:
                    count += 1
                    yield entry
        self._whole = self._whole and count > 0
        self._ended = True

    def fetch(self, entry: Entry, into: Path, known: str = "") -> Fetched | None:
        if known and entry.mark == known:
            return None
        root = self._root()
        try:
            descriptor = _opened(root, _inside(root, _path_of(entry.key)))
        except PermissionError:
            raise refusals.no_access(entry.name) from None
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise refusals.gone(entry.name) from None
        except OSError as error:
            raise OriginUnavailable(f"{entry.name} cannot be read now ({error.strerror}).") from None
        with os.fdopen(descriptor, "rb") as file:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise refusals.gone(entry.name)
            if known and known == _mark(before):
                return None
            try:
                size, digest = save(iter(lambda: file.read(PIECE), b""), into, entry.name, self._max_bytes)
            except OSError as error:
                raise OriginUnavailable(f"{entry.name} cannot be copied now ({error.strerror}).") from None
            if _mark(os.fstat(descriptor)) != _mark(before) or size != before.st_size:
                into.unlink(missing_ok=True)
                raise OriginUnavailable(f"{entry.name} is being changed at this moment.")
        return Fetched(entry.name, size, digest, _mark(before))

    def _root(self) -> bytes:
        try:
            root = os.fsencode(self._given.resolve(strict=True))
            if not os.path.isdir(root):
                raise refusals.not_a_folder(str(self._given))
            os.scandir(root).close()
        except PermissionError:
            raise refusals.no_access(str(self._given)) from None
        except (OSError, RuntimeError):  # RuntimeError: links in a circle
            raise OriginUnavailable(f"The folder {self._given} is not there now.") from None
        return root

    def _listed(self, root: bytes, folder: bytes, visited: set[tuple[int, int]]) -> list[tuple[bytes, bool]]:
        """What lies in one folder, by name: paths below the root, and whether each is a folder."""
        found = []
        try:
            here = os.stat(os.path.join(root, folder))
            if (here.st_dev, here.st_ino) in visited:
                return []
            visited.add((here.st_dev, here.st_ino))
            with os.scandir(os.path.join(root, folder)) as listing:
                for each in listing:
                    path = os.path.join(folder, each.name)
                    if _is_hidden(each.name) or (each.is_symlink() and not _leads_to_unlisted(root, path)):
                        continue
                    found.append((path, each.is_dir()))
        except OSError:  # no right to read it, or it went while being read
            self._whole = False
        return sorted(found)

    def _entry(self, root: bytes, path: bytes) -> Entry | None:
        try:
            here = os.stat(os.path.join(root, path))
        except FileNotFoundError:
            return None
        except OSError:
            self._whole = False
            return None
        if not stat.S_ISREG(here.st_mode):
            return None
        return Entry(_key_of(path), os.path.basename(path).decode("utf-8", "replace"), _mark(here))


def _mark(here: os.stat_result) -> str:
    return f"{here.st_size}-{here.st_mtime_ns}"


def _is_hidden(name: bytes) -> bool:
    return name.startswith((b".", b"~$"))


def _key_of(path: bytes) -> str:
    try:
        return path.decode().replace("%", "%25")
    except UnicodeDecodeError:
        return quote_from_bytes(path, safe=_KEY_SAFE)


def _path_of(key: str) -> bytes:
    return unquote_to_bytes(key)


def _leads_to_unlisted(root: bytes, path: bytes) -> bool:
    """Whether a link leads to a place inside the folder that is not met on the way there itself."""
    try:
        return any(_is_hidden(part) for part in _inside(root, path))
    except (ValueError, OSError):  # out of the folder, nowhere, or in a circle
        return False


def _inside(root: bytes, path: bytes) -> list[bytes]:
    """The parts, below the root, of where a path really leads. Raises ValueError if that is not inside."""
    real = os.path.realpath(os.path.join(root, path), strict=True)
    if not real.startswith(root.rstrip(b"/") + b"/"):
        raise ValueError("leads out of the folder")
    return real[len(root.rstrip(b"/")) + 1 :].split(b"/")


def _opened(root: bytes, parts: list[bytes]) -> int:
    """A descriptor of the file, no link followed on the way: one may have been put there since it was checked."""
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        # A pipe would wait for its writer.
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    finally:
        os.close(at)

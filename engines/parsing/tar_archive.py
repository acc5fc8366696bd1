"""TAR, also packed by gzip, bzip2 or xz: each member is handed on; the page lists them. Read as one stream.

A packed file that is no tar is an archive of one file.
"""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePath
from typing import IO, Any

from engines.parsing import archives, refusals
from engines.parsing.decoding import decode
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Page

_PACKED: tuple[tuple[bytes, Any], ...] = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
_ENDINGS = frozenset({".gz", ".bz2", ".xz", ".tgz", ".tbz2", ".txz"})
_RECORD = 10_240
"""Bytes that tar writes at once; an empty archive is one such record of zeros."""
_GZIP_NAME = 8
_UNREADABLE = (
    tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, OverflowError,
    RecursionError, KeyError, IndexError,
)  # fmt: skip
_LINK = "a link or a device"


class _Entry(tarfile.TarInfo):
    """A header. tarfile takes a damaged one for the archive's end, which would lose all that follows."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "_Entry":
        try:
            return super().fromtarfile(tarfile_)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(str(error)) from None


class _Counted(io.RawIOBase):
    """The unpacked stream: every byte counts, also those that tarfile skips."""

    def __init__(self, file: IO[bytes], unpacking: archives.Unpacking) -> None:
        self._file, self._unpacking = file, unpacking
        self._first = file.read(_RECORD + 1)
        self.begin = self._first

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece, self._first = self._first[:size], self._first[size:]
        piece = piece or self._file.read(min(size, archives.PIECE))
        self._unpacking.came(len(piece))
        return piece


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page, the list of members. Folders, hidden files and what systems leave behind are passed over."""
    report.total(1)
    contents = archives.Contents(report)
    size = path.stat().st_size
    try:
        with path.open("rb") as raw, closing(_unpacked(raw)) as file:
            stream = _Counted(file, archives.Unpacking(size, limits))
            if file is raw or _is_tar(stream.begin):
                # A sparse member is larger than what the stream holds of it, so members are counted too.
                _take_members(stream, archives.Unpacking(size, limits), contents)
            else:
                contents.add(
                    _name_of_one(path, report.name or path.name), iter(lambda: stream.read(archives.PIECE), b"")
                )
            while stream.read(archives.PIECE):
                pass  # the checksum of a packed stream comes at its end
    except _UNREADABLE:
        raise refusals.broken("TAR") from None
    yield contents.page()


def _take_members(stream: _Counted, unpacking: archives.Unpacking, contents: archives.Contents) -> None:
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Entry) as archive:
        for member in archive:
            archive.members = []  # type: ignore[attr-defined]  # else it keeps them all
            unpacking.entry()
            name = _name(member)
            if member.isdir() or archives.is_litter(name):
                continue
            if not member.isreg():
                contents.leave_out(name, _LINK)
                continue
            unpacking.file()
            file = archive.extractfile(member)
            if file is not None:
                contents.add(name, _whole(unpacking.pieces(file), member.size))


def _whole(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The pieces. Raises EOFError where the archive ends within the member."""
    for piece in pieces:
        size -= len(piece)
        yield piece
    if size > 0:
        raise EOFError


def _unpacked(raw: IO[bytes]) -> IO[bytes]:
    begin = raw.read(8)
    raw.seek(0)
    found: Any = next((unpack for mark, unpack in _PACKED if begin.startswith(mark)), None)
    file: IO[bytes] = raw if found is None else found(raw)
    return file


def _is_tar(begin: bytes) -> bool:
    if len(begin) <= _RECORD and not begin.strip(b"\0"):
        return bool(begin) and len(begin) % tarfile.BLOCKSIZE == 0
    try:
        tarfile.TarInfo.frombuf(begin[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def _name(member: tarfile.TarInfo) -> str:
    raw = member.name.encode("utf-8", "surrogateescape")
    return decode(raw)


def _name_of_one(path: Path, name: str) -> str:
    """What gzip's header calls its file, else the packed file's own `name` without its ending. RFC 1952 wants
    Latin-1; today's programs write what their system has, UTF-8."""
    with path.open("rb") as file:
        head = file.read(10 + archives.LONGEST_NAME)
    if head.startswith(b"\x1f\x8b") and len(head) > 10 and head[3] & _GZIP_NAME and not head[3] & 4:
        called = head[10:].split(b"\0", 1)[0]
        try:
            return called.decode()
        except UnicodeDecodeError:
            return called.decode("latin-1")
    return PurePath(name).stem if PurePath(name).suffix.lower() in _ENDINGS else ""

"""ZIP: each member is handed on as a document of its own; the page lists them, so that they are found by name."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from lzma import LZMAError
from pathlib import Path

from engines.parsing import archives, refusals
from engines.parsing.limits import Limits
from engines.parsing.reporting import Report
from rag.types import Page

_UTF8 = 0x800
_ENCRYPTED = 1
_LOCAL_HEADER = 30
_END = struct.Struct("<4s4H2LH")
_DIRECTORY_PER_MEMBER = 4096
# bzip2 and LZMA members unpack all that was read at once, so little is read.
_CAREFUL_PIECE = 4096
_JAPANESE = re.compile("[\u3040-\u30ff\u3400-\u9fff]{2}")
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, LZMAError, struct.error, EOFError, OSError, NotImplementedError, RuntimeError,
    ValueError, KeyError, IndexError, OverflowError,
)  # fmt: skip
_LOCKED, _DAMAGED, _LINK = "protected by a password", "damaged or packed in an unknown way", "a link or a device"


def pages(path: Path, limits: Limits, report: Report) -> Iterator[Page]:
    """One page, the list of members. Folders, hidden files and what systems leave behind are passed over."""
    report.total(1)
    unpacking = archives.Unpacking(path.stat().st_size, limits)
    contents = archives.Contents(report)
    _refuse_endless_list(path, limits)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _refuse_overlap(members)
            for member in members:
                unpacking.entry()
                _take(archive, member, unpacking, contents)
    except _UNREADABLE:
        raise refusals.broken("ZIP") from None
    if contents.is_empty and contents.left_out(_DAMAGED):
        raise refusals.broken("ZIP")
    if contents.is_empty and contents.left_out(_LOCKED):
        raise refusals.encrypted()
    yield contents.page()


def _take(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, unpacking: archives.Unpacking, contents: archives.Contents
) -> None:
    name = _name(member)
    if member.filename.endswith("/") or archives.is_litter(name):
        return
    if archives.is_special(member.external_attr >> 16):
        contents.leave_out(name, _LINK)
        return
    if member.flag_bits & _ENCRYPTED:
        contents.leave_out(name, _LOCKED)
        return
    unpacking.file()
    careful = member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    try:
        with archive.open(member) as file:
            contents.add(name, unpacking.pieces(file, _CAREFUL_PIECE if careful else archives.PIECE))
    except _UNREADABLE:
        contents.leave_out(name, _DAMAGED)


def _name(member: zipfile.ZipInfo) -> str:
    """The member's name. ZIP knows UTF-8, by a flag, and CP437; other systems' own encodings are told apart."""
    if member.flag_bits & _UTF8:
        return member.filename
    raw = member.filename.encode("cp437", "replace")
    for encoding in ("utf-8", "cp932"):
        try:
            name = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        # A German "öß" is also one Chinese character in cp932; two in a row are hardly by chance.
        if encoding == "utf-8" or _JAPANESE.search(name):
            return name
    return member.filename


def _refuse_overlap(members: list[zipfile.ZipInfo]) -> None:
    """Members that share bytes multiply them: no program packs so, decompression bombs do (Fifield, WOOT 2019)."""
    end = 0
    for member in sorted(members, key=lambda each: each.header_offset):
        if member.header_offset < end:
            raise refusals.broken("ZIP")
        end = member.header_offset + _LOCAL_HEADER + len(member.filename) + member.compress_size


def _refuse_endless_list(path: Path, limits: Limits) -> None:
    """zipfile takes the whole list of members into memory, so its size is looked at before."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 0xFFFF - _END.size))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + _END.size:
        raise refusals.broken("ZIP")
    size = _END.unpack_from(tail, at)[5]
    if size > _DIRECTORY_PER_MEMBER * limits.archive_members and size != 0xFFFFFFFF:
        raise refusals.too_many_members(limits)

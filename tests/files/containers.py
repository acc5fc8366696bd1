"""Archives, mails and books, made while the tests run."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence

Members = Mapping[str, bytes] | Sequence[tuple[str, bytes]]

REPORT_MEMBERS = (
    ("reports/Annual report of every region.txt", b"The company grew in every region.\n"),
    ("reports/costs fell.csv", b"Year,Sales,Costs\nFirst,1200,900\n"),
)


def _pairs(members: Members) -> Sequence[tuple[str, bytes]]:
    return list(members.items()) if isinstance(members, Mapping) else members


def zip_of(members: Members, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of these members; two may share a name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in _pairs(members):
            info = zipfile.ZipInfo(name, (2024, 5, 1, 12, 0, 0))
            info.compress_type = method
            archive.NameToInfo.pop(name, None)  # else it warns of a name that is there already
            with archive.open(info, "w") as file:
                file.write(data)
    return out.getvalue()


def zip_with_raw_names(members: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A ZIP whose names are these bytes, without the flag that says UTF-8; nothing is packed."""
    out, directory = bytearray(), bytearray()
    for name, data in members:
        place = len(out)
        about = struct.pack("<HHHHHLLLHH", 20, 0, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(name), 0)
        out += b"PK\x03\x04" + about + name + data
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + about + struct.pack("<HHHLL", 0, 0, 0, 0, place) + name
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(members), len(members), len(directory), len(out), 0)
    return bytes(out + directory + end)


def locked_zip(members: Members, locked: set[str]) -> bytes:
    """A ZIP that says of some members that they need a password."""
    data = bytearray(zip_of(members))
    for mark, flag_at, name_at in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
        at = data.find(mark)
        while at >= 0:
            name = bytes(data[at + name_at :])
            if any(name.startswith(each.encode()) for each in locked):
                data[at + flag_at] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)


def overlapping_zip(count: int, size: int) -> bytes:
    """A ZIP whose members all share the same packed bytes, as a decompression bomb's do."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    plain = b"\0" * size
    packed = packer.compress(plain) + packer.flush()
    directory = bytearray()
    about = struct.pack("<HHHHHLLLHH", 20, 0, 8, 0, 33, zlib.crc32(plain), len(packed), size, 1, 0)
    for _ in range(count):
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + about + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + b"a"
    body = b"PK\x03\x04" + about + b"a" + packed
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    return body + bytes(directory) + end


def tar_of(members: Members, *, extra: Sequence[tarfile.TarInfo] = (), encoding: str = "utf-8") -> bytes:
    """A TAR of these members, then of entries that have no bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, encoding=encoding) as archive:
        for name, data in _pairs(members):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for entry in extra:
            archive.addfile(entry)
    return out.getvalue()


def packed(data: bytes, how: str) -> bytes:
    """The bytes as `gz`, `bz2` or `xz`; "" leaves them as they are."""
    if how == "gz":
        return gzip.compress(data, mtime=0)
    return {"bz2": bz2.compress, "xz": lzma.compress, "": bytes}[how](data)

"""Mails and books, made while the tests run."""

import struct
import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from io import BytesIO
from typing import Any

from tests.files.making import SAMPLE_HTML

REPORT_HTML = SAMPLE_HTML.decode().split("</h1>", 1)[1].replace("</body></html>", "")
HEAD = b"From: Ann <ann@example.org>\nTo: Bob <bob@example.org>\nDate: Mon, 6 May 2024 10:00:00 +0200\n"
_PROPERTIES = "__properties_version1.0"
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def mail(subject: str, *, plain: str = "", html: str = "", attach: Sequence[tuple[str, bytes]] = ()) -> EmailMessage:
    """A mail from Ann to Bob."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Ann <ann@example.org>", "Bob <bob@example.org>", subject
    made["Date"] = "Mon, 06 May 2024 10:00:00 +0200"
    if plain:
        made.set_content(plain)
    if html and plain:
        made.add_alternative(html, subtype="html")
    elif html:
        made.set_content(html, subtype="html")
    for name, data in attach:
        made.add_attachment(data, "application", "octet-stream", filename=name)
    return made


def sample_eml() -> bytes:
    return mail("Annual report", html=f"<html><body>{REPORT_HTML}</body></html>").as_bytes()


def ole(tree: Mapping[str, Any]) -> bytes:
    """An OLE compound file ([MS-CFB]) of streams (bytes) and storages (mappings)."""
    entries: list[list[Any]] = [["Root Entry", 5, _FREE, _FREE, b""]]
    _add_entries(entries, 0, tree)
    small, chain = bytearray(), []
    large = []
    for entry in entries[1:]:
        data = entry[4]
        entry[4] = (0, len(data))
        if 0 < len(data) < 4096:
            first = len(chain)
            count = -(-len(data) // 64)
            chain += [*range(first + 1, first + count), _END]
            small += data.ljust(count * 64, b"\0")
            entry[4] = (first, len(data))
        elif data:
            large.append((entry, data))
    streams = [b"", struct.pack(f"<{len(chain)}I", *chain), bytes(small), *(data for _, data in large)]
    sizes = [-(-len(entries) * 128 // 512), *(-(-len(data) // 512) for data in streams[1:])]
    fat_sectors = next(count for count in range(1, 110) if count * 128 >= sum(sizes) + count)
    starts, at = [], fat_sectors
    fat = [_FAT] * fat_sectors
    for size in sizes:
        starts.append(at if size else _END)
        fat += [*range(at + 1, at + size), _END][: size or 0] if size else []
        at += size
    entries[0][4] = (starts[2], len(small))
    for (entry, data), start in zip(large, starts[3:], strict=True):
        entry[4] = (start, len(data))
    streams[0] = b"".join(_entry(*entry) for entry in entries)
    head = struct.pack(
        "<8s16sHHHHH6xIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6, 0, fat_sectors,
        starts[0], 0, 4096, starts[1], sizes[1], _END, 0,
    )  # fmt: skip
    head += struct.pack("<109I", *range(fat_sectors), *[_FREE] * (109 - fat_sectors))
    body = b"".join(data.ljust(size * 512, b"\0") for data, size in zip(streams, sizes, strict=True))
    fat += [_FREE] * (fat_sectors * 128 - len(fat))
    return head + struct.pack(f"<{len(fat)}I", *fat) + body


def _add_entries(entries: list[list[Any]], parent: int, tree: Mapping[str, Any]) -> None:
    before = None
    for name, what in sorted(tree.items(), key=lambda item: (len(item[0]), item[0].upper())):
        number = len(entries)
        entries.append(
            [name, 2 if isinstance(what, bytes) else 1, _FREE, _FREE, what if isinstance(what, bytes) else b""]
        )
        if before is None:
            entries[parent][3] = number
        else:
            entries[before][2] = number
        before = number
        if not isinstance(what, bytes):
            _add_entries(entries, number, what)


def _entry(name: str, kind: int, after: int, child: int, place: tuple[int, int]) -> bytes:
    wide = (name + "\0").encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16sIQQIQ", wide, len(wide), kind, 1, _FREE, after, child, b"", 0, 0, 0, place[0], place[1]
    )


def holder(head: int, values: Mapping[tuple[int, int], bytes | int], **inner: Any) -> dict[str, Any]:
    """A storage of properties: id and type to value; `head` is how many bytes stand before its list of them."""
    listed = bytearray(head)
    made: dict[str, Any] = dict(inner)
    for (pid, kind), value in values.items():
        if isinstance(value, int):
            listed += struct.pack("<HHIQ", kind, pid, 6, value)
        else:
            listed += struct.pack("<HHIII", kind, pid, 6, len(value), 0)
            made[f"__substg1.0_{pid:04X}{kind:04X}"] = value
    made[_PROPERTIES] = bytes(listed)
    return made


def texts(values: Mapping[int, str]) -> dict[tuple[int, int], bytes | int]:
    return {(pid, 0x1F): value.encode("utf-16-le") for pid, value in values.items()}


def message(
    subject: str,
    *,
    plain: str = "",
    html: bytes = b"",
    code_page: int = 65001,
    head: int = 32,
    inner: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An Outlook message from Ann to Bob as a tree; `inner` holds its attachments."""
    values = texts({0x37: subject, 0x0C1A: "Ann", 0x0C1F: "ann@example.org"} if subject or plain or html else {})
    if plain:
        values |= texts({0x1000: plain})
    if html:
        values[0x1013, 0x102] = html
        values[0x3FDE, 3] = code_page
    to = holder(8, {**texts({0x3001: "Bob", 0x39FE: "bob@example.org"}), (0x0C15, 3): 1})
    if subject or plain or html:
        inner = {**(inner or {}), "__recip_version1.0_#00000000": to}
    return {**holder(head, values), **(inner or {})}


def attachment(name: str, data: bytes, **more: Any) -> dict[str, Any]:
    """An attachment of an Outlook message."""
    return holder(8, {**texts({0x3707: name}), (0x3701, 0x102): data, (0x3705, 3): 1, **more.get("values", {})})


def inner_message(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A message as an attachment of another; made with `head=24`."""
    return {**holder(8, {(0x3705, 3): 5}), "__substg1.0_3701000D": tree}


def sample_msg() -> bytes:
    return ole(message("Annual report", html=f"<html><body>{REPORT_HTML}</body></html>".encode()))


def epub(
    chapters: Mapping[str, str],
    *,
    title: str = "Annual report",
    parts: Mapping[str, bytes | str] | None = None,
    opf: str = "",
) -> bytes:
    """A book of these documents (file name to what its body holds), and further parts."""
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(chapters)))
    package = opf or (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>{title}</dc:title></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        archive.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        )
        archive.writestr("OPS/book.opf", package)
        for name, inner in chapters.items():
            text = f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>{inner}</body></html>'
            archive.writestr(f"OPS/{name}", text)
        for name, data in (parts or {}).items():
            archive.writestr(name, data)
    return out.getvalue()


def sample_epub() -> bytes:
    return epub({"one.xhtml": f"<h1>Annual report</h1>{REPORT_HTML}", "two.xhtml": "<p>The outlook is good.</p>"})

"""Spreadsheets made while the tests run: XLSX by XlsxWriter, ODS and XLS from their parts by hand."""

import io
import struct
import zipfile
from collections.abc import Callable, Sequence

import xlsxwriter

_NAMESPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text", "style")
)
REPORT: tuple[tuple[str, ...], ...] = (
    ("The company grew in every region.",),
    ("costs fell",),
    (),
    ("Year", "Sales", "Costs"),
    ("First", "1,200", "900"),
    ("Second", "1,320", "850"),
)
"""What a sheet called "Annual report" says in every spreadsheet format."""


def xlsx(fill: Callable[[xlsxwriter.Workbook], None]) -> bytes:
    """A workbook that `fill` writes."""
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(out)
    fill(workbook)
    workbook.close()
    return out.getvalue()


def xlsx_of(rows: Sequence[Sequence[object]], name: str = "Annual report") -> bytes:
    """A workbook of one sheet with these rows from its top left corner; None is an empty cell."""

    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet = workbook.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if value is not None:
                    sheet.write(number, column, value)

    return xlsx(fill)


def with_part(data: bytes, part: str, change: Callable[[bytes], bytes]) -> bytes:
    """A copy of an archive with one of its parts changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return out.getvalue()


def ods(tables: str, *, styles: str = "", manifest: str = "") -> bytes:
    """An OpenDocument spreadsheet whose body holds these tables."""
    out = io.BytesIO()
    content = (
        f"<office:document-content {_NAMESPACES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        kind = zipfile.ZipInfo("mimetype")
        archive.writestr(kind, "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        if manifest:
            archive.writestr("META-INF/manifest.xml", manifest)
    return out.getvalue()


def ods_of(rows: Sequence[Sequence[str]], name: str = "Annual report") -> bytes:
    """A spreadsheet of one table with these rows of text."""
    cells = "".join(f"<table:table-row>{''.join(map(ods_text, row))}</table:table-row>" for row in rows)
    return ods(f'<table:table table:name="{name}">{cells}</table:table>')


def ods_text(text: str) -> str:
    """A cell of text."""
    return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'


def xls_of(rows: Sequence[Sequence[str]], name: str = "Annual report", *, hidden: bool = False) -> bytes:
    """A workbook of Excel 97 with one sheet of texts ([MS-XLS]: BOF, BOUNDSHEET, LABEL and EOF records)."""
    title = struct.pack("<BB", len(name), 0) + name.encode("latin-1")
    start = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
    bound = len(_record(0x0085, b"\0" * 6 + title))
    place = len(start) + bound + len(_record(0x000A, b""))
    entry = _record(0x0085, struct.pack("<IBB", place, int(hidden), 0) + title)
    sheet = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            value = struct.pack("<HB", len(text), 0) + text.encode("latin-1")
            sheet += _record(0x0204, struct.pack("<HHH", number, column, 0) + value)
    return _compound("Workbook", start + entry + _record(0x000A, b"") + sheet + _record(0x000A, b""))


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _compound(name: str, stream: bytes) -> bytes:
    """An OLE compound file of one stream ([MS-CFB]): header, one sector of FAT, one of directory, the stream."""
    stream = stream.ljust(4096, b"\0")  # a shorter one would lie in the mini stream
    count = -(-len(stream) // 512)
    free, end = 0xFFFFFFFF, 0xFFFFFFFE
    chain = [0xFFFFFFFD, end, *range(3, count + 2), end]
    fat = struct.pack("<128I", *chain, *[free] * (128 - len(chain)))
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, end, 0,
        end, 0,
    )  # fmt: skip
    header += struct.pack("<109I", 0, *[free] * 108)
    directory = _entry("Root Entry", 5, child=1, start=end, size=0) + _entry(name, 2, child=free, start=2, size=4096)
    directory = directory.replace(struct.pack("<IQ", 2, 4096), struct.pack("<IQ", 2, len(stream)))
    directory += _entry("", 0, child=free, start=0, size=0) * 2
    return header + fat + directory + stream.ljust(count * 512, b"\0")


def _entry(name: str, kind: int, *, child: int, start: int, size: int) -> bytes:
    wide = name.encode("utf-16-le")
    length = len(wide) + 2 if name else 0
    free = 0xFFFFFFFF
    return wide.ljust(64, b"\0") + struct.pack("<HBBIII36xIQ", length, kind, 1, free, free, child, start, size)

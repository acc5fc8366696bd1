"""Small documents made while the tests run, whole and broken; nothing binary is kept in the repository."""

import io
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import docx


@dataclass(frozen=True)
class Words:
    """Text at x, y (points, origin bottom left as PDF has it)."""

    x: float
    y: float
    text: str
    size: float = 10
    bold: bool = False

    def drawn(self) -> str:
        text = self.text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        return f"BT /{'B' if self.bold else 'R'} {self.size} Tf {self.x} {self.y} Td ({text}) Tj ET"


def pdf_bytes(objects: Sequence[str], *, trailer: str = "") -> bytes:
    """A PDF of these objects (the first is the catalogue), with its cross-reference table."""
    out = io.BytesIO(b"%PDF-1.7\n")
    out.seek(0, io.SEEK_END)
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1"))
    start = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    out.write("".join(f"{place:010} 00000 n \n" for place in places).encode())
    out.write(f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


def pdf(
    pages: Sequence[Sequence[Words | str]], *, page_keys: str = "/MediaBox [0 0 600 800]", trailer: str = ""
) -> bytes:
    """A PDF with a page for each list of words (or raw drawing operators)."""
    count = len(pages)
    kids = " ".join(f"{5 + 2 * i} 0 R" for i in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {count} /Kids [{kids}] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
    ]
    for index, content in enumerate(pages):
        drawn = "\n".join(each if isinstance(each, str) else each.drawn() for each in content)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R {page_keys} /Contents {6 + 2 * index} 0 R "
            "/Resources << /Font << /R 3 0 R /B 4 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
    return pdf_bytes(objects, trailer=trailer)


def encrypted_pdf() -> bytes:
    """A PDF that asks for a password nobody has."""
    key = "<" + "41" * 32 + ">"
    trailer = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O {key} /U {key} /P -4 >> /ID [<00><00>]"
    return pdf([[Words(50, 700, "secret")]], trailer=trailer)


def scanned_pdf() -> bytes:
    """A PDF whose page is a picture: a grey area, no text."""
    return pdf([["0.5 g 50 50 400 600 re f"]])


SAMPLE_PDF = pdf(
    [
        [
            Words(50, 740, "Annual report", size=20, bold=True),
            Words(50, 700, "The company grew in every region. Sales rose by a"),
            Words(50, 688, "tenth, and costs fell."),
            Words(50, 660, "Year", bold=True), Words(250, 660, "Sales"), Words(350, 660, "Costs"),
            Words(50, 648, "First"), Words(250, 648, "1,200"), Words(350, 648, "900"),
            Words(50, 636, "Second"), Words(250, 636, "1,320"), Words(350, 636, "850"),
        ],
        [Words(50, 740, "The outlook is good.")],
    ]
)  # fmt: skip


def sample_docx() -> bytes:
    """Heading, paragraph, list, table."""
    document = docx.Document()
    document.add_heading("Annual report", level=1)
    document.add_paragraph("The company grew in every region.")
    document.add_paragraph("costs fell", style="List Bullet")
    table = document.add_table(rows=3, cols=3)
    for row, cells in zip(
        table.rows, (("Year", "Sales", "Costs"), ("First", "1,200", "900"), ("Second", "1,320", "850")), strict=True
    ):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    return saved(document)


def saved(document: "docx.document.Document") -> bytes:
    """A python-docx document's bytes."""
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def docx_with(body: str) -> bytes:
    """A DOCX whose document part holds this XML within its body."""
    namespaces = (
        'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    )
    return _with_document(f"<w:document {namespaces}><w:body>{body}</w:body></w:document>".encode())


def bomb_docx(megabytes: int) -> bytes:
    """A DOCX of a few kilobytes whose document part unpacks to this size."""
    return _with_document(b"<w>" + b" " * (megabytes * 1024 * 1024) + b"</w>")


def lying_docx(megabytes: int) -> bytes:
    """The same bomb, whose contents list says that the part is small."""
    data = bytearray(bomb_docx(megabytes))
    size = struct.pack("<I", megabytes * 1024 * 1024 + 7)
    while (at := data.find(size)) >= 0:
        data[at : at + 4] = struct.pack("<I", 1000)
    return bytes(data)


def _with_document(part: bytes) -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved(docx.Document()))) as plain,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in plain.namelist():
            made.writestr(name, part if name == "word/document.xml" else plain.read(name))
    return out.getvalue()


SAMPLE_HTML = b"""<!doctype html><html><head><title>Annual report</title>
<style>p{}</style><script>alert(1)</script></head><body>
<nav>Menu</nav><h1>Annual report</h1><p>The company grew in <b>every</b> region.</p><ul><li>costs fell</li></ul>
<table><tr><th>Year</th><th>Sales</th><th>Costs</th></tr><tr><td>First</td><td>1,200</td><td>900</td></tr>
<tr><td>Second</td><td>1,320</td><td>850</td></tr></table></body></html>"""

SAMPLE_MARKDOWN = b"""# Annual report

The company grew in **every** region.

- costs fell

| Year | Sales | Costs |
|---|---|---|
| First | 1,200 | 900 |
| Second | 1,320 | 850 |
"""

SAMPLE_TEXT = b"Annual report\n\nThe company grew in every region.\nSales rose.\n\ncosts fell\n"
SAMPLE_CSV = b'Year,Sales,Costs\nFirst,"1,200",900\nSecond,"1,320",850\n'

"""Office documents made while the tests run: PPTX, ODT, ODP, RTF, and DOCX with parts that python-docx cannot make."""

import io
import zipfile
from collections.abc import Mapping

from pptx import Presentation
from pptx.util import Inches

ROWS = (("Year", "Sales", "Costs"), ("First", "1,200", "900"), ("Second", "1,320", "850"))
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_NAMESPACES = (
    f'xmlns:office="{_ODF}:office:1.0" xmlns:text="{_ODF}:text:1.0" xmlns:table="{_ODF}:table:1.0" '
    f'xmlns:draw="{_ODF}:drawing:1.0" xmlns:style="{_ODF}:style:1.0" xmlns:presentation="{_ODF}:presentation:1.0" '
    f'xmlns:svg="{_ODF}:svg-compatible:1.0" xmlns:fo="{_ODF}:xsl-fo-compatible:1.0" '
    f'xmlns:meta="{_ODF}:meta:1.0" xmlns:manifest="{_ODF}:manifest:1.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink"'
)


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    """A ZIP archive of these parts; `mimetype` lies unpacked, as OpenDocument wants it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            packing = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(name, part, compress_type=packing)
    return out.getvalue()


def word(
    body: str,
    *,
    main_type: str = "document.main",
    app: str = "",
    whole: Mapping[str, str] | None = None,
    **parts: str,
) -> bytes:
    """A DOCX with this body; `parts` are the inner XML of `styles`, `numbering`, `footnotes` and `endnotes`, `whole`
    are further parts by the kind of the link to them, which has the id "r" and that kind."""
    spaces = (
        f'xmlns:w="{_W}" xmlns:r="{_OFFICE}/relationships" xmlns:m="{_OFFICE}/math" '
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    )
    links = "".join(
        f'<Relationship Id="r{name}" Type="{_OFFICE}/relationships/{name}" Target="{name}.xml"/>'
        for name in (*parts, *(whole or {}))
    )
    made = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" '
        f'ContentType="application/xml"/><Override PartName="/word/document.xml" '
        f'ContentType="{_WORD}.{main_type}+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_OFFICE}/relationships/officeDocument" Target="word/document.xml"/>'
        f'<Relationship Id="r2" Type="{_OFFICE}/relationships/extended-properties" Target="docProps/app.xml"/>'
        "</Relationships>",
        "docProps/app.xml": f'<Properties xmlns="{_OFFICE}/extended-properties">{app}</Properties>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>',
        "word/document.xml": f"<w:document {spaces}><w:body>{body}</w:body></w:document>",
    }
    made |= {f"word/{name}.xml": part for name, part in (whole or {}).items()}
    for name, inner in parts.items():
        made[f"word/{name}.xml"] = f"<w:{name} {spaces}>{inner}</w:{name}>"
    return zipped(made)


def words(text: str, properties: str = "", after: str = "") -> str:
    """A DOCX paragraph."""
    return f'<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r>{after}</w:p>'


def strict(data: bytes) -> bytes:
    """The same Open XML file in the strict namespaces of ISO/IEC 29500."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    old, new = b"http://schemas.openxmlformats.org/", b"http://purl.oclc.org/ooxml/"
    for name in parts:
        for kind in (b"wordprocessingml/2006/main", b"officeDocument/2006/relationships", b"officeDocument/2006/math"):
            parts[name] = parts[name].replace(old + kind, new + kind.replace(b"/2006", b""))
    return zipped(parts)


def sample_pptx(*, slides: int = 1, hidden: tuple[int, ...] = ()) -> bytes:
    """Slides with title, text box, list, table and notes."""
    deck = Presentation()
    for at in range(1, slides + 1):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = "Annual report"
        body = slide.placeholders[1]
        body.text_frame.text = "costs fell"
        body.left, body.top, body.width, body.height = Inches(1), Inches(3), Inches(8), Inches(1)
        deep = body.text_frame.add_paragraph()
        deep.text, deep.level = "by a tenth", 1
        box = slide.shapes.add_textbox(Inches(1), Inches(2), Inches(8), Inches(1))
        box.text_frame.text = "The company grew in every region."
        table = slide.shapes.add_table(3, 3, Inches(1), Inches(5), Inches(8), Inches(1)).table
        for row, cells in enumerate(ROWS):
            for column, text in enumerate(cells):
                table.cell(row, column).text = text
        slide.notes_slide.notes_text_frame.text = "Pause here."
        if at in hidden:
            slide._element.set("show", "0")
    return saved(deck)


def saved(document: object) -> bytes:
    """The bytes of a presentation of python-pptx or a document of python-docx."""
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


def odf(
    kind: str,
    body: str,
    *,
    automatic: str = "",
    styles: str = "",
    meta: str = "",
    manifest: str = "",
    others: Mapping[str, str] | None = None,
) -> bytes:
    """An OpenDocument file of this kind ("text", "presentation") with this in its body, and further parts."""
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"<office:document-content {_NAMESPACES}><office:automatic-styles>{automatic}"
            f"</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}></office:body>"
            "</office:document-content>",
            "styles.xml": f"<office:document-styles {_NAMESPACES}>{styles}</office:document-styles>",
            "meta.xml": f"<office:document-meta {_NAMESPACES}><office:meta>{meta}</office:meta></office:document-meta>",
            "META-INF/manifest.xml": f"<manifest:manifest {_NAMESPACES}>{manifest}</manifest:manifest>",
            **(others or {}),
        }
    )


ODF_TABLE = (
    '<table:table><table:table-column table:number-columns-repeated="3"/>'
    + "".join(
        "<table:table-row>"
        + "".join(f"<table:table-cell><text:p>{text}</text:p></table:table-cell>" for text in row)
        + "</table:table-row>"
        for row in ROWS
    )
    + "</table:table>"
)
ODF_LIST = "<text:list><text:list-item><text:p>costs fell</text:p></text:list-item></text:list>"


def frame(inner: str, y: int, *, kind: str = "", x: int = 1) -> str:
    """A text frame on an ODP slide, `y` centimetres from its top."""
    named = f'presentation:class="{kind}"' if kind else ""
    return f'<draw:frame svg:x="{x}cm" svg:y="{y}cm" {named}><draw:text-box>{inner}</draw:text-box></draw:frame>'


def sample_odt() -> bytes:
    """Heading, paragraph, list, table."""
    return odf(
        "text",
        '<text:h text:outline-level="1">Annual report</text:h>'
        f"<text:p>The company grew in\n every<text:s/>region.</text:p>{ODF_LIST}{ODF_TABLE}",
    )


def sample_odp() -> bytes:
    """A slide with title, text, list and table, which do not stand in this order in the file."""
    return odf(
        "presentation",
        f"<draw:page><draw:frame svg:x='1cm' svg:y='9cm'>{ODF_TABLE}</draw:frame>{frame(ODF_LIST, 6)}"
        f"{frame('<text:p>The company grew in every region.</text:p>', 4)}"
        f"{frame('<text:p>Annual report</text:p>', 1, kind='title')}"
        f"<presentation:notes>{frame('<text:p>Pause here.</text:p>', 1, kind='notes')}</presentation:notes>"
        "</draw:page>",
    )


def rtf(body: str) -> bytes:
    """An RTF document: ANSI, with fonts for Western, Japanese, Cyrillic and symbol text and the style Heading 1."""
    return (
        r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset128 MS Mincho;}"
        r"{\f2\fcharset204 Arial Cyr;}{\f3\fcharset2 Symbol;}}{\colortbl;\red0\green0\blue0;}"
        r"{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}{\s2 Title;}}"
        "\n" + body + "}"
    ).encode("latin-1")


RTF_TABLE = "".join(
    r"\trowd\cellx2000\cellx4000\cellx6000 " + "".join(rf"\pard\intbl {text}\cell" for text in row) + "\\row\n"
    for row in ROWS
)


def sample_rtf() -> bytes:
    """Heading, paragraph, list, table."""
    return rtf(
        r"\pard\s1 Annual report\par\pard The company {\b grew} in every region.\par"
        r"{\pard{\listtext\f3\'b7\tab}\ls1 costs fell\par}" + "\n" + RTF_TABLE
    )


_SEAM = b"\n=====\n"


def unpacked(archive: bytes) -> bytes:
    """The names and bytes of a ZIP's parts in a row, to be damaged and packed again by `repacked`."""
    with zipfile.ZipFile(io.BytesIO(archive)) as parts:
        return _SEAM.join(piece for name in parts.namelist() for piece in (name.encode(), parts.read(name)))


def repacked(row: bytes) -> bytes:
    """The ZIP of such a row of parts, whatever has become of them."""
    pieces = row.split(_SEAM)
    # zipfile writes no part whose name ends before it begins.
    names = [piece[:1000].decode("latin-1").lstrip("\0") for piece in pieces[::2]]
    return zipped({name: part for name, part in zip(names, pieces[1::2], strict=False) if name})

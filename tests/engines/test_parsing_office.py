"""Office formats in depth: what a reader sees is read once, in order, with its structure; what nobody sees is not."""

import contextlib
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from engines.parsing import Limits, Report, extract, sniff
from rag.errors import ParsingError
from tests.files import office
from tests.files.office import frame, odf
from tests.files.reading import OFFICE, Reading, blocks, read_office


@pytest.fixture
def read(tmp_path: Path) -> Reading:
    return partial(read_office, tmp_path)


# ---------------------------------------------------------------------------------------------------- PPTX


def test_pptx_slides_are_pages_in_reading_order_with_notes(read: Reading) -> None:
    pages = read("PPTX", office.sample_pptx(slides=2))
    assert [page.number for page in pages] == [1, 2]
    assert blocks(pages[0]) == [
        ("heading", "Annual report"), ("text", "The company grew in every region."), ("list_item", "- costs fell"),
        ("list_item", "-- by a tenth"), ("table_row", "Year | Sales | Costs"), ("table_row", "First | 1,200 | 900"),
        ("table_row", "Second | 1,320 | 850"), ("text", "Notes: Pause here."),
    ]  # fmt: skip
    assert {block.heading for block in pages[1].blocks[1:]} == {("Annual report",)}


def test_pptx_hidden_slides_are_empty_pages_with_a_warning(read: Reading) -> None:
    warnings: list[str] = []
    pages = read("PPTX", office.sample_pptx(slides=3, hidden=(2,)), warnings)
    assert [bool(page.text) for page in pages] == [True, False, True]
    assert warnings == ["Hidden slides were left out: 2."]


def test_pptx_groups_charts_and_pictures_without_words(read: Reading) -> None:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    low = slide.shapes.add_textbox(Inches(1), Inches(5), Inches(2), Inches(1))
    low.text_frame.text = "Below"
    group = slide.shapes.add_group_shape()
    for left, text in ((4, "right"), (1, "left")):
        group.shapes.add_textbox(Inches(left), Inches(1), Inches(2), Inches(1)).text_frame.text = text
    chart = CategoryChartData()
    chart.categories = ["East", "West"]
    chart.add_series("Sales", (1, 2))
    drawn = slide.shapes.add_chart(XL_CHART_TYPE.PIE, Inches(1), Inches(3), Inches(4), Inches(2), chart).chart
    drawn.has_title = True
    drawn.chart_title.text_frame.text = "By region"
    alone = deck.slides.add_slide(deck.slide_layouts[6])
    alone.shapes.add_textbox(0, 0, 1, 1)._element.nvSpPr.cNvPr.set("descr", "A map of the sites")
    first, second = read("PPTX", office.saved(deck))
    assert first.text == "left\n\nright\n\nBy region\n\nSales\n\nEast, West\n\nBelow"
    assert second.text == "A map of the sites"


def test_too_many_slides_name_the_setting(read: Reading) -> None:
    many = "<draw:page/>" * 4
    for name, data in (("PPTX", office.sample_pptx(slides=4)), ("ODP", odf("presentation", many))):
        with pytest.raises(ParsingError) as caught:
            read(name, data, pages=3)
        assert "MAX_PAGES" in caught.value.hint


# --------------------------------------------------------------------------------------------- OpenDocument


def test_odt_marks_notes_and_what_nobody_sees(read: Reading) -> None:
    automatic = (
        '<text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-format="1" '
        'style:num-suffix="."/><text:list-level-style-number text:level="2" style:num-format="a" '
        'style:num-suffix=")"/></text:list-style><style:style style:name="H" style:family="text">'
        '<style:text-properties text:display="none"/></style:style>'
    )
    inner = "<text:list><text:list-item><text:p>deep</text:p></text:list-item></text:list>"
    body = (
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        '<text:p>Sales<text:span text:style-name="H"> no</text:span> rose<text:note><text:note-citation>1'
        "</text:note-citation><text:note-body><text:p>In euros.</text:p></text:note-body></text:note>."
        "<office:annotation><text:p>comment</text:p></office:annotation></text:p>"
        f'<text:list text:style-name="L"><text:list-item><text:p>one</text:p>{inner}</text:list-item>'
        "<text:list-item><text:p>two</text:p><text:p>more</text:p></text:list-item></text:list>"
        '<text:list text:style-name="L" text:continue-numbering="true"><text:list-item><text:p>three</text:p>'
        "</text:list-item></text:list>"
    )
    (page,) = read("ODT", odf("text", body, automatic=automatic))
    assert page.text == "Sales rose.\n\nIn euros.\n\n1. one\na) deep\n2. two\nmore\n3. three"


def test_odt_headings_are_counted_where_the_outline_has_numbers(read: Reading) -> None:
    outline = "".join(
        f'<text:outline-level-style text:level="{at}" style:num-format="1" text:display-levels="{at}"/>'
        for at in (1, 2)
    )
    body = "".join(
        f'<text:h text:outline-level="{level}">{text}</text:h>'
        for level, text in ((1, "Scope"), (2, "Who"), (2, "What"), (1, "Terms"), (3, "Small"))
    )
    (page,) = read("ODT", odf("text", body, styles=f"<text:outline-style>{outline}</text:outline-style>"))
    assert [text for _, text in blocks(page)] == ["1 Scope", "1.1 Who", "1.2 What", "2 Terms", "Small"]
    assert page.blocks[-1].heading == ("2 Terms",)


def test_odt_pages_are_those_its_program_noted(read: Reading) -> None:
    automatic = '<style:style style:name="B" style:family="paragraph">'
    automatic += '<style:paragraph-properties fo:break-before="page"/></style:style>'
    body = '<text:p>One</text:p><text:p text:style-name="B">Two</text:p><text:soft-page-break/><text:p>Three</text:p>'
    stated = '<meta:document-statistic meta:page-count="{}"/>'
    pages = read("ODT", odf("text", body, automatic=automatic, meta=stated.format(3)))
    assert [page.text for page in pages] == ["One", "Two", "Three"]
    assert len(read("ODT", odf("text", body, automatic=automatic, meta=stated.format(7)))) == 1


def test_odt_repeated_cells_and_rows_are_bounded(read: Reading) -> None:
    cell = '<table:table-cell table:number-columns-repeated="900000"><text:p>x</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="900000">{cell}</table:table-row>'
    (page,) = read("ODT", odf("text", f"<table:table>{row}</table:table>"))
    assert page.text.startswith("x | x")
    assert len(page.text) < 20_000


def test_odt_equations_stand_in_their_line(read: Reading) -> None:
    math = (
        '<math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mrow><mi>E</mi><mo>=</mo><mfrac><mi>a</mi>'
        "<msup><mi>c</mi><mrow><mi>n</mi><mo>+</mo><mn>1</mn></mrow></msup></mfrac></mrow>"
        "<annotation>E = a over c^{n+1}</annotation></semantics></math>"
    )
    equation = '<draw:frame><draw:object xlink:href="./Object 1"/><draw:image/></draw:frame>'
    data = odf("text", f"<text:p>So {equation} holds.</text:p>", others={"Object 1/content.xml": math})
    (page,) = read("ODT", data)
    assert page.text == "So E=(a)/(c^(n+1)) holds."


def test_elements_nested_without_end_are_broken(read: Reading) -> None:
    cells, items = 5000, 5000
    for name, data in (
        ("DOCX", office.word("<w:tbl><w:tr><w:tc>" * cells + "</w:tc></w:tr></w:tbl>" * cells)),
        ("ODT", odf("text", "<text:list><text:list-item>" * items + "</text:list-item></text:list>" * items)),
    ):
        with pytest.raises(ParsingError) as caught:
            read(name, data)
        assert caught.value.code == "broken"


def test_odt_that_says_it_is_encrypted(read: Reading) -> None:
    entry = "<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>"
    for name, kind in (("ODT", "text"), ("ODP", "presentation")):
        with pytest.raises(ParsingError) as caught:
            read(name, odf(kind, "", manifest=entry))
        assert caught.value.code == "encrypted"


def test_odp_slides_are_read_from_top_to_bottom_with_notes(read: Reading) -> None:
    (page,) = read("ODP", office.sample_odp())
    assert [text for _, text in blocks(page)] == [
        "Annual report", "The company grew in every region.", "- costs fell", "Year | Sales | Costs",
        "First | 1,200 | 900", "Second | 1,320 | 850", "Notes: Pause here.",
    ]  # fmt: skip


def test_odp_hidden_slides_stamps_and_groups(read: Reading) -> None:
    automatic = '<style:style style:name="S" style:family="drawing-page">'
    automatic += '<style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
    pair = frame("<text:p>right</text:p>", 2, x=9) + frame("<text:p>left</text:p>", 2)
    body = (
        f'<draw:page draw:style-name="S">{frame("<text:p>no</text:p>", 1)}</draw:page>'
        f"<draw:page>{frame('<text:p>3 May</text:p>', 0, kind='date-time')}<draw:g>{pair}</draw:g></draw:page>"
    )
    warnings: list[str] = []
    pages = read("ODP", odf("presentation", body, automatic=automatic), warnings)
    assert [page.text for page in pages] == ["", "left\n\nright"]
    assert warnings == ["Hidden slides were left out: 1."]


# ----------------------------------------------------------------------------------------------------- RTF


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"caf\'e9 \u8364?5", "café €5"),
        (r"\uc2\u26085 xx\u26412\'93\'fa!", "日本!"),
        (r"\u-10179?\u-8704?", "😀"),
        (r"{\f1 \'93\'fa\'96\'7b\'8c\'ea\'83A}", "日本語ア"),
        (r"{\f2 \'cf\'f0\'e8\'e2\'e5\'f2}", "Привет"),
        (r"{\f3 a}-rays", "α-rays"),
        (r"one{\v two}\v three\v0 four", "onefour"),
        (r"a{\deleted b}c{\revised d}", "acd"),
        (r"{\field{\*\fldinst HYPERLINK x}{\fldrslt here}} we are", "here we are"),
        (r"{\header no}{\pict\bin4 }}}}}{\*\unknown {no}}{\info{\title no}}yes", "yes"),
        (r"{\upr{old}{\*\ud new}}", "new"),
        (r"x\~y\_z\-w\emdash \ldblquote q\rdblquote\line end", "x y-zw—“q”\nend"),
        (r"Rose{\footnote\pard {\chftn} In euros.}.\par Next", "Rose.\n\nIn euros.\n\nNext"),
        (r"\pard\s1 Scope\par\pard\outlinelevel1 Part\par\pard text", "Scope\n\nPart\n\ntext"),
        (r"{\listtext 1.\tab}\ls1 a\par{\listtext\f3\'b7}\ls2\ilvl1 b\par\pard c", "1. a\n-- b\n\nc"),
        (r"\trowd\cellx1\clvmrg\cellx2\intbl a\cell no\cell\row\pard after", "a\n\nafter"),
        (r"\trowd\cellx1\cellx2\intbl a\par b\cell c\cell\row", "a b | c"),
    ],
)  # fmt: skip
def test_rtf(body: str, text: str, read: Reading) -> None:
    (page,) = read("RTF", office.rtf(body))
    assert page.text == text


def test_rtf_headings_and_inner_tables(read: Reading) -> None:
    inner = r"\itap2 x\nestcell y\nestcell{\*\nesttableprops\trowd\cellx1\cellx2\nestrow}{\nonesttables\par}"
    body = r"\pard\s1 Scope\par\trowd\cellx1\cellx2\pard\intbl a\cell " + inner + r"\pard\intbl b\cell\row"
    (page,) = read("RTF", office.rtf(body))
    assert blocks(page) == [("heading", "Scope"), ("table_row", "a | b"), ("table_row", "x | y")]
    assert page.blocks[1].heading == ("Scope",)


def test_rtf_cut_off_in_the_middle_is_read_with_a_warning(read: Reading) -> None:
    warnings: list[str] = []
    (page,) = read("RTF", office.rtf(r"One\par Two\par {\b Th")[:-1], warnings)
    assert page.text == "One\n\nTwo\n\nTh"
    assert warnings == ["The file ends in the middle of its text, so it was read as far as it goes."]


def test_rtf_nested_without_end_is_broken(read: Reading) -> None:
    with pytest.raises(ParsingError) as caught:
        read("RTF", b"{\\rtf1 " + b"{" * 1_000_000)
    assert caught.value.code == "broken"


# ------------------------------------------------------------------------------------------------ all of them


@pytest.mark.parametrize("name", OFFICE)
def test_damaged_bytes_end_in_pages_or_a_typed_error(name: str, tmp_path: Path) -> None:
    """Bytes overwritten, cut out and doubled; also within the XML parts, which a ZIP's checksums would hide."""
    module, sample = OFFICE[name]
    path = tmp_path / "document"
    if name != "RTF":
        sample = office.unpacked(sample)

    @settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 300), st.binary(max_size=8)), max_size=5))
    def check(changes: list[tuple[int, int, bytes]]) -> None:
        data = sample
        for at, length, inserted in changes:
            at %= len(data) + 1
            data = data[:at] + inserted + data[at + length :]
        path.write_bytes(data if name == "RTF" else office.repacked(data))
        with contextlib.suppress(ParsingError):
            for page in module(path, Limits(memory_mb=200), Report()):
                page.text.encode()
                assert all(0 <= block.start < block.end <= len(page.text) for block in page.blocks)

    check()


def test_entities_are_not_expanded(read: Reading) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    parts = {"META-INF/manifest.xml": "<m/>"}
    content = office.sample_odt()
    spaces = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    spaces += ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    parts["content.xml"] = (
        f"{bomb}<office:document-content {spaces}><office:body><office:text><text:p>So &b; &f; it is</text:p>"
        "</office:text></office:body></office:document-content>"
    )
    (page,) = read("ODT", office.zipped(parts))
    assert "root" not in page.text
    assert "haha" not in page.text
    assert len(content) > len(page.text)


@pytest.mark.parametrize("name", ["DOCX", "PPTX", "ODT", "ODP"])
def test_a_part_that_unpacks_beyond_the_memory_is_refused(name: str, read: Reading) -> None:
    main = {"DOCX": "word/document.xml", "PPTX": "ppt/presentation.xml"}.get(name, "content.xml")
    data = office.zipped({main: b"<a>" + b" " * 20_000_000 + b"</a>"})
    with pytest.raises(ParsingError) as caught:
        read(name, data, memory_mb=100)
    assert caught.value.code == "too_large"
    assert "PARSE_MEMORY_MB" in caught.value.hint


@pytest.mark.data
def test_real_office_files_say_what_they_show(data: Path) -> None:
    def text(name: str) -> str:
        path = data / "files" / name
        return "\n".join(page.text for page in extract(path, sniff(path, name), limits=Limits()))

    assert text("d_odf_presentation_01.odp") == text("d_powerpoint_sample.pptx")
    assert "(x+a)^n=∑_(k=0)^n" in text("d_equations.docx")
    assert text("t_footnotes.docx").endswith("\n\nsnoska")
    assert "ゾルゲと尾崎、淡々と最期" in text("t_testRTFJapanese.rtf")
    assert "Row 1 Col 1 | Row 1 Col 2 | Row 1 Col 3" in text("t_testRTFVarious.rtf")
    assert "Apples are fun!" in text("t_testRTFCorruptListOverride.rtf")

"""DOCX in depth: lists and headings with their numbers, notes, tables, equations, and the pages Word noted."""

import time
from functools import partial
from pathlib import Path

import pytest

from engines.parsing import Limits, extract, sniff
from rag.types import Kind
from tests.files import office
from tests.files.office import words
from tests.files.reading import Reading, blocks, read_office


@pytest.fixture
def read(tmp_path: Path) -> Reading:
    return partial(read_office, tmp_path)


def numbered(*levels: str) -> str:
    """A list definition: `decimal %1.` and so on for each level."""
    parts = [level.split(" ", 1) for level in levels]
    inner = "".join(
        f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{shape}"/><w:lvlText w:val="{text}"/></w:lvl>'
        for at, (shape, text) in enumerate(parts)
    )
    return (
        f'<w:abstractNum w:abstractNumId="7">{inner}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>'
        '<w:num w:numId="2"><w:abstractNumId w:val="7"/>'
        '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride></w:num>'
    )


def item(text: str, depth: int = 0, list_id: int = 1) -> str:
    return words(text, f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{list_id}"/></w:numPr>')


def test_docx_lists_count_as_their_definition_says(read: Reading) -> None:
    body = item("a") + item("b", 1) + item("c", 1) + item("d", 2) + item("e") + item("f", 1) + item("g", 0, 2)
    numbering = numbered("decimal %1.", "lowerLetter %1.%2)", "bullet -")
    (page,) = read("DOCX", office.word(body, numbering=numbering))
    assert page.text.split("\n") == ["1. a", "1.a) b", "1.b) c", "--- d", "2. e", "2.a) f", "1. g"]
    assert {block.kind for block in page.blocks} == {Kind.LIST_ITEM}


def test_docx_headings_keep_their_numbers_and_take_their_level_from_the_style(read: Reading) -> None:
    styles = (
        '<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr>'
        '</w:pPr></w:style><w:style w:styleId="Mine"><w:name w:val="Mine"/><w:basedOn w:val="berschrift1"/>'
        '<w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>'
    )
    body = (
        words("Scope", '<w:pStyle w:val="berschrift1"/>')
        + words("Details", '<w:pStyle w:val="Mine"/><w:numPr><w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr>')
        + words("Text.")
    )
    (page,) = read("DOCX", office.word(body, styles=styles, numbering=numbered("upperRoman %1.", "decimal %1.%2")))
    assert blocks(page) == [("heading", "I. Scope"), ("heading", "I.1 Details"), ("text", "Text.")]
    assert page.blocks[-1].heading == ("I. Scope", "I.1 Details")


def test_docx_notes_stand_by_their_paragraph_without_a_mark(read: Reading) -> None:
    body = words("Sales rose.", after='<w:r><w:footnoteReference w:id="2"/></w:r>') + words("Costs fell.")
    notes = '<w:footnote w:type="separator" w:id="-1"><w:p/></w:footnote><w:footnote w:id="2">'
    notes += words("In euros.") + '</w:footnote><w:footnote w:id="3">' + words("Nobody refers to me.") + "</w:footnote>"
    (page,) = read("DOCX", office.word(body, footnotes=notes))
    assert page.text == "Sales rose.\n\nIn euros.\n\nCosts fell."


def test_docx_merged_cells_are_read_once_and_inner_tables_after_their_row(read: Reading) -> None:
    def row(*cells: str) -> str:
        return f"<w:tr>{''.join(f'<w:tc>{cell}</w:tc>' for cell in cells)}</w:tr>"

    wide = '<w:tcPr><w:gridSpan w:val="2"/></w:tcPr>' + words("Both")
    inner = f"<w:tbl>{row(words('x'), words('y'))}{row(words('1'), words('2'))}</w:tbl>"
    first = '<w:tcPr><w:vMerge w:val="restart"/></w:tcPr>' + words("North")
    below = "<w:tcPr><w:vMerge/></w:tcPr>" + words("hidden")
    body = f"<w:tbl>{row(words('Region'), wide)}{row(first, words('a'), words('b'))}"
    body += row(below, words("c") + inner, words("d")) + "</w:tbl>" + words("After")
    (page,) = read("DOCX", office.word(body))
    assert page.text == "Region | Both\nNorth | a | b\n | c | d".replace("\n |", "\n|") + "\nx | y\n1 | 2\n\nAfter"
    assert [block.header for block in page.blocks] == ["", "Region | Both", "Region | Both", "", "x | y", ""]


def test_docx_equations_are_readable(read: Reading) -> None:
    def run(text: str) -> str:
        return f"<m:r><m:t>{text}</m:t></m:r>"

    fraction = f"<m:f><m:num>{run('a+1')}</m:num><m:den>{run('b')}</m:den></m:f>"
    power = f"<m:sSup><m:e>{run('x')}</m:e><m:sup>{run('n+1')}</m:sup></m:sSup>"
    total = (
        f'<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub>{run("i=1")}</m:sub><m:sup>{run("n")}</m:sup>'
        f"<m:e><m:sSub><m:e>{run('y')}</m:e><m:sub>{run('i')}</m:sub></m:sSub></m:e></m:nary>"
    )
    root = f'<m:rad><m:radPr><m:degHide m:val="1"/></m:radPr><m:deg/><m:e>{run("𝑧")}</m:e></m:rad>'
    product = f"<m:sSup><m:e>{run('x')}</m:e><m:sup>{run('k')}</m:sup></m:sSup>{run('a+')}"
    math = "".join(f"<m:oMath>{each}</m:oMath>" for each in (product, fraction, power, total, root))
    (page,) = read("DOCX", office.word(words("Be ", after=math)))
    assert page.text == "Be x^k a+(a+1)/(b)x^(n+1)∑_(i=1)^n y_i√(z)"


def test_docx_what_nobody_sees_is_left_out_and_a_text_box_is_read_once(read: Reading) -> None:
    box = f"<w:txbxContent>{words('In the box')}</w:txbxContent>"
    both = f"<mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
    field = (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> DATE </w:instrText><w:t>no</w:t></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t> today</w:t></w:r>'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )
    hidden = "<w:r><w:rPr><w:vanish/></w:rPr><w:t>no</w:t></w:r>"
    seen = '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>.</w:t></w:r><w:r><w:commentReference w:id="1"/></w:r>'
    (page,) = read("DOCX", office.word(words("Seen", after=f"{hidden}{field}{seen}<w:r>{both}</w:r>") + words("Next")))
    assert page.text == "Seen today.\n\nIn the box\n\nNext"


def test_docx_pages_are_those_word_noted(read: Reading) -> None:
    turn = "<w:r><w:lastRenderedPageBreak/><w:t>{}</w:t></w:r>"
    body = (
        words("One") + words("Begins here", after=turn.format(" and ends there")) + f"<w:p>{turn.format('Three')}</w:p>"
    )
    pages = read("DOCX", office.word(body, app="<Pages>3</Pages>"))
    assert [page.text for page in pages] == ["One\n\nBegins here and ends there", "", "Three"]
    (page,) = read("DOCX", office.word(body, app="<Pages>9</Pages>"))
    assert page.text == "One\n\nBegins here and ends there\n\nThree"


def test_a_long_docx_without_pages_is_cut_at_headings_with_a_warning(read: Reading) -> None:
    chapter = words("Chapter", '<w:outlineLvl w:val="0"/>') + words("Many words. " * 100) * 20
    warnings: list[str] = []
    pages = read("DOCX", office.word(chapter * 6), warnings)
    assert len(pages) == 6
    assert all(page.blocks[0].kind is Kind.HEADING for page in pages)
    assert warnings == ["The document does not say where its pages begin, so its page numbers count 6 parts."]


@pytest.mark.parametrize("main_type", ["document.macroEnabled.main", "template.main"])
def test_docx_templates_macros_and_strict_files_are_read(main_type: str, read: Reading) -> None:
    data = office.word(words("Words", '<w:outlineLvl w:val="0"/>'), main_type=main_type)
    for each in (data, office.strict(data)):
        (page,) = read("DOCX", each)
        assert blocks(page) == [("heading", "Words")]


def test_docx_charts_and_diagrams_are_read_where_they_stand(read: Reading) -> None:
    chart_space = "http://schemas.openxmlformats.org/drawingml/2006/chart"
    diagram_space = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
    drawing = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    chart = (
        f'<c:chartSpace xmlns:c="{chart_space}" {drawing}><c:title><a:p><a:r><a:t>By region</a:t></a:r></a:p></c:title>'
        "<c:ser><c:tx><c:v>Sales</c:v></c:tx><c:cat><c:v>East</c:v><c:v>West</c:v></c:cat></c:ser></c:chartSpace>"
    )
    diagram = (
        f'<d:dataModel xmlns:d="{diagram_space}" {drawing}><d:ptLst><d:pt><d:t><a:p><a:r><a:t>Plan</a:t></a:r></a:p>'
        '</d:t></d:pt><d:pt type="pres"><d:t><a:p><a:r><a:t>no</a:t></a:r></a:p></d:t></d:pt></d:ptLst></d:dataModel>'
    )
    drawn = (
        f'<w:r><w:drawing><c:chart xmlns:c="{chart_space}" r:id="rchart"/></w:drawing></w:r>'
        f'<w:r><w:drawing><d:relIds xmlns:d="{diagram_space}" r:dm="rdiagramData"/></w:drawing></w:r>'
    )
    data = office.word(words("Above", after=drawn) + words("Below"), whole={"chart": chart, "diagramData": diagram})
    (page,) = read("DOCX", data)
    assert page.text == "Above\n\nBy region\n\nSales\n\nEast, West\n\n- Plan\n\nBelow"


def test_docx_code_paragraphs_are_one_block(read: Reading) -> None:
    code = '<w:pStyle w:val="Code"/>'
    (page,) = read("DOCX", office.word(words("def f():", code) + words("    return 1", code) + words("Done")))
    assert blocks(page) == [("code", "def f():\n    return 1"), ("text", "Done")]


@pytest.mark.data
def test_the_handbook_of_872_pages_is_read_in_time(data: Path) -> None:
    path = data / "files" / "u_handbook-872p.docx"
    began = time.monotonic()
    pages = list(extract(path, sniff(path, path.name), limits=Limits(memory_mb=500)))
    assert time.monotonic() - began < 20
    assert sum(len(page.text) for page in pages) > 800_000
    assert max(len(page.text) for page in pages) < 100_000

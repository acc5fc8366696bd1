"""Spreadsheets: what stands on a sheet is read as a person sees it, however the sheet was made."""

import datetime
import io
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from engines.parsing import Limits, Report, extract, sniff
from engines.parsing.building import LONGEST_HEADER
from engines.parsing.sheets import pages as sheet_pages
from rag.errors import ParsingError
from rag.types import Kind, Page
from tests.files import tables

SHEET = "xl/worksheets/sheet1.xml"
LIMITS = Limits(memory_mb=600, cpu_seconds=20, wall_seconds=60)
FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def warnings() -> list[str]:
    return []


def written(folder: Path, data: bytes) -> Path:
    path = folder / "sheet"
    path.write_bytes(data)
    return path


def read(folder: Path, data: bytes, limits: Limits = LIMITS, warnings: list[str] | None = None) -> list[Page]:
    """The pages of a spreadsheet, read in this process."""
    report = Report(warning=(warnings if warnings is not None else []).append)
    return list(sheet_pages(written(folder, data), limits, report))


def rows_of(page: Page) -> list[tuple[str, str, str]]:
    """Kind, text and header of each block after the sheet's name."""
    blocks = [block for block in page.blocks if block.kind is not Kind.HEADING]
    return [(block.kind.value, page.text[block.start : block.end], block.header) for block in blocks]


def texts(page: Page) -> list[str]:
    return [text for _, text, _ in rows_of(page)]


def refusal(folder: Path, data: bytes, limits: Limits = LIMITS) -> ParsingError:
    with pytest.raises(ParsingError) as caught:
        read(folder, data, limits)
    return caught.value


# ------------------------------------------------------------------------------------------------ values


def test_values_are_read_as_their_formats_show_them(tmp_path: Path) -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet = workbook.add_worksheet()
        shown = [
            (0.125, "0.0%"), (0.3, "0%"), (45293, "dd.mm.yyyy"), (45293.5, "yyyy-mm-dd hh:mm"), (0.0625, "hh:mm"),
            (1.5, "[h]:mm"), (45293, "[$-407]d. mmmm yyyy"), (1234.5, "#,##0.00"), (7, '"day "0'), (59, "d/m/yy"),
        ]  # fmt: skip
        for column, (value, code) in enumerate(shown):
            sheet.write_number(0, column, value, workbook.add_format({"num_format": code}))

    (page,) = read(tmp_path, tables.xlsx(fill))
    assert texts(page) == [
        "12.5% | 30% | 2024-01-02 | 2024-01-02 12:00 | 01:30 | 36:00 | 2024-01-02 | 1234.5 | 7 | 1900-02-28"
    ]


def test_dates_of_a_workbook_that_counts_from_1904(tmp_path: Path) -> None:
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(out, {"date_1904": True})
    day = workbook.add_format({"num_format": "dd.mm.yyyy"})
    workbook.add_worksheet().write_datetime(0, 0, datetime.datetime(2024, 1, 2), day)
    workbook.close()
    assert texts(read(tmp_path, out.getvalue())[0]) == ["2024-01-02"]


def test_numbers_formulas_errors_and_rich_text(tmp_path: Path) -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet = workbook.add_worksheet()
        bold = workbook.add_format({"bold": True})
        sheet.write_row(0, 0, [3.0, 0.1 + 0.2, 1e20, True])
        sheet.write_formula(0, 4, "=1+1", None, 2)
        sheet.write_formula(0, 5, '="a"&"b"', None, "ab")
        sheet.write_formula(0, 6, "=1/0", None, "#DIV/0!")
        sheet.write_rich_string(0, 7, "one ", bold, "bold", " word")

    assert texts(read(tmp_path, tables.xlsx(fill))[0]) == ["3 | 0.3 | 1e+20 | TRUE | 2 | ab | one bold word"]


def test_strings_within_cells_escapes_and_reading_aids(tmp_path: Path) -> None:
    def change(sheet: bytes) -> bytes:
        cells = (
            '<c r="B1" t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r><rPh sb="0" eb="1"><t>aid</t></rPh></is></c>'
            '<c r="C1" t="str"><v>a_x000D_b</v></c><c r="D1" t="d"><v>2024-01-02T00:00:00</v></c><c t="s"><v>99</v></c>'
            "<c><v>5</v></c></row>"
        )
        return sheet.replace(b"</row>", cells.encode(), 1)

    data = tables.with_part(tables.xlsx_of([["first"]]), SHEET, change)
    assert texts(read(tmp_path, data)[0]) == ["first | inline | a b | 2024-01-02 | 5"]


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    ["u_2023-half-year-analyses-by-segment.xlsx", "d_xlsx_04_inflated.xlsx", "t_testEXCEL.strict.xlsx"],
)
def test_cells_are_those_that_calamine_reads(name: str, data: Path) -> None:
    """Another reader of the same files: nothing lost, nothing added, on every sheet that is not hidden."""
    path = data / "files" / name
    workbook = CalamineWorkbook.from_path(path)
    theirs: list[str] = []
    for about in workbook.sheets_metadata:
        cells = [value for row in workbook.get_sheet_by_name(about.name).iter_rows() for value in row]
        if "Hidden" not in str(about.visible):
            theirs += [f"{v:g}" if isinstance(v, float) else " ".join(str(v).split()) for v in cells if v != ""]
    ours = []
    for page in sheet_pages(path, Limits(), Report()):
        ours += [cell for text in texts(page) for line in [" ".join(text.split())] for cell in line.split("|")]
    assert sorted(cell.strip() for cell in ours if cell.strip()) == sorted(each for each in theirs if each.strip())


# ------------------------------------------------------------------------------------------------ layout


def test_titles_stand_above_the_header_and_notes_below(tmp_path: Path) -> None:
    rows: list[Sequence[object]] = [["Sales by region"], ["in millions"], ["Region", "2023", 2024], ["North", 5, 6]]
    (page,) = read(tmp_path, tables.xlsx_of([*rows, [], ["Source: the books"]], "Sales"))
    assert rows_of(page) == [
        ("text", "Sales by region", ""),
        ("text", "in millions", ""),
        ("table_row", "Region | 2023 | 2024", ""),
        ("table_row", "North | 5 | 6", "Region | 2023 | 2024"),
        ("text", "Source: the books", ""),
    ]
    assert {block.heading for block in page.blocks[1:]} == {("Sales",)}


def test_a_header_of_two_rows_stands_above_rows_after_a_gap(tmp_path: Path) -> None:
    rows: list[Sequence[object]] = [["In CHF", "June"], [None, "Sales", "Profit"], [], ["Zone A", 5, 1], ["Zone B", 6]]
    (page,) = read(tmp_path, tables.xlsx_of(rows))
    assert rows_of(page)[2:] == [
        ("table_row", "Zone A | 5 | 1", "In CHF | June\n| Sales | Profit"),
        ("table_row", "Zone B | 6", "In CHF | June\n| Sales | Profit"),
    ]


def test_tables_below_each_other_have_their_own_headers(tmp_path: Path) -> None:
    rows: list[Sequence[object]] = [["Name", "Age"], ["Ann", 5], [], ["Town", "People"], ["Bern", 9], [], ["Rome", 7]]
    (page,) = read(tmp_path, tables.xlsx_of(rows))
    assert [header for _, _, header in rows_of(page)] == [
        "", "Name | Age", "", "Town | People", "Town | People",
    ]  # fmt: skip


def test_tables_side_by_side_are_read_one_after_the_other(tmp_path: Path) -> None:
    rows: list[Sequence[object]] = [
        ["Name", "Age", None, "Town", "People"],
        ["Ann", 5, None, "Bern", 9],
        ["Bob", 6, None, "Rome", 7],
    ]
    (page,) = read(tmp_path, tables.xlsx_of(rows))
    assert texts(page) == ["Name | Age", "Ann | 5", "Bob | 6", "Town | People", "Bern | 9", "Rome | 7"]
    assert rows_of(page)[-1][2] == "Town | People"


def test_an_empty_column_within_a_table_does_not_part_it(tmp_path: Path) -> None:
    rows: list[Sequence[object]] = [["Name", "Q1", None, "Q2", "Q3"], ["Ann", 5, None, 7, 8], ["Bob", 6, None, 9, 1]]
    (page,) = read(tmp_path, tables.xlsx_of(rows))
    assert texts(page) == ["Name | Q1 | Q2 | Q3", "Ann | 5 | 7 | 8", "Bob | 6 | 9 | 1"]


def test_empty_cells_keep_their_place_and_empty_columns_do_not(tmp_path: Path) -> None:
    rows: list[Sequence[object]] = [[None, "a", None, "b", "c"], [None, 1, None, None, 3], [None, None, None, 2]]
    assert texts(read(tmp_path, tables.xlsx_of(rows))[0]) == ["a | b | c", "1 |  | 3", "| 2"]


def test_a_sheet_of_numbers_has_no_header(tmp_path: Path) -> None:
    (page,) = read(tmp_path, tables.xlsx_of([[1, 2], [3, 4]]))
    assert {header for _, _, header in rows_of(page)} == {""}


def test_a_long_sheet_is_several_pages_under_one_header(tmp_path: Path) -> None:
    totals: list[int] = []
    data = tables.xlsx_of([["Name", "Count"], *(["x", number] for number in range(2500))])
    pages = list(sheet_pages(written(tmp_path, data), LIMITS, Report(total=totals.append)))
    assert [page.number for page in pages] == totals == [1, 2, 3]
    assert [sum(block.kind is Kind.TABLE_ROW for block in page.blocks) for page in pages] == [1000, 1000, 501]
    assert {block.header for block in pages[2].blocks} == {"Name | Count"}
    assert {block.heading for block in pages[2].blocks} == {("Annual report",)}
    assert sum(page.text.count("Annual report") for page in pages) == 1


def test_a_header_of_thousands_of_characters_does_not_go_with_each_row(tmp_path: Path) -> None:
    (page,) = read(tmp_path, tables.xlsx_of([["name " * 1000, "b"], ["x", 1]]))
    assert len(page.blocks[-1].header) <= LONGEST_HEADER


# ------------------------------------------------------------------------------------- sheets and bounds


def test_hidden_sheets_are_left_out_and_named(tmp_path: Path, warnings: list[str]) -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        workbook.add_worksheet("Shown").write(0, 0, "public")
        for name in ("Salaries", "Notes"):
            sheet = workbook.add_worksheet(name)
            sheet.write(0, 0, "private")
            sheet.hide() if name == "Notes" else sheet.very_hidden()
        chart = workbook.add_chart({"type": "bar"})
        chart.add_series({"values": "=Shown!$A$1:$A$2"})
        workbook.add_chartsheet("Chart").set_chart(chart)

    pages = read(tmp_path, tables.xlsx(fill), warnings=warnings)
    assert [page.text for page in pages] == ["Shown\n\npublic"]
    assert warnings == ["Hidden sheets were left out: Salaries, Notes."]

    warnings.clear()
    style = '<style:style style:name="h"><style:table-properties table:display="false"/></style:style>'
    row = f"<table:table-row>{tables.ods_text('private')}</table:table-row>"
    hidden = f'<table:table table:name="Hidden" table:style-name="h">{row}</table:table>'
    shown = f'<table:table table:name="Shown">{row.replace("private", "public")}</table:table>'
    assert [page.text for page in read(tmp_path, tables.ods(hidden + shown, styles=style), warnings=warnings)] == [
        "Shown\n\npublic"
    ]
    assert warnings == ["Hidden sheets were left out: Hidden."]

    warnings.clear()
    assert read(tmp_path, tables.xls_of([["private"]], hidden=True), warnings=warnings) == []
    assert warnings == ["Hidden sheets were left out: Annual report."]


def test_a_cell_in_the_last_corner_is_read_within_little_memory(tmp_path: Path) -> None:
    corner = tables.xlsx_of([["first"]])
    cell = b'<row r="1048576"><c r="XFD1048576" t="str"><v>last</v></c></row></sheetData>'
    data = tables.with_part(corner, SHEET, lambda sheet: sheet.replace(b"</sheetData>", cell))
    empty = '<table:table-cell table:number-columns-repeated="16383"/>'
    rows = (
        f"<table:table-row>{tables.ods_text('first')}{empty}</table:table-row>"
        f'<table:table-row table:number-rows-repeated="1048574">{empty}</table:table-row>'
        f"<table:table-row>{empty}{tables.ods_text('last')}</table:table-row>"
    )
    for each in (data, tables.ods(f'<table:table table:name="Annual report">{rows}</table:table>')):
        path = written(tmp_path, each)
        (page,) = extract(path, sniff(path, "a.xlsx"), limits=Limits(memory_mb=300))
        assert page.text == "Annual report\n\nfirst\n\nlast"


def test_what_repeats_without_end_stops_at_the_limit_of_text(tmp_path: Path) -> None:
    cell = tables.ods_text("x" * 50).replace(
        "<table:table-cell", '<table:table-cell table:number-columns-repeated="900"'
    )
    row = f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>'
    limits = Limits(characters=100_000)
    assert refusal(tmp_path, tables.ods(f'<table:table table:name="T">{row}</table:table>'), limits).code == "too_large"
    long = tables.xlsx_of([["x" * 30_000]])
    cells = b"".join(b'<row r="%d">%s</row>' % (number, b'<c t="s"><v>0</v></c>' * 9) for number in range(2, 20))
    data = tables.with_part(long, SHEET, lambda sheet: sheet.replace(b"</sheetData>", cells + b"</sheetData>"))
    assert refusal(tmp_path, data, limits).code == "too_large"


def test_too_many_sheets_name_the_setting(tmp_path: Path) -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        for number in range(4):
            workbook.add_worksheet(f"Sheet {number}").write(0, 0, "x")

    error = refusal(tmp_path, tables.xlsx(fill), Limits(pages=3))
    assert (error.code, "MAX_PAGES" in error.hint) == ("too_large", True)


def test_protected_workbooks_are_encrypted(tmp_path: Path) -> None:
    manifest = (
        '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        '<m:file-entry m:full-path="content.xml"><m:encryption-data/></m:file-entry></m:manifest>'
    )
    assert refusal(tmp_path, tables.ods("", manifest=manifest)).code == "encrypted"
    locked = tables.xls_of([["x"]]).replace(struct.pack("<HH", 0x0085, 21), struct.pack("<HH", 0x002F, 21), 1)
    assert refusal(tmp_path, locked).code == "encrypted"


@pytest.mark.parametrize(
    "harm",
    [
        lambda sheet: sheet[: len(sheet) // 2],
        lambda sheet: sheet.replace(b"</sheetData>", b" " * 11_000_000 + b"</sheetData>"),
        lambda sheet: b"\xff\xfe\x00 not XML",
        lambda sheet: b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + sheet[-400:],
    ],
    ids=["cut off", "a text without end", "no XML", "an entity"],
)
def test_a_damaged_sheet_is_called_broken(harm: object, tmp_path: Path) -> None:
    data = tables.with_part(tables.xlsx_of(tables.REPORT), SHEET, harm)  # type: ignore[arg-type]
    assert refusal(tmp_path, data).code == "broken"


# -------------------------------------------------------------------------------------- OpenDocument cells


def test_opendocument_cells_by_their_kind(tmp_path: Path) -> None:
    def cell(kind: str, value: str, shown: str) -> str:
        name = {"date": "date-value"}.get(kind, "value")
        return (
            f'<table:table-cell office:value-type="{kind}" office:{name}="{value}"><text:p>{shown}</text:p>'
            "</table:table-cell>"
        )

    row = (
        cell("float", "1200.50", "1,200.50")
        + cell("percentage", "0.125", "12.5 %")
        + cell("date", "2024-01-02T00:00:00", "2. Jan.")
        + '<table:table-cell office:value-type="string">'
        + "<office:annotation><text:p>a comment</text:p></office:annotation>"
        + "<text:p>two<text:s/>words<text:line-break/>and <text:span>more</text:span> of it</text:p></table:table-cell>"
        + '<table:table-cell table:number-columns-repeated="2"/>'
        + tables.ods_text("end")
    )
    data = tables.ods(f'<table:table table:name="T"><table:table-row>{row}</table:table-row></table:table>')
    assert texts(read(tmp_path, data)[0]) == ["1200.5 | 12.5 % | 2024-01-02 | two words and more of it | end"]


# ------------------------------------------------------------------------------------------------ fuzzing


WHOLE = {
    "xlsx": tables.xlsx_of(tables.REPORT), "ods": tables.ods_of(tables.REPORT), "xls": tables.xls_of(tables.REPORT),
}  # fmt: skip


def outcome(pages: Iterator[Page]) -> str:
    """Reads all; says how it ended. Any other error fails the test."""
    try:
        for page in pages:
            for block in page.blocks:
                assert page.text[block.start : block.end].strip()
    except ParsingError as error:
        return error.code
    return "read"


@FUZZ
@given(data=st.data(), form=st.sampled_from(["xlsx", "ods"]))
def test_damaged_workbooks_end_as_pages_or_as_a_refusal(data: st.DataObject, form: str, tmp_path: Path) -> None:
    path = written(tmp_path, _hurt(data, WHOLE[form]))
    assert outcome(sheet_pages(path, LIMITS, Report())) in {"read", "broken", "encrypted", "too_large"}


@settings(FUZZ, max_examples=10)
@given(data=st.data())
def test_damaged_old_workbooks_end_within_their_child(data: st.DataObject, tmp_path: Path) -> None:
    """In a child process: calamine ends the process that a cell at a made-up place asks too much memory of."""
    path = written(tmp_path, _hurt(data, WHOLE["xls"]))
    ends = {"read", "broken", "encrypted", "no_text", "too_large", "too_much_memory", "crashed"}
    assert outcome(extract(path, "application/vnd.ms-excel", limits=LIMITS)) in ends


def _hurt(data: st.DataObject, whole: bytes) -> bytes:
    """A copy with some bytes changed."""
    hurt = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        hurt[data.draw(st.integers(8, len(hurt) - 1))] = data.draw(st.integers(0, 255))
    return bytes(hurt)


@FUZZ
@given(cells=st.lists(st.tuples(st.sampled_from("sbend"), st.text(max_size=8), st.text(max_size=8)), max_size=12))
def test_cells_of_any_content_are_read_or_refused(cells: list[tuple[str, str, str]], tmp_path: Path) -> None:
    escaped = [[each.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;") for each in c] for c in cells]
    row = "".join(f'<c r="{place}" t="{kind}" s="{value}"><v>{value}</v></c>' for kind, place, value in escaped)
    body = f"<row>{row}</row></sheetData>".encode("utf-8", "replace")
    data = tables.with_part(tables.xlsx_of([["a"]]), SHEET, lambda sheet: sheet.replace(b"</sheetData>", body))
    assert outcome(sheet_pages(written(tmp_path, data), LIMITS, Report())) in {"read", "broken"}

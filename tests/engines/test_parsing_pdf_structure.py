"""What a PDF says beside its words: outline, form fields, attached files; and tables that run over pages."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from engines.parsing import Limits, Report, pdf
from rag.types import Kind, Page
from tests.files.making import Words
from tests.files.pdfs import PdfMaker, field_keys, turned

PROSE = ["The committee met in spring and", "looked at what had been done in", "the year before, and found much."]


def read(maker: PdfMaker, folder: Path, report: Report | None = None) -> list[Page]:
    path = folder / "document.pdf"
    path.write_bytes(maker.made())
    return list(pdf.pages(path, Limits(), report or Report()))


def prose(top: float, size: float = 10) -> list[Words]:
    return [Words(50, top - 12 * index, line, size) for index, line in enumerate(PROSE)]


def paths(page: Page) -> list[tuple[str, tuple[str, ...]]]:
    return [(page.text[block.start : block.end].split()[0], block.heading) for block in page.blocks]


# -------------------------------------------------------------------------------------------------- outline


def test_the_outline_gives_the_heading_path_instead_of_the_size_of_letters(tmp_path: Path) -> None:
    maker = PdfMaker()
    first = maker.page([Words(50, 740, "1 Sales"), *prose(700), Words(50, 600, "Not a chapter", 20), *prose(560)])
    second = maker.page([*prose(740), Words(50, 600, "1.1 Costs", bold=True), *prose(560)])
    maker.outline(("Sales", first, 752), (" Costs", second, 612), (" Outlook", second, 540))
    pages = read(maker, tmp_path)
    assert paths(pages[0]) == [("1", ()), ("The", ("Sales",)), ("Not", ("Sales",)), ("The", ("Sales",))]
    assert pages[0].blocks[0].kind is Kind.HEADING
    assert paths(pages[1])[:2] == [("The", ("Sales",)), ("1.1", ("Sales",))]
    assert paths(pages[1])[2][1] == ("Sales", "Costs")


def test_an_entry_without_a_heading_on_the_page_begins_where_it_points(tmp_path: Path) -> None:
    maker = PdfMaker()
    page = maker.page([*prose(740), *prose(600), *prose(400)])
    maker.outline(("Opening", page, None), ("Middle", page, 615), ("End", page, 412))
    assert [heading for _, heading in paths(read(maker, tmp_path)[0])] == [("Opening",), ("Middle",), ("End",)]


def test_a_coarse_outline_stands_above_headings_known_by_their_size(tmp_path: Path) -> None:
    maker = PdfMaker()
    page = maker.page([Words(50, 740, "Prices", 20), *prose(700)])
    maker.outline(("Report of the year", page, None))
    assert paths(read(maker, tmp_path)[0])[1] == ("The", ("Report of the year", "Prices"))


def test_an_outline_that_leads_to_itself_ends(tmp_path: Path) -> None:
    maker = PdfMaker()
    page = maker.page(prose(700))
    root = maker.add("")
    entry = maker.add(f"<< /Title (Loop) /Parent {root} 0 R /Next {root + 1} 0 R /Dest [{page} 0 R /Fit] >>")
    maker.catalog = f"/Outlines {root} 0 R"
    maker._objects[root - 1] = f"<< /Type /Outlines /First {entry} 0 R /Last {entry} 0 R >>"
    assert paths(read(maker, tmp_path)[0]) == [("The", ("Loop",))]


# ---------------------------------------------------------------------------------------------------- forms


def form(*fields: str, content: list[Words]) -> PdfMaker:
    maker = PdfMaker()
    numbers = " ".join(f"{maker.add(each)} 0 R" for each in fields)
    maker.page(content, f"/MediaBox [0 0 600 800] /Annots [{numbers}]")
    maker.catalog = f"/AcroForm << /Fields [{numbers}] /DA (/R 10 Tf) >>"
    return maker


def test_filled_in_fields_are_lines_with_the_labels_beside_them(tmp_path: Path) -> None:
    maker = form(
        field_keys("Tx", "f1", (150, 695, 300, 712), "/V (Ada Lovelace)"),
        field_keys("Tx", "f2", (150, 675, 300, 692)),
        field_keys("Ch", "f3", (50, 610, 200, 625), "/V (Swiss) /Opt [(Swiss) (Dutch)] /Ff 131072"),
        field_keys("Tx", "f4", (50, 500, 200, 515), "/V (By post) /TU (Way of delivery)"),
        content=[
            Words(50, 700, "Full name:"), Words(50, 680, "Birthday"), Words(50, 630, "Nationality"),
            Words(50, 560, "The rest is filled in by us."),
        ],
    )  # fmt: skip
    (page,) = read(maker, tmp_path)
    assert page.text.split("\n\n") == [
        "Full name:",
        "Full name: Ada Lovelace",
        "Birthday",
        "Nationality",
        "Nationality: Swiss",
        "The rest is filled in by us.",
        "Way of delivery: By post",
    ]
    value = next(line for line in page.lines if page.text[line.start : line.end] == "Full name: Ada Lovelace")
    assert value.box == pytest.approx((150 / 600, 88 / 800, 300 / 600, 105 / 800), abs=1e-4)


def test_only_what_is_ticked_is_said(tmp_path: Path) -> None:
    maker = form(
        field_keys("Btn", "a", (50, 700, 60, 710), "/V /Yes /AS /Yes /AP << /N << /Yes null /Off null >> >>"),
        field_keys("Btn", "b", (50, 680, 60, 690), "/V /Off /AS /Off /AP << /N << /Yes null /Off null >> >>"),
        content=[Words(65, 702, "By train"), Words(65, 682, "By air")],
    )
    assert read(maker, tmp_path)[0].text.count("☑") == 1
    assert "By train: ☑" in read(maker, tmp_path)[0].text


def test_a_hidden_field_is_not_read(tmp_path: Path) -> None:
    hidden = field_keys("Tx", "f", (150, 695, 300, 712), "/V (secret)").replace("/F 4", "/F 2")
    assert "secret" not in read(form(hidden, content=prose(700)), tmp_path)[0].text


# -------------------------------------------------------------------------------------------- attached files


def with_files(*words: Words) -> PdfMaker:
    """A page with these words, a file of the document and one that is pinned to the page."""
    maker = PdfMaker()
    specs = []
    for name, data in (("sums.csv", "a,b\n1,2\n"), ("note.txt", "Pinned here.")):
        stream = maker.stream(data, "/Type /EmbeddedFile")
        specs.append(maker.add(f"<< /Type /Filespec /F ({name}) /UF ({name}) /EF << /F {stream} 0 R >> >>"))
    pin = maker.add(f"<< /Type /Annot /Subtype /FileAttachment /Rect [10 10 20 20] /FS {specs[1]} 0 R >>")
    maker.page(words, f"/MediaBox [0 0 600 800] /Annots [{pin} 0 R]")
    maker.catalog = f"/Names << /EmbeddedFiles << /Names [(sums.csv) {specs[0]} 0 R] >> >>"
    return maker


def test_attached_and_pinned_files_are_handed_out(tmp_path: Path) -> None:
    found: dict[str, bytes] = {}
    report = Report(file=lambda name, pieces: found.update({name: b"".join(pieces)}))
    (page,) = read(with_files(*prose(700)), tmp_path, report)
    assert found == {"note.txt": b"Pinned here.", "sums.csv": b"a,b\n1,2\n"}
    assert "sums.csv" not in page.text


def test_without_a_word_the_attached_files_are_what_it_says(tmp_path: Path) -> None:
    warnings: list[str] = []
    (page,) = read(with_files(), tmp_path, Report(warning=warnings.append, file=lambda _, pieces: [*pieces].clear()))
    assert page.text == "- note.txt\n- sums.csv"
    assert (page.width, page.height) == (600, 800)
    assert warnings[0] == "The PDF has no text of its own, only attached files, which are documents of their own."


# --------------------------------------------------------------------------------------------------- tables


def table(top: float, rows: Sequence[tuple[str, ...]], step: float = 14) -> list[Words]:
    places = (50, 200, 350, 480)
    return [
        Words(x, top - step * index, cell)
        for index, row in enumerate(rows)
        for x, cell in zip(places, row, strict=False)
        if cell
    ]


def rows_of(page: Page) -> list[tuple[str, str]]:
    return [(page.text[b.start : b.end], b.header) for b in page.blocks if b.kind is Kind.TABLE_ROW]


HEAD = ("Country", "Capital", "People")
ROWS = [("Austria", "Vienna", "8.9"), ("Belgium", "Brussels", "11.5"), ("Denmark", "Copenhagen", "5.8")]


def test_a_table_keeps_its_header_on_the_next_pages(tmp_path: Path) -> None:
    maker = PdfMaker()
    maker.page([*table(740, [HEAD, *ROWS]), Words(300, 30, "1")])
    maker.page([*table(740, ROWS), Words(300, 30, "2")])
    maker.page([*table(740, [HEAD, *ROWS]), Words(300, 30, "3")])
    pages = read(maker, tmp_path)
    header = "Country | Capital | People"
    expected = [(" | ".join(row), header) for row in ROWS]
    assert rows_of(pages[0]) == [(header, ""), *expected]
    assert rows_of(pages[1]) == expected
    assert rows_of(pages[2]) == [(header, ""), *expected]


def test_another_table_on_the_next_page_does_not_take_the_header(tmp_path: Path) -> None:
    maker = PdfMaker()
    maker.page(table(740, [HEAD, *ROWS]))
    maker.page([*prose(740), *table(600, ROWS)])
    assert {header for _, header in rows_of(read(maker, tmp_path)[1])} == {""}


def test_further_lines_of_a_cell_stay_in_its_row(tmp_path: Path) -> None:
    maker = PdfMaker()
    rows = [HEAD, ("Austria", "Vienna, which is", "8.9"), ("", "on the Danube", ""), *ROWS[1:]]
    maker.page(table(740, rows, step=12))
    assert rows_of(read(maker, tmp_path)[0])[1][0] == "Austria | Vienna, which is | 8.9 on the Danube"


def test_rows_of_dates_and_names_have_the_header_above_them(tmp_path: Path) -> None:
    maker = PdfMaker()
    maker.page(table(740, [("Notice", "Effective", "Company"), *[("06/22/2015", "03/25/2016", "Maxim")] * 3]))
    assert [header for _, header in rows_of(read(maker, tmp_path)[0])] == ["", *["Notice | Effective | Company"] * 3]


def test_a_table_of_words_alone_has_its_first_row_as_header(tmp_path: Path) -> None:
    maker = PdfMaker()
    maker.page(table(740, [("Class", "Symbol", "Exchange"), ("Notes", "JNJ", "New York"), ("Stock", "JN", "Paris")]))
    assert [header for _, header in rows_of(read(maker, tmp_path)[0])] == ["", *["Class | Symbol | Exchange"] * 2]


def test_cells_drawn_in_one_go_are_told_apart(tmp_path: Path) -> None:
    maker = PdfMaker()
    drawn = [f"BT /R 10 Tf 50 {740 - 14 * index} Td [(Row) -9000 (X) -4000 (X) -4000 (X)] TJ ET" for index in range(3)]
    maker.page(drawn)
    assert [text for text, _ in rows_of(read(maker, tmp_path)[0])] == ["Row | X | X | X"] * 3


def test_turned_names_of_columns_are_no_headings(tmp_path: Path) -> None:
    maker = PdfMaker()
    names = [turned(x, 760, name, 90, font="B") for x, name in ((210, "Sales"), (360, "Costs"))]
    maker.page([*names, *table(740, [("First", "1,200", "900")] * 3), *prose(600)])
    (page,) = read(maker, tmp_path)
    assert {block.heading for block in page.blocks} == {()}
    assert Kind.HEADING not in {block.kind for block in page.blocks}
    assert "Sales" in page.text


def test_names_of_columns_drawn_one_by_one_are_the_header(tmp_path: Path) -> None:
    maker = PdfMaker()
    names = [Words(300, 764, "Six months ended")]
    for x, year in ((200, "2018"), (350, "2017"), (480, "2016")):
        names += [Words(x, 752, "July 2,"), Words(x, 740, year)]
    maker.page([*prose(800), *names, *table(726, [("Sales", "1,200", "1,100", "1,000")] * 3)])
    header = "Six months ended / July 2, 2018 | July 2, 2017 | July 2, 2016"
    assert [found for _, found in rows_of(read(maker, tmp_path)[0])] == [header] * 3


def test_a_currency_sign_stands_with_the_number_after_it(tmp_path: Path) -> None:
    maker = PdfMaker()
    row = [Words(50, 740, "Sales"), Words(200, 740, "12,418 $"), Words(350, 740, "27,425 $"), Words(480, 740, "7,003")]
    lines = [Words(each.x, each.y - 14 * index, each.text) for index in range(3) for each in row]
    maker.page(lines)
    assert rows_of(read(maker, tmp_path)[0])[0][0] == "Sales | 12,418 | $ 27,425 | $ 7,003"

"""The words of a PDF in the order they are read: over columns, turned, from right to left, with odd ligatures."""

from pathlib import Path

import pytest

from engines.parsing import Limits, Report, pdf
from rag.types import Kind, Page
from tests.files.making import Words
from tests.files.pdfs import PdfMaker, turned

LEFT = ["The members of the committee met", "in spring and looked at all that", "had been done in the year before"]
RIGHT = ["and found that much of it was of", "lasting value to the members, the", "accounts above all."]
SENTENCE = " ".join([*LEFT, *RIGHT])


def read(maker: PdfMaker, folder: Path) -> list[Page]:
    path = folder / "document.pdf"
    path.write_bytes(maker.made())
    return list(pdf.pages(path, Limits(), Report()))


def page_of(folder: Path, content: list[Words | str], keys: str = "/MediaBox [0 0 600 800]") -> Page:
    maker = PdfMaker()
    maker.page(content, keys)
    return read(maker, folder)[0]


def column(x: float, top: float, lines: list[str], size: float = 10) -> list[Words | str]:
    return [Words(x, top - 12 * index, line, size) for index, line in enumerate(lines)]


def texts(page: Page) -> list[str]:
    return [page.text[block.start : block.end] for block in page.blocks]


# -------------------------------------------------------------------------------------------------- columns


def test_a_sentence_goes_on_over_the_end_of_a_column(tmp_path: Path) -> None:
    page = page_of(tmp_path, column(50, 700, LEFT) + column(320, 740, RIGHT))
    assert texts(page) == [SENTENCE]
    assert len({line.box for line in page.lines}) == 6


def test_footnotes_below_a_column_do_not_part_the_sentence(tmp_path: Path) -> None:
    notes = column(50, 100, ["1 The minutes are kept by the clerk.", "2 See the annex."], size=8)
    page = page_of(tmp_path, column(50, 160, LEFT) + notes + column(320, 740, RIGHT))
    assert texts(page) == [SENTENCE, "1 The minutes are kept by the clerk. 2 See the annex."]


def test_a_figure_above_the_next_column_does_not_part_the_sentence(tmp_path: Path) -> None:
    figure = column(320, 740, ["Figure 1. Members by year."], size=8)
    page = page_of(tmp_path, column(50, 700, LEFT) + figure + column(320, 715, RIGHT))
    assert texts(page) == [SENTENCE, "Figure 1. Members by year."]


def test_a_finished_sentence_ends_the_paragraph_with_the_column(tmp_path: Path) -> None:
    page = page_of(tmp_path, column(50, 700, [*LEFT, "ended."]) + column(320, 740, ["Another one begins", *RIGHT]))
    assert len(texts(page)) == 2


def test_a_heading_above_the_next_column_is_one(tmp_path: Path) -> None:
    page = page_of(tmp_path, [*column(50, 700, LEFT), Words(320, 740, "Accounts", 16), *column(320, 700, RIGHT)])
    assert [block.kind for block in page.blocks] == [Kind.TEXT, Kind.HEADING, Kind.TEXT]


def test_a_paragraph_that_begins_in_bold_is_whole(tmp_path: Path) -> None:
    content = [Words(50, 700, "New York", bold=True), Words(100, 700, "was where the"), *column(50, 688, RIGHT)]
    assert texts(page_of(tmp_path, content)) == ["New York was where the " + " ".join(RIGHT)]


def test_a_raised_number_does_not_part_the_line(tmp_path: Path) -> None:
    content = [
        Words(50, 700, "as was often observed"),
        Words(151, 704, "2", 6),
        Words(155, 700, ", and shown"),
        *column(50, 688, RIGHT),
    ]
    text = page_of(tmp_path, content).text
    assert text.startswith("as was often observed")
    assert "\n" not in text
    assert ", and shown and found" in text


def test_a_bold_number_and_title_is_a_heading_and_no_list_item(tmp_path: Path) -> None:
    page = page_of(
        tmp_path, [Words(50, 740, "1. Introduction", 12, bold=True), *column(50, 700, LEFT), *column(50, 600, LEFT)]
    )
    assert page.blocks[0].kind is Kind.HEADING
    assert page.blocks[1].heading == ("1. Introduction",)


# --------------------------------------------------------------------------------------------------- turned


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_turned_writing_is_read_line_by_line(degrees: int, tmp_path: Path) -> None:
    step = {0: (0, -12), 90: (12, 0), 180: (0, 12), 270: (-12, 0)}[degrees]
    content: list[Words | str] = [
        turned(300 + step[0] * index, 400 + step[1] * index, line, degrees) for index, line in enumerate(LEFT)
    ]
    page = page_of(tmp_path, content)
    assert texts(page) == [" ".join(LEFT)]
    x0, y0, x1, y1 = page.lines[0].box
    across, down = (x1 - x0) * 600, (y1 - y0) * 800
    assert (across > 5 * down) == (degrees in (0, 180))
    assert min(abs(x0 - 0.5), abs(x1 - 0.5)) * 600 < 12
    assert min(abs(y0 - 0.5), abs(y1 - 0.5)) * 800 < 12


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_table_drawn_for_a_rotated_page_is_a_table(rotation: int, tmp_path: Path) -> None:
    rows = [("Year", "Sales", "Costs"), ("First", "1,200", "900"), ("Second", "1,320", "850")]
    places = {
        0: lambda across, down: (across, 800 - down),
        90: lambda across, down: (down, across),
        180: lambda across, down: (600 - across, down),
        270: lambda across, down: (600 - down, 800 - across),
    }[rotation]
    content: list[Words | str] = [
        turned(*places(50 + 150 * number, 100 + 14 * place), cell, rotation)
        for place, row in enumerate(rows)
        for number, cell in enumerate(row)
    ]
    page = page_of(tmp_path, content, f"/MediaBox [0 0 600 800] /Rotate {rotation}")
    assert texts(page) == [" | ".join(row) for row in rows]
    assert page.blocks[1].header == "Year | Sales | Costs"
    assert page.lines[0].box[0] * page.width == pytest.approx(50, abs=1)


def test_turned_writing_at_the_edge_does_not_part_the_text(tmp_path: Path) -> None:
    content = [*column(50, 700, LEFT), turned(20, 300, "Draft of the third of May", 90), *column(50, 664, RIGHT)]
    assert texts(page_of(tmp_path, content)) == [SENTENCE, "Draft of the third of May"]


def test_writing_across_the_page_is_one_line(tmp_path: Path) -> None:
    page = page_of(tmp_path, [*column(50, 700, LEFT), turned(200, 300, "Not for sale or loan", 45)])
    assert texts(page)[1] == "Not for sale or loan"


# -------------------------------------------------------------------------------------------- other scripts


def test_right_to_left_words_are_in_the_order_they_are_read(tmp_path: Path) -> None:
    """A PDF draws from left to right: the last letter of the last word first."""
    maker = PdfMaker()
    maker.font("A", "Helvetica", {"a": "م", "b": "ا", "c": "ل", "d": "س", "e": "ك", "f": "ع", "g": "ي"})
    # "السلام عليكم", each letter by itself
    maker.page(["BT /A 10 Tf 300 700 Td (aegcf abcdcb) Tj ET"])
    assert read(maker, tmp_path)[0].text == "السلام عليكم"


def test_letters_that_share_a_glyph_are_in_the_order_they_are_read(tmp_path: Path) -> None:
    maker = PdfMaker()
    maker.font("A", "Helvetica", {"a": "م", "b": "ا", "c": "ل", "d": "س", "L": "لا", "S": "\ufefb"})
    maker.page(["BT /A 10 Tf 300 700 Td (aLdcb) Tj ET", "BT /A 10 Tf 300 600 Td (aSdcb) Tj ET"])
    assert texts(read(maker, tmp_path)[0]) == ["السلام", "السلام"]


def test_columns_of_right_to_left_writing_begin_at_the_right(tmp_path: Path) -> None:
    maker = PdfMaker()
    maker.font("A", "Helvetica", {"a": "م", "b": "ا", "c": "ل", "d": "س", "e": "ك", "f": "ع", "g": "ي"})
    right = ["aegcf abcdcb aegcf abcdcb"] * 3
    drawn = [f"BT /A 10 Tf 350 {700 - 12 * index} Td ({line}) Tj ET" for index, line in enumerate(right)]
    drawn += [f"BT /A 10 Tf 50 {700 - 12 * index} Td (abcdcb) Tj ET" for index in range(3)]
    maker.page(drawn)
    page = read(maker, tmp_path)[0]
    assert page.text.split() == ["السلام", "عليكم"] * 6 + ["السلام"] * 3


def test_ligatures_without_their_right_name_are_spelled_in_the_fonts_of_tex(tmp_path: Path) -> None:
    letters = {letter: letter for letter in "eorts"} | {"@": "\u21b5"}
    for base, expected in (("CMR10", "efforts"), ("Helvetica", "e\u21b5orts")):
        maker = PdfMaker()
        maker.font("T", base, letters)
        maker.page(["BT /T 10 Tf 50 700 Td (e@orts) Tj ET"])
        assert read(maker, tmp_path)[0].text == expected

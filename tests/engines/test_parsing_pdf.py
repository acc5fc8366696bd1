"""PDF pages as a reader sees them: reading order, paragraphs, headings, tables, and boxes where the words stand."""

from pathlib import Path

import pytest

from engines.parsing import Limits, extract
from rag.types import Kind, Page
from tests.files.making import Words, pdf

LIMITS = Limits(memory_mb=600, cpu_seconds=20, wall_seconds=30)
PROSE = ["The committee met in spring and", "looked at what had been done in", "the year before, and found much"]


def pages_of(folder: Path, *pages: list[Words], keys: str = "/MediaBox [0 0 600 800]") -> list[Page]:
    path = folder / "document.pdf"
    path.write_bytes(pdf(pages, page_keys=keys))
    return list(extract(path, "application/pdf", limits=LIMITS))


def column(x: float, top: float, lines: list[str], step: float = 12) -> list[Words]:
    return [Words(x, top - step * index, line) for index, line in enumerate(lines)]


def texts(page: Page) -> list[str]:
    return [page.text[block.start : block.end] for block in page.blocks]


def test_lines_close_together_are_a_paragraph_and_a_gap_ends_it(tmp_path: Path) -> None:
    (page,) = pages_of(tmp_path, column(50, 700, PROSE) + column(50, 640, ["Another begins here."]))
    assert texts(page) == [" ".join(PROSE), "Another begins here."]
    assert page.text == "\n\n".join(texts(page))


def test_each_visual_line_has_the_box_it_stands_in(tmp_path: Path) -> None:
    (page,) = pages_of(tmp_path, column(60, 700, PROSE))
    assert [page.text[line.start : line.end] for line in page.lines] == PROSE
    assert (page.width, page.height) == (600, 800)
    x0, y0, x1, y1 = page.lines[0].box
    assert x0 == pytest.approx(0.1, abs=0.003)
    assert 0.36 > x1 > 0.33
    assert y0 < 1 - 700 / 800 < y1  # the baseline lies within
    assert y1 - y0 < 20 / 800


@pytest.mark.parametrize(
    ("keys", "x", "y"),
    [
        ("/MediaBox [0 0 600 800] /Rotate 180", 1 - 60 / 600, 700 / 800),
        ("/MediaBox [0 0 600 800] /CropBox [50 400 350 800]", 10 / 300, 100 / 400),
        ("/MediaBox [-100 -100 500 700]", 160 / 600, 0.0),
    ],
)
def test_boxes_honour_rotation_and_crop(keys: str, x: float, y: float, tmp_path: Path) -> None:
    (page,) = pages_of(tmp_path, column(60, 698, ["Words on the page"]), keys=keys)
    x0, y0, x1, y1 = page.lines[0].box
    assert min(abs(x0 - x), abs(x1 - x)) < 0.01
    assert y0 - 0.02 < y < y1 + 0.02


def test_a_page_turned_by_a_quarter_is_as_wide_as_it_was_high(tmp_path: Path) -> None:
    (page,) = pages_of(tmp_path, column(60, 700, ["Words"]), keys="/MediaBox [0 0 600 800] /Rotate 90")
    assert (page.width, page.height) == (800, 600)
    x0, y0, x1, y1 = page.lines[0].box
    assert x0 < 700 / 800 < x1 + 0.02
    assert y0 == pytest.approx(60 / 600, abs=0.01)
    assert y1 - y0 > x1 - x0  # it reads downwards


def test_what_lies_outside_the_page_is_not_read(tmp_path: Path) -> None:
    words = [Words(60, 700, "Seen"), Words(700, 700, "Beside the page"), Words(60, 900, "Above it")]
    assert pages_of(tmp_path, words)[0].text == "Seen"


def test_two_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    left, right = [*PROSE, "on the left."], [*PROSE, "on the right."]
    (page,) = pages_of(tmp_path, column(50, 700, left) + column(320, 700, right))
    assert texts(page) == [" ".join(left), " ".join(right)]


def test_a_page_drawn_out_of_order_is_read_from_top_to_bottom(tmp_path: Path) -> None:
    lines = [f"Line number {index} of the page." for index in range(12)]
    words = column(50, 700, lines, step=30)
    (page,) = pages_of(tmp_path, words[::-1])
    assert texts(page) == lines


def test_a_hyphen_of_the_typesetter_goes_and_one_of_the_writer_stays(tmp_path: Path) -> None:
    lines = ["We looked at the docu-", "ment and at many documents, at", "the document of long-", "term plans"]
    (page,) = pages_of(tmp_path, [*column(50, 700, lines), Words(50, 600, "A long-term plan.")])
    assert texts(page)[0] == "We looked at the document and at many documents, at the document of long-term plans"
    assert [page.text[line.start : line.end] for line in page.lines][:2] == ["We looked at the docu", lines[1]]


def test_larger_and_bold_lines_are_headings_over_pages(tmp_path: Path) -> None:
    first, second = pages_of(
        tmp_path,
        [Words(50, 740, "Part one", size=20), Words(50, 700, "Prices", bold=True), *column(50, 680, PROSE)],
        [*column(50, 700, PROSE), Words(50, 600, "Part two", size=20), *column(50, 560, PROSE)],
    )
    assert [block.kind for block in first.blocks] == [Kind.HEADING, Kind.HEADING, Kind.TEXT]
    assert [block.heading for block in first.blocks] == [(), ("Part one",), ("Part one", "Prices")]
    assert second.blocks[0].heading == ("Part one", "Prices")
    assert second.blocks[-1].heading == ("Part two",)


def test_a_running_head_is_no_heading_twice(tmp_path: Path) -> None:
    page = [Words(50, 780, "The Company", bold=True), *column(50, 700, PROSE)]
    first, second, third = pages_of(tmp_path, page, page, page)
    assert first.blocks[0].kind is Kind.HEADING
    assert [second.blocks[0].kind, third.blocks[0].kind] == [Kind.TEXT, Kind.TEXT]


def test_bullets_are_items_with_their_further_lines(tmp_path: Path) -> None:
    words = [
        Words(50, 700, "\x95"), Words(80, 700, "First item that goes on"), Words(80, 688, "in a second line"),
        Words(50, 676, "\x95"), Words(80, 676, "Second item"),
    ]  # fmt: skip
    (page,) = pages_of(tmp_path, words)
    assert texts(page) == ["• First item that goes on in a second line", "• Second item"]
    assert {block.kind for block in page.blocks} == {Kind.LIST_ITEM}


def test_a_financial_table_keeps_rows_and_header(tmp_path: Path) -> None:
    rows = [
        ("Years ended December 31,", "2018", "2017"),
        ("Revenues:", "", ""),
        ("Sales of products", "$ 60,715", "$ 58,304"),
        ("Cost (income), net", "(12)", "—"),
        ("Total", "60,703", "58,304"),
    ]
    words = [
        Words(x, 700 - 14 * index, cell.replace("—", "-"))
        for index, row in enumerate(rows)
        for x, cell in zip((50, 300, 400), row, strict=True)
        if cell
    ]
    (page,) = pages_of(tmp_path, words)
    assert {block.kind for block in page.blocks} == {Kind.TABLE_ROW}
    assert texts(page)[2:] == [
        "Sales of products | $ 60,715 | $ 58,304",
        "Cost (income), net | (12) | -",
        "Total | 60,703 | 58,304",
    ]
    assert {block.header for block in page.blocks[2:]} == {"Years ended December 31, | 2018 | 2017 / Revenues:"}


def test_a_page_without_text_among_others_is_an_empty_page(tmp_path: Path) -> None:
    first, second = pages_of(tmp_path, [], column(50, 700, PROSE))
    assert (first.number, first.text, first.blocks) == (1, "", ())
    assert second.text

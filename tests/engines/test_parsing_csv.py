"""CSV and TSV of any dialect, encoding and length."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.parsing import Limits, Report
from engines.parsing import csv as csv_pages
from rag.types import Page
from tests.engines.test_parsing_sheets import FUZZ, LIMITS, outcome, rows_of, texts, written


def read_csv(folder: Path, data: bytes | str, limits: Limits = LIMITS) -> list[Page]:
    path = written(folder, data.encode() if isinstance(data, str) else data)
    return list(csv_pages.pages(path, limits, Report()))


def test_csv_in_pages_under_one_header(tmp_path: Path) -> None:
    data = "Name;Count\n" + "".join(f"x;{number}\n" for number in range(1500))
    pages = read_csv(tmp_path, data)
    assert [len(page.blocks) for page in pages] == [1000, 501]
    assert {block.header for block in pages[1].blocks} == {"Name | Count"}


def test_csv_titles_years_and_the_line_that_excel_reads(tmp_path: Path) -> None:
    (page,) = read_csv(tmp_path, "sep=;\nExport of May\nTown;2023;2024\nBern;1,5;2\n")
    assert rows_of(page) == [
        ("text", "Export of May", ""),
        ("table_row", "Town | 2023 | 2024", ""),
        ("table_row", "Bern | 1,5 | 2", "Town | 2023 | 2024"),
    ]


def test_a_quotation_mark_that_is_never_closed_swallows_no_rows(tmp_path: Path) -> None:
    (page,) = read_csv(tmp_path, 'Size,Count\n"5 inch,1\n' + "6 inch,2\n" * 500)
    assert len(page.blocks) == 502
    assert texts(page)[2:] == ["6 inch | 2"] * 500


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "utf-16-le"])
def test_csv_in_any_encoding(encoding: str, tmp_path: Path) -> None:
    text = "Straße\tGröße\n" + "Königsallee\tgroß\n" * 20
    (page,) = read_csv(tmp_path, text.encode(encoding))
    assert texts(page) == ["Straße | Größe", *["Königsallee | groß"] * 20]


# A few NULs in a few bytes make any text look like UTF-16.
CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)


@FUZZ
@given(rows=st.lists(st.lists(CELLS, max_size=5), max_size=12), delimiter=st.sampled_from(",;\t|"))
def test_csv_of_any_cells_loses_no_word(rows: list[list[str]], delimiter: str, tmp_path: Path) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    text = out.getvalue()
    pages = read_csv(tmp_path, text.encode("utf-8", "replace"))
    kept = {letter for page in pages for letter in page.text}
    assert {letter for row in rows for cell in row for letter in cell if letter.isalnum()} <= kept


@FUZZ
@given(data=st.binary(max_size=300))
def test_csv_of_any_bytes_ends_as_pages(data: bytes, tmp_path: Path) -> None:
    assert outcome(csv_pages.pages(written(tmp_path, data), LIMITS, Report())) == "read"

"""PDFs of the world: what people find on the pages is in the text, in the order they read it."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.parsing import Limits, Report, extract, pdf
from rag.types import Kind, Page

pytestmark = pytest.mark.data
_IGNORED = re.compile(r"[\s|]+|[^\x00-\x7f]+")
_WORD = re.compile(r"\w+", re.ASCII)


def read(path: Path, report: Report | None = None) -> list[Page]:
    return list(pdf.pages(path, Limits(), report or Report()))


def flat(text: str) -> str:
    """Without white space, without what parts our table cells, and without what is not ASCII: the evidence lost its
    dashes and quotation marks when it was collected.
    """
    return _IGNORED.sub("", text)


def rows(page: Page) -> list[tuple[str, str]]:
    return [(page.text[b.start : b.end], b.header) for b in page.blocks if b.kind is Kind.TABLE_ROW]


# ------------------------------------------------------------------------------------------------- evidence


def evidence(folder: Path) -> dict[str, list[tuple[str, int, str]]]:
    """Question, page and text of each piece of evidence, by document."""
    found: dict[str, list[tuple[str, int, str]]] = defaultdict(list)
    for line in (folder / "questions.jsonl").read_text().splitlines():
        question = json.loads(line)
        for each in question["evidence"]:
            found[each["doc"]].append((question["id"], each["page_1based"], each["text"]))
    return found


def measured(folder: Path) -> Iterator[tuple[str, str, int, bool, float]]:
    """Document, question, page of each piece of evidence; whether the page has it, and the share of its words."""
    for name, pieces in evidence(folder).items():
        last = max(page for _, page, _ in pieces)
        texts: dict[int, str] = {}
        for page in extract(folder / "pdfs" / name, "application/pdf", limits=Limits()):
            texts[page.number] = page.text
            if page.number == last:
                break
        for question, number, text in pieces:
            words, known = _WORD.findall(text), set(_WORD.findall(texts[number]))
            share = sum(word in known for word in words) / max(len(words), 1)
            yield name, question, number, flat(text) in flat(texts[number]), share


@pytest.mark.slow
def test_evidence_is_found_on_its_page(data: Path) -> None:
    results = list(measured(data / "pdf_financebench"))
    missed = [(name, question, page) for name, question, page, is_found, _ in results if not is_found]
    share = 1 - len(missed) / len(results)
    words = sum(share for *_, share in results) / len(results)
    print(f"evidence found: {share:.1%} of {len(results)}; of its words: {words:.1%}")
    assert len(results) > 60
    assert share >= 0.98, missed


# ------------------------------------------------------------------------------------- columns, right to left


@pytest.mark.parametrize(
    ("name", "page", "sentence"),
    [
        # Over the end of a column, past the footnotes below it
        (
            "m_tracemonkey.pdf",
            1,
            "the de facto standard for client-side web programming and is used for the application",
        ),
        ("m_tracemonkey.pdf", 1, "the compiler can no longer easily transform operations into machine instructions"),
        ("p_multicolumn.pdf", 1, "Fusce mauris. Vestibulum luctus nibh at lectus."),
        ("p_multicolumn.pdf", 1, "viverra fermentum felis. Donec nonummy pellentesque ante. Phasellus adipiscing"),
        (
            "u_multi-column.pdf",
            1,
            "a huge performance degradation is often observed in practice2, indicating the needs of",
        ),
        ("u_multi-column.pdf", 2, "we assume the extractive QA setting, in which the answer is restricted to a span"),
        # Past the footnotes below the column and the table above the next
        ("u_multi-column.pdf", 4, "sources questions from TREC QA tracks as well as various Web sources"),
        ("d_redp5110_sampled.pdf", 6, "there are two fundamental steps in securing information assets that must be"),
        (
            "d_redp5110_sampled.pdf",
            3,
            "we’re the experts in IBM DB2® for i. The DB2 for i Center of Excellence (CoE) can help you",
        ),
    ],
)
def test_columns_are_read_in_order(name: str, page: int, sentence: str, data: Path) -> None:
    text = read(data / "files" / name)[page - 1].text
    assert sentence in " ".join(text.split())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("m_ArabicCIDTrueType.pdf", "انواع الخطوط العربية"),
        ("p_habibi.pdf", "حَبيبي"),
        ("d_right_to_left_01.pdf", "تحسين الإنتاجية وحل المشكلات من خلال البرمجة بلغة R وPython"),
        ("d_right_to_left_01.pdf", "اتخاذ قرارات أكثر دقة بناءً على استنتاجات قائمة على البيانات"),
        ("d_right_to_left_01.pdf", "يمكن استخدام مكتبة pandas في Python لإدارة البيانات بكفاءة"),
    ],
)
def test_right_to_left_writing_is_read_in_order(name: str, sentence: str, data: Path) -> None:
    assert sentence in read(data / "files" / name)[0].text


def test_korean_tables_keep_rows_and_header(data: Path) -> None:
    (page,) = read(data / "files" / "u_korean-text-with-tables.pdf")
    assert ("편의점 | CU, GS25, 세븐일레븐, 미니스톱", "업종 | 적립 대상") in rows(page)
    assert "제과점 | 파리바게뜨, 뚜레쥬르" in page.text


def test_ligatures_of_tex_are_spelled(data: Path) -> None:
    text = " ".join(page.text for page in read(data / "files" / "u_copy-protected.pdf"))
    for words in ("several practical difficulties for", "an off-the-shelf toolkit", "recent efforts for"):
        assert words.lower() in text.lower()


# --------------------------------------------------------------------------------------- tables, structure


def test_rows_of_a_long_table_have_its_header_on_every_page(data: Path) -> None:
    pages = read(data / "files" / "b_ca-warn-report.pdf")
    noticed = [(row, header) for page in pages[:15] for row, header in rows(page) if re.match(r"\d\d/\d\d/\d{4}", row)]
    assert len(noticed) > 500
    assert {header for _, header in noticed} == {
        "Notice Date | Effective | Received | Company | City | No. Of | Layoff/Closure"
    }


def test_further_lines_stay_in_the_rows_of_a_dense_table(data: Path) -> None:
    (page,) = read(data / "files" / "b_senate-expenditures.pdf")
    found = rows(page)
    assert sum(row.startswith("DHAW") and " AND RETURN" in row for row, _ in found) > 15
    assert all(header.startswith("DOCUMENT NO. | DATE | PAYEE NAME") for row, header in found if row.startswith("DHAW"))


def test_the_outline_of_a_paper_is_its_heading_path(data: Path) -> None:
    pages = read(data / "files" / "p_pdflatex-outline.pdf")
    found = [
        block.heading[-1] for page in pages[1:] for block in page.blocks if block.kind is Kind.TEXT and block.heading
    ]
    assert list(dict.fromkeys(found)) == ["Foo", "Bar", "Baz"]
    assert {len(block.heading) for page in pages[1:] for block in page.blocks} == {0, 1}


def test_a_form_says_what_is_filled_in(data: Path) -> None:
    (page,) = read(data / "files" / "p_libreoffice-form.pdf")
    assert "First Name: Alice" in page.text
    assert page.text.index("First Name Last Name") < page.text.index("First Name: Alice") < page.text.index("Birthday")
    assert "Bob" in page.text


def test_hidden_text_of_a_scan_is_read(data: Path) -> None:
    (page,) = read(data / "files" / "u_pdf-with-ocr-text.pdf")
    assert "keep you posted on the progress of the Foundation" in page.text


def test_attached_files_are_handed_out(data: Path) -> None:
    found: list[tuple[str, int]] = []
    report = Report(file=lambda name, pieces: found.append((name, sum(map(len, pieces)))))
    read(data / "files" / "p_with-attachment.pdf", report)
    assert found == [("image.png", 6669)]
    read(data / "files" / "t_testPDF_deeplyEmbeddedAttachments.pdf", report)
    assert len(found) == 21


def test_a_damaged_page_does_not_keep_the_others_from_being_read(data: Path) -> None:
    pages = read(data / "files" / "t_testPDF_bad_page_303226.pdf")
    assert len(pages) == 19
    assert sum(len(page.text) > 2000 for page in pages) >= 17


def test_400_pages_take_less_than_500_megabytes(data: Path) -> None:
    """The limit is on address space, which is never less than what is in memory."""
    path = data / "files" / "u_pdf2image-memory-error-test-400p.pdf"
    assert sum(1 for _ in extract(path, "application/pdf", limits=Limits(memory_mb=500))) == 400

"""Every format by the same questions: a document of each is read, and each way of being broken is named."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from engines.parsing import FORMATS, Format, Limits, Report, extract, nursery, render_page, sniff
from engines.parsing.building import LONGEST_HEADER
from engines.parsing.formats import by_media_type, has_ocr
from engines.parsing.refusals import OCR_ADVICE
from rag.errors import ParsingError
from rag.types import Kind, Page
from tests.files import making
from tests.files.samples import SAMPLES

LIMITS = Limits(pages=50, characters=100_000, memory_mb=1500 if has_ocr() else 600, cpu_seconds=20, wall_seconds=30)
BINARY = [each for each in FORMATS if not each.is_text]
TABLES = [each for each in FORMATS if SAMPLES[each.name].has_table]
HEADINGS = [each for each in FORMATS if SAMPLES[each.name].has_headings]


def by_name(form: Format) -> str:
    return form.name


def written(folder: Path, data: bytes, name: str = "document") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def read(path: Path, name: str, limits: Limits = LIMITS) -> list[Page]:
    """The whole way: what it is, then its pages."""
    return list(extract(path, sniff(path, name), limits=limits))


def refusal(path: Path, name: str, limits: Limits = LIMITS) -> ParsingError:
    with pytest.raises(ParsingError) as caught:
        read(path, name, limits)
    error = caught.value
    assert error.message.endswith(".")
    assert error.hint.endswith(".")
    return error


@pytest.fixture(params=FORMATS, ids=by_name)
def form(request: pytest.FixtureRequest) -> Format:
    found: Format = request.param
    if not found.is_taken:
        pytest.skip(f"reading {found.name} files needs the extra `{found.extra}`, which is not installed")
    return found


def sample_of(form: Format, folder: Path) -> tuple[Path, str]:
    sample = SAMPLES[form.name]
    return written(folder, sample.data), sample.name


# ----------------------------------------------------------------------------------- what every format does


def test_a_document_is_known_by_its_content_and_read(form: Format, tmp_path: Path) -> None:
    path, name = sample_of(form, tmp_path)
    assert by_media_type(sniff(path, name)) is form
    pages = read(path, name)
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    text = " ".join(pages[0].text.split())
    if SAMPLES[form.name].has_text:
        assert "The company grew in every region." in text
        assert "costs fell" in text
    for page in pages:
        assert "\f" not in page.text
        for block in page.blocks:
            assert page.text[block.start : block.end] == page.text[block.start : block.end].strip() != ""


@pytest.mark.parametrize("form", TABLES, ids=by_name, indirect=True)
def test_table_rows_are_blocks_with_their_header(form: Format, tmp_path: Path) -> None:
    page = read(*sample_of(form, tmp_path))[0]
    rows = [block for block in page.blocks if block.kind is Kind.TABLE_ROW]
    texts = [page.text[row.start : row.end].replace(" | ", " ") for row in rows]
    assert texts == ["Year Sales Costs", "First 1,200 900", "Second 1,320 850"]
    assert [row.header for row in rows] == ["", "Year | Sales | Costs", "Year | Sales | Costs"]


@pytest.mark.parametrize("form", HEADINGS, ids=by_name, indirect=True)
def test_headings_stand_above_what_follows(form: Format, tmp_path: Path) -> None:
    page = read(*sample_of(form, tmp_path))[0]
    first, second, *_ = page.blocks
    assert (first.kind, first.heading, page.text[first.start : first.end]) == (Kind.HEADING, (), "Annual report")
    assert (second.kind, second.heading) == (Kind.TEXT, ("Annual report",))


def test_an_empty_file_is_refused(form: Format, tmp_path: Path) -> None:
    assert refusal(written(tmp_path, b""), f"empty{form.extensions[0]}").code == "empty"


def test_a_document_without_a_word_is_never_read_as_one(form: Format, tmp_path: Path) -> None:
    path = written(tmp_path, SAMPLES[form.name].blank)
    error = refusal(path, f"blank{form.extensions[0]}")
    assert error.code == "no_text"
    if form.name == "PDF":
        assert "OCR found none" in error.message if has_ocr() else OCR_ADVICE in error.hint


def test_too_much_text_names_the_setting(form: Format, tmp_path: Path) -> None:
    path, name = sample_of(form, tmp_path)
    error = refusal(path, name, Limits(characters=20))
    assert error.code == "too_large"
    assert "MAX_CHARACTERS" in error.hint


def test_too_many_rows_names_the_setting(tmp_path: Path) -> None:
    error = refusal(written(tmp_path, b"a,b\n" * 50), "rows.csv", Limits(blocks=40))
    assert error.code == "too_large"
    assert "MAX_BLOCKS" in error.hint


def test_noise_ends_in_a_typed_error_or_in_clean_text(form: Format, tmp_path: Path) -> None:
    hurt = bytearray(SAMPLES[form.name].data)
    for at in range(7, len(hurt), 13):
        hurt[at] = (hurt[at] * 7 + at) % 256
    path = written(tmp_path, bytes(hurt))
    try:
        pages = list(extract(path, form.media_type, limits=LIMITS))
    except ParsingError as error:
        assert error.code in {"broken", "no_text", "encrypted", "crashed"}  # noqa: PT017
    else:
        assert form.is_text or SAMPLES[form.name].torn_may_be_read or SAMPLES[form.name].keeps_noise
        text = "".join(page.text for page in pages)
        assert "\0" not in text
        text.encode()


@pytest.mark.parametrize("form", BINARY, ids=by_name, indirect=True)
def test_a_broken_document_is_called_broken(form: Format, tmp_path: Path) -> None:
    name, data = SAMPLES[form.name].name, SAMPLES[form.name].data
    assert refusal(written(tmp_path, b"oops\n"), name).code == "broken"
    head = b"%PDF-1.7\n" if form.name == "PDF" else data[:4]
    assert refusal(written(tmp_path, head + b"\xff\x00garbage" * 50), name).code == "broken"


@pytest.mark.parametrize("form", BINARY, ids=by_name, indirect=True)
def test_a_document_cut_off_in_the_middle_is_broken_or_read_in_part(form: Format, tmp_path: Path) -> None:
    sample = SAMPLES[form.name]
    path = written(tmp_path, sample.data[: len(sample.data) // 2])
    try:
        pages = read(path, sample.name)
    except ParsingError as error:
        assert error.code in {"broken", "no_text"}  # noqa: PT017
    else:
        assert sample.torn_may_be_read
        assert pages[0].text


# --------------------------------------------------------------------------------------- the single formats


def test_text_in_any_encoding_is_read(tmp_path: Path) -> None:
    german = "Übergröße für jeden Fall. " * 20
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"):
        (page,) = read(written(tmp_path, german.encode(encoding)), "a.txt")
        assert page.text == german.strip(), encoding
    (page,) = read(written(tmp_path, "名前,年齢\r\n佐藤太郎,30\r\n".encode("cp932")), "a.csv")
    assert page.text == "名前 | 年齢\n佐藤太郎 | 30"


def test_what_no_database_takes_never_reaches_the_text(tmp_path: Path) -> None:
    (page,) = read(written(tmp_path, b"one\x0ctwo\x07three\xef\xbb\xbffour\r\nfive"), "a.txt")
    assert page.text == "one\ntwothreefour\nfive"
    (page,) = read(written(tmp_path, b"<!doctype html><p>a&#0;b&#xD800;c&#12;d</p>"), "a.html")
    assert set(page.text) <= set("abcd \ufffd")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_of_any_dialect(delimiter: str, tmp_path: Path) -> None:
    rows = [["Name", "Note", "Count"], ['"O""Neill"', '"two\nlines"', "3"], ["Ragged"]]
    data = "\n".join(delimiter.join(row) for row in rows).encode()
    (page,) = read(written(tmp_path, data), "a.csv")
    assert page.text == 'Name | Note | Count\nO"Neill | two lines | 3\nRagged'


def test_csv_of_numbers_has_no_header(tmp_path: Path) -> None:
    (page,) = read(written(tmp_path, b"1,2\n3,4\n"), "a.csv")
    assert {block.header for block in page.blocks} == {""}


def test_html_keeps_code_and_drops_what_no_one_reads(tmp_path: Path) -> None:
    data = b"""<!doctype html><body><header>Site</header><main><h1>Guide</h1><p>One<br>two</p><p hidden>no</p>
    <p style="display: none">no</p><pre>def f():
    return 1</pre><button>no</button><div><div>Deep <span>text</span></div></div></main><footer>no</footer></body>"""
    (page,) = read(written(tmp_path, data), "a.html")
    assert page.text == "Guide\n\nOne two\n\ndef f():\n    return 1\n\nDeep text"
    assert page.blocks[2].kind is Kind.CODE


def test_html_nested_deeper_than_python_recurses(tmp_path: Path) -> None:
    data = b"<!doctype html>" + b"<div>" * 20_000 + b"bottom" + b"</div>" * 20_000
    (page,) = read(written(tmp_path, data), "a.html")
    assert page.text == "bottom"


def test_a_header_of_a_thousand_characters_is_cut_in_front_of_its_rows(tmp_path: Path) -> None:
    table = [[f"Terms of the agreement no. {number}" for number in range(40)], [str(number) for number in range(40)]]
    html = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in table)
    word = (("".join(f"<w:tc><w:p><w:r><w:t>{cell}</w:t></w:r></w:p></w:tc>" for cell in row)) for row in table)
    for name, data in (
        ("a.html", f"<html><table>{html}</table>".encode()),
        ("a.docx", making.docx_with(f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in word)}</w:tbl>")),
    ):
        (page,) = read(written(tmp_path, data), name)
        head, row = (block for block in page.blocks if block.kind is Kind.TABLE_ROW)
        text = page.text[head.start : head.end]
        assert text.endswith("no. 39")
        assert text.startswith(row.header)
        assert LONGEST_HEADER - 2 < len(row.header) <= LONGEST_HEADER


def test_a_table_for_layout_is_read_as_text(tmp_path: Path) -> None:
    data = b"<html><table><tr><td><table><tr><td>a</td><td>b</td></tr></table><p>Words</p></td></tr></table></html>"
    (page,) = read(written(tmp_path, data), "a.html")
    assert [block.kind for block in page.blocks] == [Kind.TABLE_ROW, Kind.TEXT]


def test_markdown_lists_code_and_front_matter(tmp_path: Path) -> None:
    data = b"---\ntitle: no\n---\n# A\n## B\n1. one\n2. two\n   - deep\n\n```py\nx = 1\n```\n"
    data += b"<script>no</script>\n\n[link](http://x) `c`"
    (page,) = read(written(tmp_path, data), "a.md")
    texts = [(block.kind.value, page.text[block.start : block.end]) for block in page.blocks]
    assert texts == [
        ("heading", "A"), ("heading", "B"), ("list_item", "1. one"), ("list_item", "2. two"), ("list_item", "- deep"),
        ("code", "x = 1"), ("text", "link c"),
    ]  # fmt: skip
    assert page.blocks[-1].heading == ("A", "B")


def test_docx_insertions_controls_and_breaks_are_read_deletions_are_not(tmp_path: Path) -> None:
    body = (
        "<w:p><w:r><w:t>Kept</w:t></w:r><w:ins><w:r><w:t> added</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText> gone</w:delText></w:r></w:del><w:r><w:br/><w:t>below</w:t></w:r></w:p>"
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>In a control</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    )
    (page,) = read(written(tmp_path, making.docx_with(body)), "a.docx")
    assert page.text == "Kept added\nbelow\n\nIn a control"


@pytest.mark.parametrize("make", [making.bomb_docx, making.lying_docx])
def test_a_docx_bomb_ends_before_it_unpacks(make: object, tmp_path: Path) -> None:
    path = written(tmp_path, make(100))  # type: ignore[operator]
    assert path.stat().st_size < 1_000_000
    assert refusal(path, "bomb.docx").code in {"too_large", "broken"}


# ------------------------------------------------------------------------------------------ pages and images


def test_the_report_hears_how_many_pages_there_will_be(tmp_path: Path) -> None:
    totals: list[int] = []
    path = written(tmp_path, making.SAMPLE_PDF)
    list(extract(path, "application/pdf", limits=LIMITS, report=Report(total=totals.append)))
    assert totals == [2]


@pytest.mark.skipif(not nursery.IS_POSSIBLE, reason="only the nursery knows what a child held")
@pytest.mark.parametrize("broken", [False, True])
def test_the_report_hears_at_the_end_how_much_memory_it_took(broken: bool, tmp_path: Path) -> None:
    peaks: list[float] = []
    path = written(tmp_path, b"%PDF-1.4 nonsense" if broken else making.SAMPLE_PDF)
    with pytest.raises(ParsingError, match="damaged") if broken else nullcontext():
        list(extract(path, "application/pdf", limits=LIMITS, report=Report(memory=peaks.append)))
    (peak,) = peaks
    assert 5 < peak < LIMITS.memory_mb


def test_too_many_pages_name_the_setting(tmp_path: Path) -> None:
    path = written(tmp_path, making.pdf([[making.Words(50, 700, "a")]] * 51))
    error = refusal(path, "long.pdf")
    assert error.code == "too_large"
    assert "51 pages" in error.message
    assert "MAX_PAGES" in error.hint


def test_a_page_becomes_an_image_of_the_width_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, making.SAMPLE_PDF)
    image = render_page(path, 1, width=300, limits=LIMITS)
    assert image.startswith(b"\x89PNG")
    assert int.from_bytes(image[16:20], "big") == 300
    assert int.from_bytes(image[20:24], "big") == 400


def test_a_page_that_is_not_there_and_a_format_without_images(tmp_path: Path) -> None:
    path = written(tmp_path, making.SAMPLE_PDF)
    with pytest.raises(ParsingError) as caught:
        render_page(path, 3, width=300, limits=LIMITS)
    assert caught.value.message == "The document has no page 3."
    with pytest.raises(ParsingError) as caught:
        render_page(path, 1, width=300, limits=LIMITS, media_type="text/plain")
    assert caught.value.code == "unsupported"


def test_an_image_of_a_page_of_miles_stays_small(tmp_path: Path) -> None:
    data = making.pdf([[making.Words(50, 700, "a")]], page_keys="/MediaBox [0 0 10 14000]")
    image = render_page(written(tmp_path, data), 1, width=4000, limits=LIMITS)
    width, height = int.from_bytes(image[16:20], "big"), int.from_bytes(image[20:24], "big")
    assert width * height <= 41_000_000


@pytest.mark.data
@pytest.mark.slow
def test_real_documents_end_as_their_table_says(data: Path) -> None:
    """Each real file of a format that is taken: read, or refused with the reason a user may fairly expect."""
    wrong = []
    for name, expected in _expectations(data / "files" / "manifest.tsv"):
        try:
            outcome = "ok" if read(data / "files" / name, name, Limits()) else "nothing"
        except ParsingError as error:
            outcome = error.code
        if outcome not in expected:
            wrong.append((name, outcome, expected))
    assert not wrong


def _expectations(table: Path) -> Iterator[tuple[str, set[str]]]:
    codes = {
        "encrypted": {"encrypted"}, "empty": {"empty"}, "no text": {"no_text"}, "damaged": {"broken"},
        "not readable": {"broken"}, "encoding": {"broken"}, "must end": {"broken", "no_text", "crashed"},
        "or clear error": {"broken", "no_text", "unsupported"},
    }  # fmt: skip
    taken = {extension for each in FORMATS for extension in each.extensions if extension}
    for line in table.read_text().splitlines()[1:]:
        name, *_, expected, _, _ = line.split("\t")
        if f".{name.rsplit('.', 1)[1]}" in taken and "400p" not in name:
            offered = has_ocr() and "OCR" in expected
            allowed = {"ok"} if expected.startswith("ok") or "bounded" in expected or offered else set()
            yield name, allowed.union(*(found for words, found in codes.items() if words in expected))

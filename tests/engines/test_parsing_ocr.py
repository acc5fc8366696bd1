"""Scans and pictures: what OCR reads, in which order and where, and what is said where it is not installed."""

import io
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from engines.parsing import Limits, Report, extract, render_page, sniff
from engines.parsing.clock import Clock
from engines.parsing.formats import by_media_type, by_name, has_ocr
from engines.parsing.ocr_layout import Seen, SeenLine, in_reading_order, page_of
from engines.parsing.pdf_blocks import Layout
from engines.parsing.refusals import OCR_ADVICE, needs_extra, no_text
from rag.errors import ParsingError
from rag.types import Box, Kind, Page
from tests.files import making, scans

PICTURE = next(form.media_type for form in (by_name("image"),) if form)
WITHOUT = pytest.mark.skipif(has_ocr(), reason="the `ocr` extra is installed, so nothing is refused for want of it")
SENTENCE = "The company grew in every region. Sales rose by a tenth in the year, and costs fell in all of them."


def with_ocr(test: object) -> object:
    skipped = pytest.mark.skipif(not has_ocr(), reason="the `ocr` extra is not installed")
    return pytest.mark.ocr(skipped(test))


def written(folder: Path, data: bytes) -> Path:
    path = folder / "document"
    path.write_bytes(data)
    return path


def read(
    path: Path, media_type: str = "application/pdf", limits: Limits | None = None
) -> tuple[list[Page], list[str], list[int]]:
    """The pages, the warnings, and the pages that OCR was said to begin with."""
    warnings: list[str] = []
    begun: list[int] = []
    report = Report(warning=warnings.append, scan=begun.append)
    return list(extract(path, media_type, limits=limits or Limits(), report=report)), warnings, begun


def refused(path: Path, media_type: str, limits: Limits | None = None) -> ParsingError:
    with pytest.raises(ParsingError) as caught:
        read(path, media_type, limits)
    assert caught.value.message.endswith(".")
    assert caught.value.hint.endswith(".")
    return caught.value


def mixed_pdf(scan: str = "0.5 g 50 50 400 600 re f 0.1 g 80 80 90 90 re f") -> bytes:
    """A page of text, a page without any, an empty page."""
    return making.pdf([[making.Words(50, 700, "A page that has text of its own.")], [scan], []])


# ------------------------------------------------------------------------------------------ without the extra


@WITHOUT
def test_without_the_extra_a_picture_is_refused_and_the_extra_named(tmp_path: Path) -> None:
    with pytest.raises(ParsingError) as caught:
        sniff(written(tmp_path, scans.SAMPLE_PICTURE), "photo.png")
    assert caught.value.code == "unsupported"
    assert caught.value.hint == OCR_ADVICE


@WITHOUT
def test_without_the_extra_a_scan_is_refused_and_a_scanned_page_is_told(tmp_path: Path) -> None:
    error = refused(written(tmp_path, scans.scanned(scans.drawn())), "application/pdf")
    assert error.code == "no_text"
    assert error.hint.startswith(OCR_ADVICE)
    pages, warnings, _ = read(written(tmp_path, mixed_pdf()))
    assert [bool(page.text) for page in pages] == [True, False, False]
    assert len(warnings) == 1, "a page on which nothing stands is no scan"
    assert warnings[0].startswith("1 page has no text")
    assert warnings[0].endswith(OCR_ADVICE)


def test_a_picture_and_a_scan_are_given_the_same_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.parsing.refusals.has_ocr", lambda: False)
    image = by_name("image")
    assert image
    assert needs_extra(image).hint == OCR_ADVICE
    assert no_text("application/pdf").hint.startswith(OCR_ADVICE)


# ------------------------------------------------------------------------------------------------ pictures


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "tiff", "bmp", "webp"])
def test_a_picture_keeps_its_own_media_type(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.parsing.formats.find_spec", lambda _: object())  # as where OCR is installed
    out = io.BytesIO()
    Image.new("RGB", (600, 400), "white").save(out, kind)
    found = sniff(written(tmp_path, out.getvalue()), "scan")
    assert found == f"image/{kind}"
    assert by_media_type(found) is by_name("image")


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGB", {}), ("PNG", "L", {}), ("PNG", "1", {}), ("PNG", "P", {}), ("PNG", "RGBA", {}),
        ("PNG", "LA", {}), ("JPEG", "RGB", {}), ("JPEG", "CMYK", {}), ("TIFF", "1", {"compression": "group4"}),
        ("TIFF", "CMYK", {}), ("TIFF", "F", {}), ("TIFF", "I;16", {}), ("PNG", "I;16", {}), ("GIF", "P", {}),
        ("BMP", "RGB", {}), ("WEBP", "RGB", {}),
    ],
)  # fmt: skip
def test_a_picture_of_any_kind_is_shown_as_it_looks(
    kind: str, mode: str, options: dict[str, str], tmp_path: Path
) -> None:
    if mode == "I;16":
        picture = scans.drawn(mode="L").convert("I").point(lambda value: value * 257).convert("I;16")
    else:
        picture = scans.drawn(mode=mode)
    path = written(tmp_path, scans.saved(picture, kind, **options))
    shown = Image.open(io.BytesIO(render_page(path, 1, width=500, limits=Limits(), media_type=PICTURE)))
    assert (shown.size, shown.mode) == ((500, 240), "RGB")
    grey = shown.convert("L")
    assert grey.getpixel((495, 235)) > 240, "the paper is white"  # type: ignore[operator]
    assert grey.crop((30, 20, 190, 50)).getextrema()[0] < 60, "the heading is black"  # type: ignore[operator]


def test_what_is_transparent_is_shown_on_white(tmp_path: Path) -> None:
    picture = scans.drawn(mode="L")
    ink = Image.new("RGBA", picture.size, "black")
    ink.putalpha(picture.point(lambda value: 255 - value))
    path = written(tmp_path, scans.saved(ink))
    shown = Image.open(io.BytesIO(render_page(path, 1, width=500, limits=Limits(), media_type=PICTURE)))
    assert shown.getpixel((495, 235)) == (255, 255, 255)


def test_a_picture_stands_as_its_camera_held_it_and_a_fax_is_not_squeezed(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    path = written(tmp_path, scans.saved(scans.drawn().rotate(90, expand=True), "JPEG", exif=turned))
    shown = Image.open(io.BytesIO(render_page(path, 1, width=500, limits=Limits(), media_type=PICTURE)))
    assert shown.size == (500, 240)
    fax = scans.saved(scans.drawn().resize((1000, 240)), "TIFF", dpi=(204, 102))
    shown = Image.open(
        io.BytesIO(render_page(written(tmp_path, fax), 1, width=500, limits=Limits(), media_type=PICTURE))
    )
    assert shown.size == (500, 240)


def test_a_picture_that_unpacks_to_too_much_is_refused_before_it_does(tmp_path: Path) -> None:
    path = written(tmp_path, scans.saved(Image.new("1", (12_000, 12_000))))
    assert path.stat().st_size < 100_000
    error = refused(path, PICTURE)
    assert error.code == "too_large"
    assert "144 million pixels" in error.message
    assert "MAX_IMAGE_MEGAPIXELS" in error.hint


def test_a_picture_cut_off_is_broken_and_has_no_second_page(tmp_path: Path) -> None:
    for kind in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"):
        data = scans.saved(scans.drawn(), kind)
        assert refused(written(tmp_path, data[: len(data) * 2 // 3]), PICTURE).code == "broken", kind
    with pytest.raises(ParsingError) as caught:
        render_page(written(tmp_path, scans.SAMPLE_PICTURE), 2, width=100, limits=Limits(), media_type=PICTURE)
    assert caught.value.message == "The document has no page 2."


def test_too_many_pictures_in_one_file_name_the_setting(tmp_path: Path) -> None:
    small = Image.new("L", (20, 20))
    path = written(tmp_path, scans.saved(small, "TIFF", save_all=True, append_images=[small] * 5))
    assert "MAX_PAGES" in refused(path, PICTURE, Limits(pages=5)).hint


# ------------------------------------------------------------------------------------------- order and place


def lines(rows: Sequence[tuple[float, float, str]]) -> list[SeenLine]:
    return [SeenLine(text, x, y, x + 10 * len(text), y + 20) for x, y, text in rows]


def test_columns_of_prose_are_read_one_after_the_other_under_their_title() -> None:
    left = [(50, 100 + 30 * i, f"the left column goes on with line {i}") for i in range(5)]
    right = [(500, 104 + 30 * i, f"the right column goes on with line {i}") for i in range(5)]
    mixed = [row for pair in zip(right, left, strict=True) for row in pair]
    title = (200, 50, "a title that stands over both of the columns of the page")
    ordered = [line.text for line in in_reading_order(lines([*mixed, title]))]
    assert ordered == [text for _, _, text in (title, *left, *right)]


def test_columns_of_numbers_are_read_row_by_row() -> None:
    rows = [("Cost of sales and of services", "1,200", "900"), ("Research and development", "30", "25")] * 3
    cells = [
        (x, 100.0 + 30 * place, cell)
        for place, row in enumerate(rows)
        for x, cell in zip((50.0, 500.0, 700.0), row, strict=True)
    ]
    assert [line.text for line in in_reading_order(lines(cells[::-1]))] == [text for _, _, text in cells]


@pytest.mark.parametrize(
    ("quarters", "box"),
    [(0, (0.1, 0.2, 0.5, 0.3)), (1, (0.7, 0.1, 0.8, 0.5)), (2, (0.5, 0.7, 0.9, 0.8)), (3, (0.2, 0.5, 0.3, 0.9))],
)
def test_boxes_are_where_the_words_are_on_the_page_as_it_is_shown(quarters: int, box: Box) -> None:
    seen = Seen((SeenLine("words", 100, 100, 500, 150),), 1000, 500, quarters)
    page = page_of(seen, 1, 600, 300, Layout())
    assert page.text == "words"
    assert page.lines[0].box == pytest.approx(box)


def test_boxes_of_a_page_askew_are_turned_back_about_its_middle() -> None:
    seen = Seen((), 1000, 1000, skew=0.1)
    x0, y0, x1, y1 = seen.box_on_page((0.9, 0.5, 0.9, 0.5))
    assert (x0, y0) == (x1, y1) == pytest.approx((0.5 + 0.4 * 0.995, 0.5 + 0.4 * 0.0998), abs=1e-3)


def test_a_page_that_is_read_by_ocr_has_time_of_its_own() -> None:
    clock = Clock(Limits(wall_seconds=0.2, ocr_pages=1, ocr_page_seconds=0.2))
    clock.scan_begins()
    time.sleep(0.3)
    clock.check()
    clock.scan_ends()
    clock.check()
    clock.scan_begins()  # a second one is not granted
    time.sleep(0.3)
    with pytest.raises(ParsingError) as caught:
        clock.check()
    assert "PARSE_WALL_SECONDS" in caught.value.hint
    clock = Clock(Limits(wall_seconds=0.1, ocr_page_seconds=0.1))
    clock.scan_begins()
    time.sleep(0.3)
    with pytest.raises(ParsingError) as caught:
        clock.check()
    assert "OCR_PAGE_SECONDS" in caught.value.hint


# ------------------------------------------------------------------------------------------------ with OCR


@with_ocr
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_scan_is_read_whichever_way_it_lies(quarters: int, tmp_path: Path) -> None:
    picture = scans.drawn().rotate(90 * quarters, expand=True)
    (page,), warnings, begun = read(written(tmp_path, scans.scanned(picture)))
    assert (warnings, begun) == (["1 page was read by OCR."], [1])
    texts = [page.text[block.start : block.end].replace(" | ", " ") for block in page.blocks]
    assert texts == ["Annual report", SENTENCE, "Year Sales Costs", "First 1,200 900", "Second 1,320 850"]
    assert page.blocks[0].kind is Kind.HEADING
    assert page.blocks[-1].header == "Year | Sales | Costs"
    x0, y0, x1, y1 = page.lines[0].box
    width, height = picture.size
    heading = picture.crop(
        (round(x0 * width) - 8, round(y0 * height) - 8, round(x1 * width) + 8, round(y1 * height) + 8)
    )
    ink = heading.convert("L").point(lambda value: 255 * (value < 128)).getbbox()
    assert ink is not None
    assert max(ink[2] - ink[0], ink[3] - ink[1]) > 280, "the whole heading stands in its box"
    assert max(heading.size) < 420


@with_ocr
def test_a_scan_askew_is_read_in_lines(tmp_path: Path) -> None:
    picture = scans.drawn(size=(1000, 700)).rotate(2, fillcolor="white")
    (page,), _, _ = read(written(tmp_path, scans.scanned(picture)))
    assert SENTENCE in page.text
    assert "First 1,200 900" in page.text.replace(" | ", " ")


@with_ocr
def test_only_pages_without_text_are_read_by_ocr(tmp_path: Path) -> None:
    stamped = making.pdf([[making.Words(50, 700, "A page that has text of its own.")]])
    assert read(written(tmp_path, stamped))[2] == []
    pages, warnings, begun = read(written(tmp_path, mixed_pdf()))
    assert [bool(page.text) for page in pages] == [True, False, False]
    assert (warnings, begun) == (["OCR found no text on 1 page."], [2])


@with_ocr
def test_each_frame_of_a_tiff_is_a_page(tmp_path: Path) -> None:
    frames = [scans.drawn(((40, 40, f"This is page {name}", 40),), size=(700, 200)) for name in ("one", "two")]
    data = scans.saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    path = written(tmp_path, data)
    assert sniff(path, "fax.tif") == "image/tiff"
    pages, warnings, _ = read(path, PICTURE)
    assert [page.text for page in pages] == ["This is page one", "This is page two"]
    assert warnings == ["2 pages were read by OCR."]
    assert (pages[0].width, pages[0].height) == (700 * 72 / 200, 72)


@with_ocr
def test_a_scan_may_take_longer_than_other_documents(tmp_path: Path) -> None:
    path = written(tmp_path, scans.scanned(*[scans.drawn()] * 3))
    pages, _, _ = read(path, limits=Limits(cpu_seconds=2, wall_seconds=4))
    assert all(SENTENCE in page.text for page in pages)


@with_ocr
def test_a_page_that_takes_too_long_is_left_out_and_told(tmp_path: Path) -> None:
    path = written(tmp_path, mixed_pdf())
    pages, warnings, _ = read(path, limits=Limits(ocr_page_seconds=0.5))
    assert [bool(page.text) for page in pages] == [True, False, False]
    assert len(warnings) == 1
    assert "Page 2" in warnings[0]
    assert "OCR_PAGE_SECONDS" in warnings[0]


@with_ocr
def test_more_scans_than_the_limit_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, scans.scanned(*[scans.drawn()] * 2))
    error = refused(path, "application/pdf", Limits(ocr_pages=1))
    assert error.code == "too_large"
    assert "MAX_OCR_PAGES" in error.hint


@with_ocr
def test_nothing_found_says_so_and_does_not_ask_for_the_extra(tmp_path: Path) -> None:
    error = refused(written(tmp_path, scans.BLANK_PICTURE), PICTURE)
    assert error.code == "no_text"
    assert "picture has no text" in error.message
    assert "extra" not in error.message + error.hint


@with_ocr
@pytest.mark.data
@pytest.mark.parametrize("name", ["d_ocr_test.pdf", "d_ocr_test_rotated_90.pdf"])
def test_a_real_scan(name: str, data: Path) -> None:
    (page,), _, _ = read(data / "files" / name)
    wanted = "Docling bundles PDF document conversion to JSON and Markdown in an easy self contained package"
    assert " ".join(page.text.split()) == wanted


@with_ocr
@pytest.mark.data
@pytest.mark.parametrize("name", ["u_korean-text-with-tables.pdf", "d_right_to_left_01.pdf"])
def test_a_script_that_ocr_does_not_know_stays_without_text(name: str, data: Path, tmp_path: Path) -> None:
    drawn = render_page(data / "files" / name, 1, width=1600, limits=Limits())
    assert refused(written(tmp_path, drawn), PICTURE).code == "no_text"

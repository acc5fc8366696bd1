"""The page of a document in the admin: read by mouse, by keyboard and on a phone, and acted on."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import Upload
from tests.files.making import Words, pdf
from tests.stack import Stack, until

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def insects(stack: Stack) -> Iterator[str]:
    """The id of a PDF of three pages in a collection of its own, ready."""
    pages = [[Words(50, 700, f"Page {n} is about bees.", 12), Words(50, 300, "Wasps too.", 12)] for n in (1, 2, 3)]
    with stack.client() as client:
        collection = client.post("/api/v1/collections", json={"name": "Insects"}).json()["id"]
        files = {"file": ("insects.pdf", pdf(pages), "application/pdf")}
        made = client.post(f"/api/v1/collections/{collection}/documents", files=files).json()
        until(lambda: client.get(f"/api/v1/documents/{made['id']}").json()["finished"], 60, lambda: "still unfinished")
        yield made["id"]
        client.delete(f"/api/v1/collections/{collection}")


@pytest.fixture
def document(page: Page, insects: str) -> Page:
    page.goto(f"/admin/documents/document/{insects}/change/")
    return page


def drawn(page: Page) -> Locator:
    """The page's image, once it is there."""
    sheet = page.locator(".reader-sheet")
    expect(sheet).not_to_have_class(re.compile("is-loading"))
    assert page.locator(".reader-sheet img").evaluate("image => image.naturalWidth") > 500
    return sheet


def share_of_height(sheet: Locator, pen: Locator) -> float:
    outer, inner = sheet.bounding_box(), pen.bounding_box()
    assert outer is not None
    assert inner is not None
    return (inner["y"] - outer["y"]) / outer["height"]


def test_a_passage_marks_its_lines_on_the_image(document: Page) -> None:
    sheet = drawn(document)
    passage = document.locator(".passage").first
    expect(passage).to_contain_text("Page 1 is about bees.")
    expect(document.locator(".reader-pen")).to_have_count(0)
    passage.hover()
    # The first line stands at y = 700 of 800 points.
    assert 0.1 < share_of_height(sheet, document.locator(".reader-pen").first) < 0.14
    box = sheet.bounding_box()
    assert box is not None
    document.reload()
    drawn(document).click(position={"x": box["width"] * 0.15, "y": box["height"] * 0.62})
    expect(document.locator(".passage.is-marked")).to_contain_text("Wasps too.")


def test_pages_are_turned_by_keys_and_kept_in_the_address(document: Page) -> None:
    drawn(document)
    document.keyboard.press("ArrowRight")
    expect(document.locator(".passage").first).to_contain_text("Page 2")
    document.get_by_role("link", name="Next page").focus()
    document.keyboard.press("Enter")
    expect(document.locator(".passage").first).to_contain_text("Page 3")
    expect(document.get_by_role("link", name="Next page")).to_have_count(0)
    document.reload()
    expect(document.locator(".passage").first).to_contain_text("Page 3")
    document.get_by_label("Number of the page").fill("1")
    document.keyboard.press("Enter")
    expect(document.locator(".passage").first).to_contain_text("Page 1")
    # Arrows in a field are the field's.
    document.get_by_label("Number of the page").focus()
    document.keyboard.press("ArrowRight")
    document.locator(".passage").first.focus()
    expect(document.locator(".reader-pen").first).to_be_visible()
    expect(document.locator(".passage").first).to_contain_text("Page 1")


def test_it_is_renamed_tagged_and_given_a_new_file_by_keyboard(document: Page) -> None:
    document.get_by_text("Rename…").focus()
    document.keyboard.press("Enter")
    document.keyboard.press("Tab")
    document.keyboard.type("About insects")
    document.keyboard.press("Enter")
    expect(document.get_by_role("heading", name="About insects", exact=True)).to_be_visible()
    document.get_by_text("Tags…").click()
    document.get_by_label("Tags, with commas").fill("wings, biology")
    document.get_by_role("button", name="Save tags").click()
    expect(document.locator(".doc-place .tag")).to_have_text(["biology", "wings"])
    expect(document.locator(".doc-history li").first).to_contain_text("Tagged")

    document.get_by_text("Replace file…").click()
    chosen = {"name": "spiders.txt", "mimeType": "text/plain", "buffer": b"Spiders are no insects."}
    document.locator("#replace-file").set_input_files(chosen)
    document.get_by_role("button", name="Replace", exact=True).click()
    # The page follows what is on its way and shows it by itself.
    expect(document.locator(".passage").first).to_contain_text("Spiders are no insects.", timeout=30_000)
    expect(document.locator(".reader-image")).to_have_count(0)
    document.get_by_role("button", name="Activate version 1").click()
    expect(document.locator(".passage").first).to_contain_text("Page 1 is about bees.")
    expect(document.get_by_text("Version 1 serves; version 2 is newer.")).to_be_visible()


def test_it_fits_a_phone(open_page: Callable[..., Page], insects: str) -> None:
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    page.goto(f"/admin/documents/document/{insects}/change/")
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.locator(".passage").first.tap()
    expect(page.locator(".reader-pen").first).to_be_in_viewport()
    page.get_by_text("Replace file…").tap()
    expect(page.get_by_role("button", name="Replace", exact=True)).to_be_in_viewport()


def test_payloads_in_titles_tags_and_texts_stay_text(page: Page, stack: Stack) -> None:
    payload = "<img src=x onerror=window.__ran=1>"
    with stack.client() as client:
        collection = client.post("/api/v1/collections", json={"name": f"Bad {payload}"}).json()["id"]
    upload = Upload(page).open(collection)
    upload.choose((f"{payload}.txt", f"{payload} {payload}".encode()))
    upload.wait()
    upload.rows.first.get_by_role("link").click()
    expect(page.locator(".passage")).to_contain_text(payload)
    page.get_by_text("Tags…").click()
    page.get_by_label("Tags, with commas").fill(payload)
    page.get_by_role("button", name="Save tags").click()
    expect(page.locator(".doc-place .tag")).to_have_text(payload)
    page.goto(f"/admin/documents/document/?collection__id__exact={collection}&tag={payload}")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    assert page.evaluate("window.__ran") is None
    with stack.client() as client:
        client.delete(f"/api/v1/collections/{collection}")

"""Files into a collection by the admin panel, and a footnote that marks the page of a PDF."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import Chat, Upload
from tests.files.making import Words, pdf
from tests.stack import Stack

FACT = "The observatory on Mount Brenner has a mirror of nine metres."


@pytest.fixture(scope="module")
def observatory(stack: Stack) -> Iterator[str]:
    """A collection of its own; its id."""
    with stack.client() as client:
        made = client.post("/api/v1/collections", json={"name": "Observatory"}).json()
        yield made["id"]
        client.delete(f"/api/v1/collections/{made['id']}")


def a_pdf() -> bytes:
    first = [Words(50, 700, "An opening page that says nothing of mirrors.", 14)]
    second = [Words(50, 700, "Instruments", 18), Words(50, 640, FACT, 12), Words(50, 600, "It was built in 1974.", 12)]
    return pdf([first, second])


def test_files_move_to_ready_or_to_a_reason_by_themselves(page: Page, observatory: str) -> None:
    upload = Upload(page).open(observatory)
    upload.choose(
        ("brenner.pdf", a_pdf()),
        ("broken.pdf", b"%PDF-1.4 but nothing more"),
        ("empty.txt", b""),
        ("song.mp3", b"ID3\x03" * 9),
    )
    expect(upload.rows).to_have_count(4)
    upload.wait()
    expect(upload.row("brenner.pdf")).to_contain_text("Ready · 2 pages")
    expect(upload.row("broken.pdf")).to_have_attribute("data-state", "failed")
    expect(upload.row("broken.pdf").locator(".upload-why")).not_to_be_empty()
    expect(upload.row("empty.txt")).to_contain_text("is empty")
    expect(upload.row("song.mp3")).to_contain_text("PDF, DOCX, HTML, Markdown, TXT and CSV")

    page.locator(".upload-count[data-kind='failed']").click()
    expect(upload.rows.locator("visible=true")).to_have_count(3)

    upload.row("broken.pdf").get_by_role("button", name="Retry").click()
    upload.wait()
    expect(upload.row("broken.pdf")).to_have_attribute("data-state", "failed")


def test_what_is_finished_leads_on_to_asking(page: Page, observatory: str) -> None:
    upload = Upload(page).open(observatory)
    upload.choose(("brenner.pdf", a_pdf()))
    upload.wait()
    steps = page.locator("#next")
    expect(steps).to_contain_text("1 document ready")
    documents = steps.get_by_role("link", name="See the documents").get_attribute("href")
    steps.get_by_role("link", name="Ask about these").click()
    expect(page.locator("#picker-label")).to_have_text("Observatory")
    page.goto(documents or "")
    expect(page.locator("#result_list, .states").first).to_be_visible()
    expect(page.get_by_role("link", name="brenner")).to_be_visible()


def test_what_waits_has_no_bar(page: Page, observatory: str) -> None:
    upload = Upload(page).open(observatory)
    known = {"id": "0", "title": "later.txt", "status": "queued", "progress": {"done": 0, "total": 0}, "position": 3}
    page.route("**/upload/file", lambda route: route.fulfill(json={"document": known, "created": True}))
    page.route("**/upload/progress", lambda route: route.fulfill(json={"documents": [known]}))
    upload.choose(("later.txt", b"later"))
    expect(upload.row("later.txt")).to_contain_text("Queued, 2 before it")
    expect(upload.row("later.txt").locator(".upload-bar")).to_be_hidden()
    expect(page.locator("#next")).to_be_hidden()


def test_a_tab_opened_later_still_shows_what_failed(page: Page, observatory: str) -> None:
    upload = Upload(page).open(observatory)
    expect(upload.rows).to_have_count(1)
    expect(upload.rows).to_have_attribute("data-state", "failed")


def test_the_same_file_again_is_skipped(page: Page, observatory: str) -> None:
    upload = Upload(page).open(observatory)
    upload.choose(("brenner.pdf", a_pdf()))
    upload.wait()
    expect(upload.row("brenner.pdf")).to_contain_text("Already here")


def test_a_footnote_marks_the_passage_on_the_image_of_its_page(page: Page, observatory: str) -> None:
    chat = Chat(page).open()
    page.locator("#picker summary").click()
    page.get_by_label("Observatory").check()
    page.keyboard.press("Escape")
    answer = chat.ask("How large is the mirror of the observatory on Mount Brenner?")
    answer.locator("button.footnote").first.click()
    panel = chat.panel
    expect(panel.get_by_role("heading")).to_contain_text("brenner")
    expect(panel).to_contain_text("Page 2 of 2")
    expect(panel.locator(".page-image:not(.is-loading)")).to_be_visible()
    assert panel.locator(".page-image img").evaluate("image => image.naturalWidth") > 500
    marks = panel.locator(".pen")
    expect(marks.first).to_be_in_viewport()
    box, image = marks.first.bounding_box(), panel.locator(".page-image img").bounding_box()
    assert box is not None
    assert image is not None
    # The fact stands at y = 640 of 800 points, 12 points high.
    assert 0.18 < (box["y"] - image["y"]) / image["height"] < 0.21
    assert box["x"] >= image["x"]

    panel.get_by_role("button", name="Previous page").click()
    expect(panel).to_contain_text("Page 1 of 2")
    expect(marks).to_have_count(0)
    panel.get_by_role("button", name="Back to the passage").click()
    expect(marks.first).to_be_visible()


def test_deleting_in_the_admin_takes_the_quote_out_of_old_answers(page: Page, observatory: str) -> None:
    page.goto(f"/admin/documents/document/?collection__id__exact={observatory}")
    expect(page.locator(".states")).to_contain_text("1 failed")
    page.get_by_role("link", name="brenner").click()
    page.get_by_role("link", name=re.compile("^Delete")).click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("link", name="brenner")).to_have_count(0)

    chat = Chat(page).open()
    page.locator(".conversation a").filter(has_text="How large is the mirror").first.click()
    card = chat.answers.last.locator(".source-card").first
    expect(card).to_contain_text(re.compile(r"deleted on \d+ \w+ \d{4}"))
    assert FACT not in card.inner_text()
    card.get_by_role("button").click()
    expect(chat.panel).to_contain_text("was deleted on")

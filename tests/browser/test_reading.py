"""A chat of several answers: what the reader looks at stays where it is, and the page is never scrolled away."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import Chat, Upload
from tests.stack import Stack

QUESTIONS = (
    "Where does Footnote keep everything that it writes?",
    "Which file formats can be uploaded?",
    "How are backups made?",
    "What is lost when that folder is deleted?",
)
DOCUMENT = "The kestrel survey [8, 34] counted ninety nests near Ardmore, as an older survey [35] had foretold."
OVERFLOW = "document.documentElement.scrollHeight - innerHeight"


def scrolled_away(page: Page) -> float:
    """How far the window was scrolled, or could be."""
    return page.evaluate(f"Math.max({OVERFLOW}, scrollY, document.body.scrollTop)")


def top(place: Locator) -> float:
    box = place.bounding_box()
    assert box is not None
    return box["y"]


@pytest.fixture
def chat(open_page: Callable[..., Page]) -> Chat:
    chat = Chat(open_page(viewport={"width": 1280, "height": 800})).open()
    assert scrolled_away(chat.page) <= 0
    for question in QUESTIONS:
        chat.ask(question)
    return chat


def test_a_thumb_down_leaves_the_page_where_it_is(chat: Chat) -> None:
    for answer in (chat.answers.last, chat.answers.first):
        answer.get_by_role("button", name="Not helpful").click()
        expect(answer.locator(".reason input").first).to_be_focused()
        expect(answer.locator(".reason").first).to_be_in_viewport()
        expect(chat.question).to_be_in_viewport()
        assert scrolled_away(chat.page) <= 0


def test_a_footnote_stays_under_the_pointer_while_the_panel_opens_and_closes(chat: Chat) -> None:
    for answer in (chat.answers.last, chat.answers.nth(2)):
        chip = answer.locator("button.footnote").first
        chip.scroll_into_view_if_needed()
        before = top(chip)
        chip.click()
        expect(chat.panel).to_be_focused()
        assert abs(top(chip) - before) < 2
        chat.page.keyboard.press("Escape")
        expect(chat.panel).to_be_hidden()
        assert abs(top(chip) - before) < 2
        assert scrolled_away(chat.page) <= 0


def test_brackets_of_the_document_are_no_footnotes(open_page: Callable[..., Page], stack: Stack) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    with stack.client() as client:
        made = client.post("/api/v1/collections", json={"name": "Kestrels"}).json()
        upload = Upload(page).open(made["id"])
        upload.choose(("kestrels.txt", DOCUMENT.encode()))
        upload.wait()
        chat = Chat(page).open(f"/?collection={made['id']}")
        expect(page.locator("#picker-label")).to_have_text("Kestrels")
        answer = chat.ask("How many nests did the kestrel survey count near Ardmore?")
        assert "[8, 34]" in chat.text(answer)
        expect(answer.locator(".footnote")).to_have_text(["1"])
        answer.get_by_role("button", name="Copy").click()
        expect(page.locator("#announcer")).to_have_text("Copied with its sources.")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert "[8, 34]" in copied
        assert "\u2060" not in copied
        client.delete(f"/api/v1/collections/{made['id']}")

"""From a question to a footnote, in the browser, with no language model set up."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.pages import Chat, sign_in
from tests.stack import Stack

QUESTION = "Where does Footnote keep everything that it writes?"


def test_a_starter_question_is_answered_with_a_footnote_that_opens_its_passage(page: Page) -> None:
    chat = Chat(page).open()
    page.locator("[data-starter]").first.click()
    answer = chat.whole()
    expect(page).to_have_url(re.compile(r"/c/[0-9a-f-]{36}$"))
    expect(answer.locator(".answer-note")).to_contain_text("quoted")

    chip = answer.locator("button.footnote").first
    chip.hover()
    expect(page.get_by_role("tooltip")).to_contain_text(answer.locator(".source-open").first.inner_text())
    chip.press("Enter")
    marked = chat.panel.locator("mark")
    expect(marked).to_be_in_viewport()
    quote = answer.locator(".source-card[data-n='1'] .source-quote").text_content()
    assert marked.text_content() == quote

    page.keyboard.press("Escape")
    expect(chat.panel).to_be_hidden()
    expect(chip).to_be_focused()


def test_a_follow_up_stays_in_the_thread_and_survives_a_reload(page: Page) -> None:
    chat = Chat(page).open()
    chat.ask(QUESTION)
    chat.ask("And what is lost when that folder is deleted?")
    texts = [chat.text(chat.answers.nth(n)) for n in range(2)]
    page.reload()
    expect(chat.answers).to_have_count(2)
    assert [chat.text(chat.answers.nth(n)) for n in range(2)] == texts


def test_the_receipt_says_what_the_answer_took(page: Page) -> None:
    answer = Chat(page).open().ask(QUESTION)
    toggle = answer.get_by_role("button", name=re.compile("^Receipt"))
    expect(answer.locator(".receipt")).to_be_hidden()
    toggle.click()
    receipt = answer.locator(".receipt")
    expect(receipt).to_contain_text("Route")
    expect(receipt).to_contain_text("searching")
    # No model, so nothing of one.
    expect(receipt.locator("dt").filter(has_text=re.compile("^(Model|Cost|Cache)$"))).to_have_count(0)
    expect(toggle).to_have_attribute("aria-expanded", "true")


def test_asking_again_keeps_both_answers_a_click_apart(page: Page) -> None:
    chat = Chat(page).open()
    chat.ask(QUESTION).get_by_role("button", name="Ask this again").click()
    expect(page.locator(".exchange")).to_have_count(2)
    again = chat.whole()
    expect(chat.answers).to_have_count(1)
    expect(again.locator(".variants")).to_contain_text("2/2")
    again.get_by_role("button", name="The answer before").click()
    expect(chat.answers).to_have_count(1)
    page.reload()
    expect(page.locator(".exchange:not([hidden]) .variants")).to_contain_text("2/2")


def test_a_thumb_down_asks_for_reasons_and_is_kept(page: Page) -> None:
    answer = Chat(page).open().ask(QUESTION)
    answer.get_by_role("button", name="Not helpful").click()
    answer.get_by_text("Something is missing").click()
    answer.get_by_role("button", name="Send").click()
    expect(answer.locator("form.feedback")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")


def test_copying_takes_the_sources_along(open_page: Callable[..., Page]) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    answer = Chat(page).open().ask(QUESTION)
    answer.get_by_role("button", name="Copy").click()
    expect(page.locator("#announcer")).to_have_text("Copied with its sources.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "\nSources\n[1] " in copied
    assert answer.locator(".source-open").first.inner_text() in copied


def test_conversations_are_searched_renamed_pinned_and_deleted(page: Page) -> None:
    Chat(page).open().ask("Which word does nobody else ask about, quokka?")
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Search your conversations")).to_be_focused()
    page.keyboard.type("quokka")
    found = page.locator(".conversation")
    expect(found).to_have_count(1)

    def choose(name: str) -> None:
        found.hover()
        found.locator("summary").click()
        found.get_by_role("button", name=name, exact=True).click()

    choose("Rename")
    page.get_by_label("Title").fill("About a quokka")
    page.get_by_role("button", name="Rename", exact=True).last.click()
    expect(found).to_contain_text("About a quokka")
    choose("Pin")
    expect(page.locator(".conversations h2")).to_have_text("Pinned")
    choose("Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("/$"))
    expect(page.get_by_text("About a quokka")).to_have_count(0)


def test_enter_in_the_search_opens_the_first_hit(page: Page) -> None:
    chat = Chat(page).open()
    chat.ask("Which word does nobody else ask about, numbat?")
    address = page.url
    chat.open().ask(QUESTION)
    page.keyboard.press("Control+k")
    page.keyboard.type("numbat")
    page.keyboard.press("Enter")
    expect(page).to_have_url(address)


def test_without_a_collection_the_composer_says_whom_to_ask(open_page: Callable[..., Page], stack: Stack) -> None:
    make = "from apps.users.models import User; User.objects.create_user('nobody@example.org', 'quiet-otter-71')"
    done = stack.manage("shell", "-c", make)
    assert done.returncode == 0, done.stderr
    page = open_page(signed_in=False)
    sign_in(page, "nobody@example.org", "quiet-otter-71")
    expect(page.locator(".composer")).to_contain_text(
        "No collection is shared with you yet. Ask whoever looks after Footnote."
    )
    expect(page.get_by_label("Your question")).to_be_disabled()
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    expect(page.locator("#picker")).to_be_hidden()


def test_what_cannot_be_asked_is_said_and_the_text_is_kept(page: Page) -> None:
    chat = Chat(page).open()
    chat.send.click()
    expect(page.get_by_role("alert")).to_have_text("Type a question first.")
    chat.question.fill("x" * 8001)
    chat.question.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("the limit is 8,000")
    assert len(chat.question.input_value()) == 8001
    chat.question.fill("line one")
    chat.question.press("Shift+Enter")
    assert chat.question.input_value() == "line one\n"
    expect(chat.answers).to_have_count(0)


def test_a_question_typed_while_footnote_is_away_is_kept(page: Page) -> None:
    chat = Chat(page).open()
    page.route("**/ask", lambda route: route.abort())
    chat.question.fill(QUESTION)
    chat.question.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    assert chat.question.input_value() == QUESTION
    page.unroute("**/ask")
    chat.question.press("Enter")
    chat.whole()
    assert chat.question.input_value() == ""

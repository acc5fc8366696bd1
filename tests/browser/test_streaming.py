"""An answer while a language model writes it: stages, words, Stop, reload, and an engine that dies."""

import time

from playwright.sync_api import Page, expect

from tests.browser.pages import Chat
from tests.fake_engine import FakeEngine
from tests.stack import until

QUESTION = "What happens to a document on its way?"
WRITTEN = "The **file** is stored first [1]. Then it is read [2]:\n\n- page by page\n- line by line [1]\n\n" + " ".join(
    f"Sentence {n} tells more." for n in range(40)
)


def writes(engine: FakeEngine, text: str = WRITTEN, pace: float = 0.02) -> None:
    engine.text = [word + " " for word in text.split(" ")]
    engine.pace = pace


def test_the_caret_stands_behind_the_last_word_also_after_code(page: Page, engine: FakeEngine) -> None:
    writes(engine, "It lies in `footnote.sqlite3` and " + "nowhere else " * 40, pace=0.05)
    chat = Chat(page).open()
    chat.begin(QUESTION)
    expect(chat.answers.last.locator(".answer-text code")).to_have_text("footnote.sqlite3")
    expect(page.locator(".answer-text p > .caret")).to_be_visible()
    expect(page.locator("code .caret")).to_have_count(0)
    chat.stop.click()
    chat.whole()


def test_words_stream_in_and_become_the_whole_answer(page: Page, engine: FakeEngine) -> None:
    writes(engine)
    chat = Chat(page).open()
    chat.begin(QUESTION)
    expect(page.locator(".caret")).to_be_visible()
    expect(chat.stop).to_be_visible()
    early = len(chat.text(chat.answers.last))
    answer = chat.whole()
    assert 0 < early < len(chat.text(answer))
    expect(page.locator(".caret")).to_have_count(0)
    expect(answer.locator(".answer-text strong")).to_have_text("file")
    expect(answer.locator(".answer-text li")).to_have_count(2)
    assert chat.text(answer).rstrip().endswith("Sentence 39 tells more.")
    expect(answer.locator(".answer-note")).to_have_count(0)


def test_reloading_in_the_middle_goes_on_and_loses_nothing(page: Page, engine: FakeEngine) -> None:
    writes(engine, pace=0.03)
    chat = Chat(page).open()
    chat.begin(QUESTION)
    expect(page.locator(".caret")).to_be_visible()
    page.reload()
    expect(chat.stop).to_be_visible()
    answer = chat.whole()
    told = chat.text(answer)
    assert all(f"Sentence {n} tells more." in told for n in range(40))
    assert len(engine.requests) == 1


def test_stop_keeps_the_part_and_frees_the_engine(page: Page, engine: FakeEngine) -> None:
    writes(engine, pace=0.1)
    chat = Chat(page).open()
    chat.begin(QUESTION)
    expect(page.locator(".caret")).to_be_visible()
    begun = time.monotonic()
    chat.stop.click()
    answer = chat.whole()
    assert time.monotonic() - begun < 5
    until(lambda: engine.running == 0, 3, lambda: f"{engine.running} streams run on")
    expect(answer).to_contain_text("You stopped this answer.")
    assert "Sentence 39" not in chat.text(answer)
    assert len(chat.text(answer)) > 0


def test_sending_meanwhile_says_to_wait_and_escape_stops(page: Page, engine: FakeEngine) -> None:
    writes(engine, pace=0.1)
    chat = Chat(page).open()
    chat.begin(QUESTION)
    expect(page.locator(".caret")).to_be_visible()
    chat.question.fill("And then?")
    chat.question.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Wait for the answer, or stop it, then send.")
    page.locator("#picker").evaluate("picker => { picker.open = true; }")
    chat.question.press("Escape")
    expect(page.locator("#picker")).not_to_have_attribute("open", "")
    expect(chat.stop).to_be_visible()
    chat.question.press("Escape")
    expect(chat.whole()).to_contain_text("You stopped this answer.")
    assert chat.question.input_value() == "And then?"
    expect(page.get_by_role("alert")).to_be_hidden()


def test_an_engine_that_dies_leaves_the_part_a_reason_and_retry(page: Page, engine: FakeEngine) -> None:
    writes(engine)
    engine.mode = "disconnect"
    chat = Chat(page).open()
    chat.begin(QUESTION)
    answer = chat.whole()
    expect(answer.locator(".callout")).to_be_visible()
    assert len(chat.text(answer)) > 0
    engine.mode = "paced"
    answer.get_by_role("button", name="Retry").click()
    expect(page.locator(".exchange")).to_have_count(2)
    again = chat.whole()
    expect(again.locator(".callout")).to_have_count(0)


def test_a_stream_that_cannot_be_had_is_said_and_mended(page: Page, engine: FakeEngine) -> None:
    writes(engine)
    chat = Chat(page).open()
    page.route("**/events*", lambda route: route.abort())
    chat.begin(QUESTION)
    expect(page.locator(".connection")).to_contain_text("Reconnecting")
    page.unroute("**/events*")
    answer = chat.whole()
    assert chat.text(answer).rstrip().endswith("Sentence 39 tells more.")
    expect(page.locator(".connection")).to_be_hidden()

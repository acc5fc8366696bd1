"""Signing in and out, and the pages for when that does not work."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.pages import Chat, sign_in
from tests.stack import Stack


def test_somebody_signs_in_and_out(open_page: Callable[..., Page], stack: Stack) -> None:
    page = open_page(signed_in=False)
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/account/login/\?next=/"))
    sign_in(page, *stack.admin)
    expect(page.get_by_label("Your question")).to_be_visible()
    page.locator(".account summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/")
    expect(page).to_have_url(re.compile("/account/login/"))


def test_a_wrong_password_is_said_in_a_sentence(open_page: Callable[..., Page], stack: Stack) -> None:
    page = open_page(signed_in=False)
    sign_in(page, stack.admin[0], "not it")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(stack.admin[0])


def test_sign_up_is_closed_and_says_whom_to_ask(open_page: Callable[..., Page]) -> None:
    page = open_page(signed_in=False)
    page.goto("/account/signup/")
    expect(page.get_by_role("heading")).to_have_text("Sign-up is closed")


def test_the_password_page_and_a_missing_page_stand_in_the_same_frame(page: Page) -> None:
    page.goto("/account/password/change/")
    expect(page.get_by_role("heading")).to_have_text("Change password")
    page.goto("/c/00000000-0000-7000-8000-000000000000")
    expect(page.get_by_role("heading")).to_contain_text("There is no such page")


def test_on_a_phone_the_name_stands_over_the_edge_of_the_text(open_page: Callable[..., Page]) -> None:
    page = open_page(signed_in=False, viewport={"width": 390, "height": 844})
    page.goto("/account/login/")
    edges = [page.locator(each).evaluate("node => node.getBoundingClientRect().x") for each in (".wordmark", "h1")]
    assert edges[0] == edges[1]


def test_a_session_that_ended_leads_through_the_sign_in_back_to_the_question(page: Page, stack: Stack) -> None:
    chat = Chat(page).open()
    page.context.clear_cookies(name="sessionid")
    chat.question.fill("What was I about to ask?")
    chat.question.press("Enter")
    page.get_by_label("Password").fill(stack.admin[1])
    page.get_by_label("Email").fill(stack.admin[0])
    page.get_by_role("button", name="Sign in").click()
    expect(chat.question).to_have_value("What was I about to ask?")

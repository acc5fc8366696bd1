"""A real browser in front of a whole Footnote. These tests never touch the ORM: Playwright's loop runs in
this thread, and they see only what people see."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.pages import Watch, sign_in
from tests.fake_engine import CONTEXT_WINDOW, MODEL, FakeEngine, fake_engine
from tests.stack import Stack, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 860}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def session(browser: Browser, stack: Stack) -> Any:
    """The administrator's cookies, so that only the tests of signing in sign in. The sample is ingested by
    the time they are given."""
    _wait_for_the_sample(stack)
    context = browser.new_context(base_url=stack.base_url)
    page = context.new_page()
    sign_in(page, *stack.admin)
    state = context.storage_state()
    context.close()
    return state


def _wait_for_the_sample(stack: Stack) -> None:
    with stack.client() as client:

        def unfinished() -> list[str]:
            collections = client.get("/api/v1/collections").json()["results"]
            sample = next(row["id"] for row in collections if row["name"] == "Footnote")
            documents = client.get(f"/api/v1/collections/{sample}/documents?limit=100").json()["results"]
            return [row["title"] for row in documents if not row["finished"]]

        until(lambda: not unfinished(), 60, lambda: f"still unfinished: {unfinished()}")


@pytest.fixture
def open_page(browser: Browser, stack: Stack, session: Any) -> Iterator[Callable[..., Page]]:
    """A page of the signed-in administrator; `watch` on it fails the test for any error a script made."""
    contexts: list[BrowserContext] = []
    watches: list[Watch] = []

    def make(*, signed_in: bool = True, **options: Any) -> Page:
        options = {"viewport": DESKTOP, **options}
        state = session if signed_in else None
        context = browser.new_context(base_url=stack.base_url, storage_state=state, **options)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        watches.append(Watch(page, stack.base_url))
        return page

    yield make
    for context in contexts:
        context.close()
    assert [problem for watch in watches for problem in watch.problems] == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()


@pytest.fixture
def engine(stack: Stack) -> Iterator[FakeEngine]:
    """A language model behind the session's Footnote, for as long as the test lasts."""
    with fake_engine() as server, stack.answering_by(server.base_url, MODEL, CONTEXT_WINDOW):
        yield server

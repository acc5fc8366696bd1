"""The pages as people use them: what a test says in one line, done by hand in many."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Dialog, Locator, Page, Request, expect

UNFINISHED = ("waiting", "uploading", "queued", "extracting", "chunking", "embedding")


class Watch:
    """Notes what must never happen on a page: script errors, dialogs, requests to anybody else."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.problems: list[str] = []
        self._host = urlsplit(base_url).netloc
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", self._request)
        page.on("console", self._console)

    def _dialog(self, dialog: Dialog) -> None:
        if dialog.type != "beforeunload":
            self.problems.append(f"dialog: {dialog.message}")
        dialog.accept()

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != self._host:
            self.problems.append(f"request to {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.problems.append(message.text)


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/account/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


class Chat:
    """The chat page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.question = page.get_by_label("Your question")
        self.send = page.get_by_role("button", name="Send", exact=True)
        self.stop = page.get_by_role("button", name="Stop answering")
        self.answers = page.locator(".exchange:not([hidden])")
        self.panel = page.locator("#source-panel")

    def open(self, path: str = "/") -> "Chat":
        self.page.goto(path)
        return self

    def ask(self, question: str) -> Locator:
        """Asks by keyboard and gives the article, whole."""
        self.begin(question)
        return self.whole()

    def begin(self, question: str) -> None:
        before = self.answers.count()
        self.question.fill(question)
        self.question.press("Enter")
        expect(self.answers).to_have_count(before + 1)

    def whole(self) -> Locator:
        """The last answer, once it is finished."""
        last = self.answers.last
        expect(last).not_to_have_attribute("data-unfinished", "", timeout=30_000)
        expect(self.send).to_be_visible()
        return last

    @staticmethod
    def text(article: Locator) -> str:
        return article.locator(".answer-text").inner_text()


class Upload:
    """The upload page of a collection."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.rows = page.locator(".upload-row")

    def open(self, collection: str) -> "Upload":
        self.page.goto(f"/admin/documents/collection/{collection}/upload/")
        return self

    def choose(self, *files: tuple[str, bytes]) -> None:
        chosen: Sequence[Any] = [
            {"name": name, "mimeType": "application/octet-stream", "buffer": content} for name, content in files
        ]
        self.page.locator("#files").set_input_files(chosen)

    def row(self, name: str) -> Locator:
        return self.rows.filter(has=self.page.get_by_title(name, exact=True))

    def wait(self) -> None:
        """Until nothing moves any more."""
        moving = ", ".join(f".upload-row[data-state='{state}']" for state in UNFINISHED)
        expect(self.page.locator(moving)).to_have_count(0, timeout=60_000)

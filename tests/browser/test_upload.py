"""Files into a collection by the admin panel, and a footnote that marks the page of a PDF."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

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
    expect(upload.row("song.mp3")).to_contain_text("format is not taken; PDF, DOCX")

    page.locator(".upload-count[data-kind='failed']").click()
    expect(upload.rows.locator("visible=true")).to_have_count(3)

    expect(page.get_by_role("button", name=re.compile("^Retry"))).to_have_count(0)  # it would be as damaged again


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
    expect(page.locator("#overall")).to_be_hidden()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one in it, and what systems and programs leave in folders."""
    for within in ("2024", ".git"):
        (tmp_path / "Team" / within).mkdir(parents=True)
    for name in ("plan.txt", "2024/report.txt", ".DS_Store", "~$plan.docx", ".git/config"):
        (tmp_path / "Team" / name).write_text(f"The words of {name}, that no other file has.")
    return tmp_path / "Team"


def drop(page: Page, path: Path) -> None:
    """Drops files or folders from the desktop, as the browser itself hears of it."""
    browser = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for step in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": step, "x": 600, "y": 300, "data": data})


@pytest.mark.parametrize("way", ["dropped", "chosen"])
def test_a_folder_is_taken_with_all_that_people_mean_in_it(page: Page, stack: Stack, folder: Path, way: str) -> None:
    with stack.client() as client:
        collection = client.post("/api/v1/collections", json={"name": f"Folder {way}"}).json()["id"]
    upload = Upload(page).open(collection)
    if way == "dropped":
        drop(page, folder)
    else:
        page.locator("#folder").set_input_files(folder)
    expect(upload.rows).to_have_count(2)
    expect(upload.row("report.txt")).to_contain_text("Team/2024")
    expect(page.locator("#left-out")).to_have_text("3 hidden files left out.")
    upload.wait()
    expect(upload.row("plan.txt")).to_contain_text("Ready")
    expect(page.locator("#overall-words")).to_contain_text(re.compile(r"^2 files ready in \d+ s$"))
    with stack.client() as client:
        documents = client.get(f"/api/v1/collections/{collection}/documents").json()["results"]
        assert {row["key"] for row in documents} == {"Team/plan.txt", "Team/2024/report.txt"}
        client.delete(f"/api/v1/collections/{collection}")


def test_text_and_pages_come_in_beside_files_by_keyboard(open_page: Callable[..., Page], stack: Stack) -> None:
    with stack.client() as client:
        collection = client.post("/api/v1/collections", json={"name": "Pasted"}).json()["id"]
    page = open_page(viewport={"width": 390, "height": 844})
    upload = Upload(page).open(collection)
    page.locator("summary", has_text="Paste text").press("Enter")
    page.get_by_label("Title").press("Enter")
    assert page.get_by_label("Title").evaluate("field => field.validationMessage").startswith("Give the text a title")
    page.get_by_label("Title").fill("Notes <b>on</b> / mirrors")
    page.get_by_label("Text", exact=True).fill("Mirrors are cleaned in spring.")
    page.get_by_role("button", name="Add text").press("Enter")
    expect(page.get_by_label("Title")).to_be_focused()
    expect(page.get_by_label("Title")).to_have_value("")

    page.locator("summary", has_text="From a web address").press("Enter")
    address = page.get_by_label("Address of a page or a file")
    for typed in ("ftp://example.org/mirrors", "127.0.0.1/mirrors.html"):
        address.fill(typed)
        address.press("Enter")
    upload.wait()
    expect(upload.row("Notes <b>on</b> / mirrors")).to_contain_text("Ready · 1 page · 1 passage")
    expect(upload.row("ftp://example.org/mirrors")).to_contain_text("Not taken")
    expect(upload.row("ftp://example.org/mirrors")).to_contain_text("must begin with https:// or http://")
    expect(upload.row("https://127.0.0.1/mirrors.html")).to_contain_text("kept from inner networks")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    with stack.client() as client:
        client.delete(f"/api/v1/collections/{collection}")


def test_a_reload_shows_what_this_page_has_sent(page: Page, observatory: str) -> None:
    upload = Upload(page).open(observatory)
    upload.choose(("kept.txt", b"Words that are kept."), ("nothing.txt", b""))
    upload.wait()
    expect(page.locator("#overall-words")).to_have_text(re.compile(r"^1 ready, 1 failed in \d+ s$"))
    upload.choose(("later.txt", b"Words that came later."))
    upload.wait()
    expect(upload.rows.first).to_contain_text("later.txt")
    expect(page.locator("#overall-words")).to_have_text(re.compile(r"^1 file ready in \d+ s$"))
    page.wait_for_timeout(700)  # what is remembered is written a moment later
    page.reload()
    expect(upload.row("kept.txt")).to_contain_text("Ready")
    expect(upload.row("nothing.txt")).to_contain_text("is empty")
    expect(page.locator("#overall-words")).to_have_text(re.compile(r"^1 file ready in \d+ s$"))
    page.get_by_role("button", name="Clear what is done").click()
    expect(upload.row("kept.txt")).to_have_count(0)
    expect(upload.row("nothing.txt")).to_contain_text("is empty")
    page.get_by_role("button", name="Clear what failed").click()
    expect(upload.rows).to_have_count(0)
    page.reload()
    expect(page.locator("#upload")).to_have_attribute("data-news", "stream")
    expect(upload.rows).to_have_count(0)


def test_a_file_that_was_still_being_sent_is_told_of_after_a_reload(page: Page, observatory: str) -> None:
    upload = Upload(page).open(observatory)
    page.route("**/file", lambda _: None)  # never answered
    upload.choose(("half.txt", b"Words that never arrive."))
    expect(upload.row("half.txt")).to_contain_text("Sending")
    page.wait_for_timeout(700)  # what is remembered is written a moment later
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(upload.row("half.txt")).to_contain_text("The page was left before all of it was sent.")
    expect(page.locator("#overall-tab")).to_have_text("")


def test_a_document_that_is_sent_again_has_one_row(page: Page, observatory: str) -> None:
    upload = Upload(page).open(observatory)
    for words in (b"Once.", b"Once more."):
        upload.choose(("same.txt", words))
        upload.wait()
    expect(page.locator("#overall-words")).to_have_text(re.compile(r"^1 file ready"))
    expect(upload.rows.filter(has_text="same.txt")).to_have_count(1)


def test_news_come_by_a_stream_and_without_one_by_asking(open_page: Callable[..., Page], observatory: str) -> None:
    streaming, asking = open_page(), open_page()
    asking.route("**/upload/events", lambda route: route.fulfill(status=503, body="{}"))
    for page, how in ((streaming, "stream"), (asking, "asking")):
        upload = Upload(page).open(observatory)
        expect(page.locator("#upload")).to_have_attribute("data-news", how)
        upload.choose((f"{how}.txt", f"What is told by {how}.".encode()))
        upload.wait()
        expect(upload.row(f"{how}.txt")).to_contain_text("Ready")


def test_what_others_send_shows_by_itself(open_page: Callable[..., Page], stack: Stack, observatory: str) -> None:
    watching = Upload(open_page()).open(observatory)
    expect(watching.page.locator("#upload")).to_have_attribute("data-news", "stream")
    with stack.client() as client:
        files = {"file": ("theirs.txt", b"Sent by somebody else.", "text/plain")}
        client.post(f"/api/v1/collections/{observatory}/documents", files=files)
    expect(watching.row("theirs.txt")).to_have_attribute("data-state", "ready", timeout=30_000)


CHOOSE_MANY = """(count) => {
  const chosen = new DataTransfer();
  for (let n = 0; n < count; n += 1) chosen.items.add(new File([`text ${n}`], `file ${n}.txt`));
  const input = document.getElementById("files");
  input.files = chosen.files;
  input.dispatchEvent(new Event("change"));
}"""


@pytest.mark.slow
def test_thousands_of_files_keep_the_page_quick(page: Page, observatory: str) -> None:
    page.route("**/upload/file", lambda route: None)  # nothing is answered: all stay on their way
    upload = Upload(page).open(observatory)
    page.evaluate(CHOOSE_MANY, 5000)
    expect(upload.rows).to_have_count(300)
    expect(page.locator("#rows-rest")).to_contain_text(re.compile(r"and 4,7\d\d more"))
    expect(page.locator(".upload-count[data-kind='sending'] b")).to_have_text("5,000")
    expect(page.locator("#overall-tab")).to_contain_text("Keep this page open: 5,000 files")
    slowest = page.evaluate("""async () => {
      let slowest = 0;
      const until = performance.now() + 3000;
      while (performance.now() < until) {
        const before = performance.now();
        await new Promise((resolve) => setTimeout(resolve));
        slowest = Math.max(slowest, performance.now() - before);
      }
      return slowest;
    }""")
    assert slowest < 500
    page.get_by_role("button", name="Cancel all").click()
    expect(page.locator(".upload-count[data-kind='cancelled'] b")).to_have_text(re.compile("5,00"))
    expect(page.locator(".upload-count[data-kind='sending']")).to_have_count(0)


def test_leaving_warns_only_while_files_are_sent(page: Page, observatory: str) -> None:
    asked: list[str] = []

    def note(dialog: Dialog) -> None:
        asked.append(dialog.type)

    page.on("dialog", note)
    upload = Upload(page).open(observatory)
    upload.choose(("sent.txt", b"Words that were sent."))
    upload.wait()
    page.get_by_text("Keep both even").click()  # browsers ask only people who did something on the page
    page.reload()
    assert asked == []
    page.route("**/upload/file", lambda route: None)
    upload.choose(("sending.txt", b"Words on their way."))
    expect(upload.row("sending.txt")).to_have_attribute("data-state", "uploading")
    page.get_by_text("Keep both even").click()
    page.reload()
    assert asked == ["beforeunload"]


def test_a_file_that_does_not_arrive_is_sent_again(page: Page, observatory: str) -> None:
    failures = iter([True, False])

    def once(route: Route) -> None:
        if next(failures, False):
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/upload/file", once)
    upload = Upload(page).open(observatory)
    upload.choose(("shaky.txt", b"Words over a shaky line."))
    upload.wait()
    expect(upload.row("shaky.txt")).to_contain_text("Ready")


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


@pytest.mark.parametrize(
    ("choice", "outcome", "documents"),
    [("Take it as a new version", "Already here", 1), ("Keep both even if nothing changed", "Ready", 2)],
)
def test_the_same_file_again_is_taken_as_was_chosen(
    page: Page, observatory: str, choice: str, outcome: str, documents: int
) -> None:
    upload = Upload(page).open(observatory)
    twin = f"{choice}.txt", f"The same words, and {choice}.".encode()
    upload.choose(twin)
    upload.wait()
    page.get_by_role("radio", name=choice).check()
    upload.choose(twin)
    upload.wait()
    expect(upload.row(twin[0]).first).to_contain_text(outcome)
    expect(upload.row(twin[0])).to_have_count(documents)
    addresses = {upload.row(twin[0]).nth(n).get_by_role("link").get_attribute("href") for n in range(documents)}
    assert len(addresses) == documents

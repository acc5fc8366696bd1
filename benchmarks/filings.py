"""Five annual reports through the admin and ten of their questions in the chat, all in a real browser.

    python -m benchmarks.filings --url http://127.0.0.1:8000 --email ... --password ... --key KEY [--shots FOLDER]

The reports are those with the most questions (ties by name), the questions the first two of each: a rule, not a choice.
A question counts as found when its evidence page is among the sources of its answer. A quote counts as verbatim when it
stands, whitespace aside, in the text that pdfium itself reads from the page the footnote names.
"""

import argparse
import collections
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pypdfium2
from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.client import DATA, Footnote, median, read_jsonl, report

Row = dict[str, Any]
REPORTS, EACH = 5, 2
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


def chosen() -> tuple[list[str], list[Row]]:
    """File names and questions, by the rule above."""
    questions = read_jsonl(DATA / "pdf_financebench" / "questions.jsonl")
    counts = collections.Counter(question["doc"] for question in questions)
    names = sorted(counts, key=lambda name: (-counts[name], name))[:REPORTS]
    return names, [q for name in names for q in [row for row in questions if row["doc"] == name][:EACH]]


def squeezed(text: str) -> str:
    """Without whitespace, the marks a PDF breaks words with, and the bars that stand for a table's columns."""
    return re.sub(r"[\s\u00ad\ufffe\u0002|-]+", "", text)


def on_page(quote: str, pdf: Path, number: int) -> bool:
    """Whether pdfium's own text of a page (from 1) holds the quote, whitespace aside."""
    with pypdfium2.PdfDocument(pdf) as document:
        return squeezed(quote) in squeezed(document[number - 1].get_textpage().get_text_range())


def sign_in(page: Page, url: str, email: str, password: str) -> None:
    page.goto(f"{url}/account/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.click("main button[type=submit], form button[type=submit]")
    page.wait_for_selector("#question")


def upload(page: Page, url: str, collection: str, files: list[Path], shots: Path | None) -> float:
    """Seconds from choosing the files until the page itself shows each of them as ready."""
    page.goto(f"{url}/admin/documents/collection/{collection}/upload/")
    started = time.monotonic()
    page.set_input_files("#files", files)
    if shots:
        page.wait_for_timeout(4000)
        page.screenshot(path=shots / "admin-upload-progress.png")
    page.locator(".upload-row").nth(len(files) - 1).wait_for()
    moving = page.locator(
        ".upload-row:not([data-state='ready'], [data-state='ready_with_warnings'], [data-state='failed'])"
    )
    expect(moving).to_have_count(0, timeout=1_200_000)
    seconds = time.monotonic() - started
    if shots:
        page.screenshot(path=shots / "admin-upload-ready.png")
    return seconds


def ask(page: Page, url: str, collection: str, question: str) -> str:
    """Asks in a new chat; the id of the answer, once the page shows it whole."""
    page.goto(url)
    page.click("#picker summary")
    page.check(f'#picker input[value="{collection}"]')
    page.keyboard.press("Escape")
    page.fill("#question", question)
    page.keyboard.press("Enter")
    whole = page.locator(".exchange:not([data-unfinished]) .actions")
    whole.first.wait_for(timeout=120_000)
    return str(page.locator(".exchange").first.get_attribute("data-answer"))


def judge(answer: Row, question: Row, names: dict[str, str]) -> Row:
    """What came of one question."""
    folder = DATA / "pdf_financebench" / "pdfs"
    pages = {(row["doc"], row["page_1based"]) for row in question["evidence"]}
    sources = {(names.get(row["document"]["id"], ""), row["page"]) for row in answer["nearest"]}
    quotes = [(row["quote"], names[str(row["document"])], row["page"]) for row in answer["citations"]]
    return {
        "found": bool(pages & sources),
        "refused": answer["refused"],
        "quotes": len(quotes),
        "verbatim": sum(on_page(quote, folder / name, number) for quote, name, number in quotes),
        "ms": answer["receipt"].get("milliseconds", {}).get("total", float("nan")),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--email", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--key", required=True, help="a key of the same account")
    parser.add_argument("--shots", type=Path, help="a folder for screenshots")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    footnote = Footnote(options.url, options.key)
    files, questions = chosen()
    collection = footnote.collection("Annual reports")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        sign_in(page, options.url, options.email, options.password)
        paths = [DATA / "pdf_financebench" / "pdfs" / name for name in files]
        seconds = upload(page, options.url, collection, paths, options.shots)
        documents = list(footnote.documents(collection))
        names = {document["id"]: f"{document['title']}.pdf".replace(".pdf.pdf", ".pdf") for document in documents}
        answers = [ask(page, options.url, collection, question["question"]) for question in questions]
        if options.shots:
            page.locator(".footnote").first.click()
            page.wait_for_timeout(3000)
            page.screenshot(path=options.shots / "source-panel.png")
        browser.close()
    judged = [
        judge(footnote.call("GET", f"/answers/{answer}"), question, names)
        for answer, question in zip(answers, questions, strict=True)
    ]
    rows: Row = {names[d["id"]]: {k: d[k] for k in ("status", "pages", "chunks", "elapsed")} for d in documents}
    rows |= {
        "seconds until the page shows all ready": seconds,
        "questions": len(judged),
        "evidence page among the sources": sum(row["found"] for row in judged),
        "refused": sum(row["refused"] for row in judged),
        "quotes": sum(row["quotes"] for row in judged),
        "quotes verbatim on their page": sum(row["verbatim"] for row in judged),
        "answer ms p50": median(row["ms"] for row in judged),
    }
    for question, row in zip(questions, judged, strict=True):
        rows[f"  {question['id']}"] = row
    report(rows, options.out)


if __name__ == "__main__":
    main()

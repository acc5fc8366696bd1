"""The page fits a phone, keeps its theme, and can be read by everybody."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import Chat

PHONE = {"width": 390, "height": 844}
BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"
CONTRAST = """(pairs) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (name) => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(${name})`;
    canvas.fillStyle = getComputedStyle(probe).color;
    probe.remove();
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return pairs.map(([ink, paper]) => {
    const [light, dark] = [luminance(ink), luminance(paper)].sort((a, b) => b - a);
    return [ink, paper, (light + 0.05) / (dark + 0.05)];
  });
}"""
TEXT_ON = [
    ("--ink", "--paper"), ("--ink-soft", "--paper"), ("--ink-faint", "--paper"), ("--ink-faint", "--sunken"),
    ("--ink-soft", "--surface"), ("--ink-faint", "--surface"), ("--ink-faint", "--hover"), ("--accent", "--paper"),
    ("--accent", "--accent-wash"), ("--on-accent", "--accent"), ("--on-accent", "--accent-strong"),
    ("--danger", "--danger-wash"), ("--danger", "--surface"), ("--warn", "--warn-wash"), ("--ink", "--mark"),
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_aa_asks_for(open_page: Callable[..., Page], scheme: str) -> None:
    """4.5:1 (WCAG 2.2, 1.4.3); borders of fields 3:1 (1.4.11)."""
    page = open_page(color_scheme=scheme)
    page.goto("/")
    low = [row for row in page.evaluate(CONTRAST, TEXT_ON) if row[2] < 4.5]
    low += [row for row in page.evaluate(CONTRAST, [("--line-control", "--surface")]) if row[2] < 3]
    assert low == []


def test_on_a_phone_nothing_is_cut_and_everything_is_reachable(open_page: Callable[..., Page]) -> None:
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    chat = Chat(page).open()
    answer = chat.ask("Where does Footnote keep everything that it writes?")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    sidebar = page.get_by_label("Conversations", exact=True)
    expect(sidebar).not_to_be_in_viewport()
    page.get_by_role("button", name="Open the list of conversations").tap()
    expect(sidebar).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(sidebar).not_to_be_in_viewport()

    answer.locator("button.footnote").first.tap()
    expect(chat.panel).to_be_visible()
    panel = chat.panel.bounding_box()
    assert panel is not None
    assert panel["width"] == PHONE["width"]
    chat.panel.get_by_role("button", name="Close the source").tap()
    expect(chat.panel).to_be_hidden()


def test_the_theme_follows_the_system_until_somebody_chooses(open_page: Callable[..., Page]) -> None:
    page = open_page(color_scheme="dark")
    page.goto("/")
    dark = page.evaluate(BACKGROUND)
    toggle = page.get_by_role("button", name="Theme: automatic")
    toggle.click()
    expect(page.get_by_role("button", name="Theme: light")).to_be_visible()
    light = page.evaluate(BACKGROUND)
    assert light != dark
    page.reload(wait_until="commit")
    page.wait_for_selector(".workplace")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate(BACKGROUND) == light


def test_the_column_holds_65_to_75_characters(page: Page) -> None:
    Chat(page).open().ask("Where does Footnote keep everything that it writes?")
    characters = page.evaluate("""() => {
      const place = document.querySelector(".answer-text");
      const text = "the quick brown fox jumps over a lazy dog and then it rests a while ".repeat(20);
      place.replaceChildren(Object.assign(document.createElement("p"), { textContent: text }));
      const range = document.createRange();
      const node = place.firstChild.firstChild;
      const lines = new Map();
      for (let at = 0; at < text.length; at += 1) {
        range.setStart(node, at);
        range.setEnd(node, at + 1);
        const top = Math.round(range.getBoundingClientRect().top);
        lines.set(top, (lines.get(top) || 0) + 1);
      }
      const counts = [...lines.values()].slice(0, -1);
      return counts.reduce((sum, count) => sum + count, 0) / counts.length;
    }""")
    assert 60 <= characters <= 80


def test_buttons_and_fields_have_names(page: Page) -> None:
    Chat(page).open().ask("Where does Footnote keep everything that it writes?")
    nameless = page.evaluate("""() =>
      [...document.querySelectorAll("button, a, input:not([type=hidden]), textarea, select, summary")]
      .filter((each) => !(each.ariaLabel || each.textContent.trim() || each.labels?.length || each.title))
      .map((each) => each.outerHTML.slice(0, 120))""")
    assert nameless == []
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.evaluate("new Set([...document.querySelectorAll('[id]')].map((e) => e.id)).size") == page.evaluate(
        "document.querySelectorAll('[id]').length"
    )


def test_the_admin_and_the_chat_have_one_theme(page: Page) -> None:
    page.goto("/")
    page.evaluate("localStorage.setItem('footnote-theme', 'dark')")
    page.goto("/admin/")
    expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    page.evaluate("localStorage.setItem('adminTheme', JSON.stringify('light'))")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")

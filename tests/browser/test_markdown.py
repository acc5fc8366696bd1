"""What the renderer of model text makes of Markdown, case by case."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

RENDER = """async (text) => {
  const { render } = await import("/static/js/markdown.js");
  const place = document.createElement("div");
  place.append(render(text, (n) => (n > 90 ? null : Object.assign(document.createElement("sup"), { textContent: n }))));
  return place.innerHTML;
}"""
CASES = {
    "One.\n\nTwo.": "<p>One.</p><p>Two.</p>",
    "a **b** _c_ *d* `e*f*`": "<p>a <strong>b</strong> <em>c</em> <em>d</em> <code>e*f*</code></p>",
    "snake_case_name and 2 * 3 * 4": "<p>snake_case_name and 2 * 3 * 4</p>",
    "# Head\ntext": "<h3>Head</h3><p>text</p>",
    "- one\n- two\n  - deep": "<ul><li>one</li><li>two<ul><li>deep</li></ul></li></ul>",
    "3. three\n4. four": '<ol start="3"><li>three</li><li>four</li></ol>',
    "> said\n> so": "<blockquote><p>said so</p></blockquote>",
    "```py\n<b>\n```": "<pre><code>&lt;b&gt;</code></pre>",
    "|a|b|\n|-|-|\n|1|2|": '<div class="table-scroll"><table><thead><tr><th>a</th><th>b</th></tr></thead>'
    "<tbody><tr><td>1</td><td>2</td></tr></tbody></table></div>",
    "Known fact [1][2].": '<p>Known <span class="bound">fact<sup>1</sup><sup>2</sup></span>.</p>',
    "Only some [1, 95] or none [95].": "<p>Only some [1, 95] or none [95].</p>",
    "Counted [\u20608, 34], [\u206035] [1].": '<p>Counted [8, 34], <span class="bound">[35]<sup>1</sup></span>.</p>',
    "`x[\u20601]` **[\u20602]** [\u20603](y)": "<p><code>x[1]</code> <strong>[2]</strong> 3 (y)</p>",
    "```\nx[\u20601]\n```": "<pre><code>x[1]</code></pre>",
    "see [here](http://x.example)": "<p>see here (http://x.example)</p>",
    "![alt](http://x.example/a.png)": "<p>alt (http://x.example/a.png)</p>",
    "<b>no</b> & \\*plain\\*": "<p>&lt;b&gt;no&lt;/b&gt; &amp; *plain*</p>",
    "half **open": "<p>half **open</p>",
    "```\nnever closed": "<pre><code>never closed</code></pre>",
    "": "",
}


@pytest.fixture
def renderer(open_page: Callable[..., Page]) -> Page:
    page = open_page(signed_in=False)
    page.goto("/account/login/")
    return page


def test_markdown_becomes_nodes(renderer: Page) -> None:
    assert {text: renderer.evaluate(RENDER, text) for text in CASES} == CASES


HOSTILE = (
    "*" * 5000,
    "[" * 5000,
    "`" * 4999 + "x",
    "> " * 2000,
    "- " * 3000,
    "|" * 5000 + "\n" + "|-" * 2500,
    "**a " * 2500,
)
TIMED = f"""async (text) => {{
  const at = performance.now();
  await ({RENDER})(text);
  return performance.now() - at;
}}"""


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:5])
def test_hostile_lengths_take_no_time(renderer: Page, text: str) -> None:
    """Milliseconds; the loaded machine of a CI run counts in."""
    assert renderer.evaluate(TIMED, text) < 1500

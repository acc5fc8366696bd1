// One answer on the page: its text set in type, its buttons, its copy, its feedback.
import { announce, element, getFragment, post, RequestError, setIcon } from "./page.js";
import { render, unshielded } from "./markdown.js";

const texts = new WeakMap();

// Passages that are listed without being cited have numbers too, but no footnote means them.
const card = (article, n) => article.querySelector(`.sources[data-cited] .source-card[data-n="${n}"]`);

/** The chip of footnote n: quiet text while the citations are not known, then a button, or null if n is none of them. */
function chip(article, n, writing) {
  if (writing) return element("span", { class: "footnote" }, String(n));
  const source = card(article, n);
  if (!source) return null;
  const title = source.querySelector(".source-open").textContent;
  const where = source.querySelector(".source-where").textContent.trim();
  const state = "gone" in source.dataset ? " is-deleted" : "";
  return element("button", { class: `footnote${state}`, type: "button", "data-n": n, "aria-label": `Footnote ${n}: ${title}, ${where}` }, String(n));
}

/** Where the next word will stand: the last paragraph, item, cell or code. */
function lastLine(place) {
  let line = place;
  while (line.lastElementChild?.matches("p, h3, h4, h5, h6, ul, ol, li, blockquote, div, table, thead, tbody, tr, th, td, pre, pre > code")) line = line.lastElementChild;
  return line;
}

/** Sets the article's text as Markdown with footnote chips. */
export function setText(article, text, { writing = false } = {}) {
  const place = article.querySelector("[data-answer-text]");
  texts.set(article, unshielded(text));
  place.replaceChildren(render(text, (n) => chip(article, n, writing)));
  place.classList.add("is-set");
  if (writing) lastLine(place).append(element("span", { class: "caret", "aria-hidden": "true" }));
}

/** Takes over an article that the server rendered. */
export function enhance(article) {
  const place = article.querySelector("[data-answer-text]");
  if (!article.hasAttribute("data-unfinished")) setText(article, place.textContent);
}

/** Replaces the article by the server's newest rendering; gives the new one. */
export async function refresh(article) {
  const fresh = (await getFragment(article.dataset.url)).find((node) => node.nodeType === Node.ELEMENT_NODE);
  if (article.classList.contains("is-new")) fresh.classList.add("is-new");
  article.replaceWith(fresh);
  enhance(fresh);
  return fresh;
}

function plain(article) {
  const sources = [...article.querySelectorAll(".source-card")].map((source) => {
    const quote = source.querySelector(".source-quote")?.textContent.trim();
    const where = source.querySelector(".source-where").textContent.trim();
    return `[${source.dataset.n}] ${source.querySelector(".source-open").textContent}, ${where}${quote ? `: “${quote}”` : ""}`;
  });
  return [texts.get(article).trim(), ...(sources.length ? [`\nSources\n${sources.join("\n")}`] : [])].join("\n");
}

async function copy(article, button) {
  const text = plain(article);
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https the clipboard API is missing; the old way still works there.
    const area = element("textarea", { class: "visually-hidden" }, text);
    document.body.prepend(area); // at the end it would make the page taller, and selecting it scroll there
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  setIcon(button, "check");
  announce("Copied with its sources.");
  setTimeout(() => setIcon(button, "copy"), 1600);
}

async function rate(article, value, extra = []) {
  const form = article.querySelector("form.feedback");
  await post(form.dataset.feedback, [["value", value], ...extra]);
  for (const button of article.querySelectorAll('[data-do="feedback"]')) button.setAttribute("aria-pressed", String(button.dataset.value === String(value)));
  announce("Thank you, noted.");
}

async function thumb(article, button) {
  const form = article.querySelector("form.feedback");
  const value = Number(button.dataset.value);
  await rate(article, value);
  form.hidden = value > 0;
  if (!form.hidden) form.querySelector("input").focus({ preventScroll: false });
}

/** Shows the answer before or after this one among those to the same question. */
function showVariant(article, step) {
  const variants = [...article.parentElement.querySelectorAll(`.exchange[data-root="${article.dataset.root}"]`)];
  const other = variants[variants.indexOf(article) + step];
  if (!other) return;
  article.hidden = true;
  other.hidden = false;
  other.querySelector(`[data-do="variant"][data-step="${step}"]:not(:disabled), [data-do="variant"]:not(:disabled)`)?.focus();
}

function toggleReceipt(article, button) {
  const receipt = article.querySelector(".receipt");
  receipt.hidden = !receipt.hidden;
  button.setAttribute("aria-expanded", String(!receipt.hidden));
  receipt.scrollIntoView({ block: "nearest" });
}

/** Listens for the buttons of every answer in the thread. `again(article)` asks its question once more. */
export function listen(thread, { again, failed }) {
  thread.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-do]");
    const article = button?.closest(".exchange");
    if (!article) return;
    try {
      if (button.dataset.do === "copy") await copy(article, button);
      if (button.dataset.do === "again") await again(article);
      if (button.dataset.do === "feedback") await thumb(article, button);
      if (button.dataset.do === "feedback-close") button.closest("form").hidden = true;
      if (button.dataset.do === "variant") showVariant(article, Number(button.dataset.step));
      if (button.dataset.do === "receipt") toggleReceipt(article, button);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      failed(error.message);
    }
  });
  thread.addEventListener("submit", async (event) => {
    const form = event.target.closest("form.feedback");
    if (!form) return;
    event.preventDefault();
    try {
      await rate(form.closest(".exchange"), -1, [...new FormData(form)]);
      form.hidden = true;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      failed(error.message);
    }
  });
}

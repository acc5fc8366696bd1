// Footnotes and their sources: the snippet on hover, the panel on a click.
import { announce, element, getFragment, icon } from "./page.js";

const panel = document.getElementById("source-panel");
const workplace = document.getElementById("workplace");
const scroller = document.getElementById("desk-scroll");
let opener = null;
let opened = null; // the source card the panel belongs to
let requested = 0;

// ------------------------------------------------------------------------------------------- the panel

function inView(node) {
  const box = node.getBoundingClientRect();
  const frame = scroller.getBoundingClientRect();
  return box.height > 0 && box.bottom > frame.top && box.top < frame.bottom;
}

/** Makes a change that sets the thread anew in another width; what the reader looks at keeps its height on the screen. */
function steady(change) {
  const anchor = opener?.isConnected && inView(opener) ? opener : [...scroller.querySelectorAll(".question, .answer-text > *, .source-card")].find(inView);
  const before = anchor?.getBoundingClientRect().top;
  change();
  if (anchor) scroller.scrollTop += anchor.getBoundingClientRect().top - before;
}

function show(nodes) {
  panel.replaceChildren(...nodes);
  steady(() => {
    panel.hidden = false;
    workplace.classList.add("with-panel");
  });
  const view = panel.querySelector(".source-view");
  const image = panel.querySelector(".page-image img");
  const toMark = () => {
    const mark = [...panel.querySelectorAll(".pen, mark")].find((each) => each.offsetParent);
    // Not scrollIntoView: it would scroll the whole page along.
    if (mark) view.scrollTop += mark.getBoundingClientRect().top - view.getBoundingClientRect().top - view.clientHeight / 3;
  };
  if (image) {
    const loaded = () => image.parentElement.classList.remove("is-loading");
    image.addEventListener("load", loaded);
    image.addEventListener("error", () => {
      loaded();
      image.parentElement.hidden = true;
      panel.querySelector("[data-page-text]").hidden = false;
      view.prepend(element("p", { class: "page-text-note" }, "The page image cannot be shown; this is the text of the page."));
      toMark();
    });
    if (image.complete && image.naturalWidth) loaded();
  }
  toMark();
}

function message(heading, words) {
  const close = element("button", { class: "icon-button", type: "button", "data-do": "close-panel", "aria-label": "Close the source" }, icon("close"));
  return [
    element("header", { class: "source-head" }, element("div", {}, element("h2", {}, heading)), close),
    element("div"),
    element("div", { class: "source-gone" }, icon("trash"), element("p", {}, words)),
  ];
}

async function load(url) {
  const turn = ++requested;
  panel.setAttribute("aria-busy", "true");
  try {
    const nodes = await getFragment(url);
    if (turn === requested) show(nodes);
  } catch (error) {
    if (turn !== requested) return;
    const words = error.status === 404 ? "This document is no longer here, or no longer open to you." : error.message;
    show(message("Source", words));
  } finally {
    panel.removeAttribute("aria-busy");
  }
}

function light(card) {
  for (const other of document.querySelectorAll(".source-card.is-open, .footnote.is-open")) other.classList.remove("is-open");
  card?.classList.add("is-open");
  if (card) for (const chip of card.closest(".exchange").querySelectorAll(`.footnote[data-n="${card.dataset.n}"]`)) chip.classList.add("is-open");
}

async function open(card, from) {
  opener = from;
  opened = card;
  light(card);
  const title = card.querySelector(".source-open").textContent;
  if ("gone" in card.dataset) show(message(title, card.dataset.gone));
  else await load(card.dataset.panel);
  if (opened !== card) return;
  panel.focus({ preventScroll: true });
  announce(`Source ${card.dataset.n}: ${title}.`);
}

export function closePanel() {
  if (panel.hidden) return false;
  requested += 1;
  steady(() => {
    panel.hidden = true;
    workplace.classList.remove("with-panel");
  });
  panel.replaceChildren();
  light(null);
  if (opener?.isConnected) opener.focus({ preventScroll: true });
  opener = opened = null;
  return true;
}

// ----------------------------------------------------------------------------------------- the snippet

const snippet = element("div", { class: "snippet", role: "tooltip", id: "snippet", hidden: "" });
document.body.append(snippet);

function cardOf(chip) {
  return chip.closest(".exchange").querySelector(`.source-card[data-n="${chip.dataset.n}"]`);
}

function hover(chip) {
  const card = cardOf(chip);
  const quote = card.querySelector(".source-quote")?.textContent;
  snippet.replaceChildren(element("strong", {}, card.querySelector(".source-open").textContent), element("span", {}, card.querySelector(".source-where").textContent.trim()));
  if (quote) snippet.append(element("p", {}, quote));
  snippet.hidden = false;
  const box = chip.getBoundingClientRect();
  const above = box.top > snippet.offsetHeight + 16;
  const left = Math.min(Math.max(12, box.left - 24), innerWidth - snippet.offsetWidth - 12);
  snippet.style.left = `${left}px`;
  snippet.style.top = `${above ? box.top - snippet.offsetHeight - 8 : box.bottom + 8}px`;
  chip.setAttribute("aria-describedby", "snippet");
  card.classList.add("is-lit");
}

function leave(chip) {
  snippet.hidden = true;
  chip.removeAttribute("aria-describedby");
  cardOf(chip)?.classList.remove("is-lit");
}

/** Listens for footnotes and source cards in the thread, and for the panel's own buttons. */
export function listenForSources(thread) {
  thread.addEventListener("click", (event) => {
    const chip = event.target.closest("button.footnote");
    const button = event.target.closest(".source-open");
    if (chip) { leave(chip); open(cardOf(chip), chip); }
    if (button) open(button.closest(".source-card"), button);
  });
  for (const [start, end] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
    thread.addEventListener(start, (event) => { const chip = event.target.closest("button.footnote"); if (chip) hover(chip); });
    thread.addEventListener(end, (event) => { const chip = event.target.closest("button.footnote"); if (chip) leave(chip); });
  }
  panel.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.do === "close-panel") closePanel();
    if (button?.dataset.pageUrl) load(button.dataset.pageUrl);
  });
  panel.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && !event.altKey && !event.metaKey) panel.querySelector(`[data-turn="${step}"]:not(:disabled)`)?.click();
  });
}

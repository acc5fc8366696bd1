// The chat page: ties composer, thread, sources and sidebar together.
import { announce, parseFragment, post, RequestError } from "./page.js";
import { enhance, listen } from "./answer.js";
import { follow } from "./stream.js";
import * as composer from "./composer.js";
import { closePanel, listenForSources } from "./sources.js";
import { closeDrawer, refreshConversations, setUpSidebar } from "./sidebar.js";

const workplace = document.getElementById("workplace");
const thread = document.getElementById("thread");
const scroller = document.getElementById("desk-scroll");
const jump = document.getElementById("jump");
let asking = false;
let current = null; // the article being written

const distance = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
let sticking = true;
const toEnd = () => { scroller.scrollTop = scroller.scrollHeight; };
const grew = () => { if (sticking) toEnd(); };

function failed(message) {
  composer.say(message);
  announce(message);
}

/** Follows an unfinished answer to its end, then puts the page in order again. */
async function attend(article) {
  current = article;
  composer.setBusy(true);
  try {
    const final = await follow(article, { grew });
    if (!final.isConnected) return;
    const sources = final.querySelectorAll(".source-card").length;
    announce(final.dataset.status === "done" ? `The answer is ready, with ${sources} source${sources === 1 ? "" : "s"}.` : final.querySelector(".callout p")?.textContent || "The answer ended early.");
    grew();
    await refreshConversations();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    failed(error.message);
  } finally {
    current = null;
    composer.setBusy(false);
  }
}

/** A new answer goes to the end; one asked again takes the place of the answer before it. */
function place(article) {
  const variants = thread.querySelectorAll(`.exchange[data-root="${article.dataset.root}"]`);
  if (!variants.length) return thread.append(article);
  for (const other of variants) other.hidden = true;
  return [...variants].at(-1).after(article);
}

async function ask(fields, typed) {
  if (asking || current) return composer.sayWait();
  asking = true;
  composer.say("");
  composer.setBusy(true);
  try {
    const answer = await post(document.getElementById("composer").action, fields);
    if (typed) composer.clear();
    const article = parseFragment(answer.html).find((node) => node.nodeType === Node.ELEMENT_NODE);
    for (const old of thread.querySelectorAll(".is-new")) old.classList.remove("is-new");
    article.classList.add("is-new");
    document.getElementById("welcome")?.remove();
    place(article);
    sticking = article === thread.lastElementChild;
    if (sticking) toEnd();
    else article.scrollIntoView({ block: "start" });
    if (workplace.dataset.conversation !== answer.conversation) {
      workplace.dataset.conversation = answer.conversation;
      composer.setConversation(answer.conversation);
      history.pushState({}, "", answer.url);
      refreshConversations().catch(() => {});
    }
    asking = false;
    await attend(article);
  } catch (error) {
    composer.setBusy(false);
    if (!(error instanceof RequestError)) throw error;
    failed(error.message);
  } finally {
    asking = false;
  }
}

async function halt() {
  if (!current) return;
  try {
    await post(current.dataset.stop);
    announce("Stopped.");
  } catch (error) {
    failed(error.message);
  }
}

scroller.addEventListener("scroll", () => {
  sticking = distance() < 48;
  jump.hidden = distance() < 240;
}, { passive: true });
jump.addEventListener("click", () => { sticking = true; toEnd(); });
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
  const open = document.querySelector("details.menu[open], details.picker[open]");
  if (open) { open.open = false; open.querySelector("summary").focus(); }
  else if (!closeDrawer() && !closePanel() && event.target.id === "question") halt();
});
addEventListener("popstate", () => location.reload());

const again = (article) => ask([["again", article.dataset.answer]], false);
listen(thread, { again, failed });
listenForSources(thread);
setUpSidebar({ failed });
composer.setUpComposer({ ask, halt });
thread.querySelectorAll(".exchange").forEach(enhance);
if (thread.lastElementChild) toEnd();
const unfinished = [...thread.querySelectorAll(".exchange[data-unfinished]")].at(-1);
if (unfinished) attend(unfinished);

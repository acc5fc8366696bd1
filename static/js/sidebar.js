// The sidebar: search, rename, pin, delete, theme, and the drawer it becomes on a phone.
import { announce, getFragment, post, RequestError, setIcon } from "./page.js";

const workplace = document.getElementById("workplace");
const sidebar = document.getElementById("sidebar");
const nav = document.getElementById("conversations");
const search = document.getElementById("conversation-search");

let asking = 0;

/** Fetches the list anew, as it stands on the server. */
export async function refreshConversations() {
  const turn = ++asking;
  const url = new URL(nav.dataset.url, location.href);
  url.searchParams.set("current", workplace.dataset.conversation);
  if (search.value.trim()) url.searchParams.set("q", search.value.trim());
  const fresh = await getFragment(url);
  if (turn !== asking) return; // a newer list is on its way, or here
  nav.replaceChildren(...fresh);
  const title = nav.querySelector('.conversation[aria-current="page"]')?.dataset.title;
  if (title) {
    document.title = `${title} · Footnote`;
    document.getElementById("conversation-title").textContent = title;
  }
}

function asked(dialog) {
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok"), { once: true }));
}

const acts = {
  async pin(item, button) {
    await post(button.dataset.url, [["pinned", button.dataset.pinned === "true" ? "" : "1"]]);
  },
  async rename(item, button) {
    const dialog = document.getElementById("rename-dialog");
    const field = dialog.querySelector("input");
    field.value = item.dataset.title;
    const answer = asked(dialog);
    field.select();
    if (await answer) await post(button.dataset.url, [["title", field.value]]);
  },
  async delete(item, button) {
    document.getElementById("delete-title").textContent = item.dataset.title;
    if (!(await asked(document.getElementById("delete-dialog")))) return;
    await post(button.dataset.url);
    if (item.dataset.id === workplace.dataset.conversation) location.assign("/");
    announce("Chat deleted.");
  },
};

async function act(event, failed) {
  const button = event.target.closest("[data-do]");
  if (!button) return;
  button.closest("details").open = false;
  try {
    await acts[button.dataset.do](button.closest(".conversation"), button);
    await refreshConversations();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    failed(error.message);
  }
}

function drawer(open) {
  workplace.classList.toggle("drawer-is-open", open);
  document.querySelector(".desk").inert = open;
  document.querySelector(".drawer-open").setAttribute("aria-expanded", String(open));
  document.querySelector(".drawer-shade")?.remove();
  if (!open) return;
  const shade = document.createElement("button");
  shade.className = "drawer-shade";
  shade.ariaLabel = "Close the list of conversations";
  shade.addEventListener("click", () => drawer(false));
  workplace.append(shade);
  sidebar.querySelector(".drawer-close").focus();
}

export function closeDrawer() {
  if (!workplace.classList.contains("drawer-is-open")) return false;
  drawer(false);
  document.querySelector(".drawer-open").focus();
  return true;
}

const THEMES = { auto: "automatic", light: "light", dark: "dark" };
const THEME_ICONS = { auto: "auto", light: "sun", dark: "moon" };

function setUpTheme() {
  const button = document.getElementById("theme-toggle");
  const shown = () => document.documentElement.dataset.theme || "auto";
  const label = () => {
    setIcon(button, THEME_ICONS[shown()]);
    button.ariaLabel = button.title = `Theme: ${THEMES[shown()]}`;
  };
  button.addEventListener("click", () => {
    const order = Object.keys(THEMES);
    const next = order[(order.indexOf(shown()) + 1) % order.length];
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try { localStorage.setItem("footnote-theme", next); } catch { /* the choice then lasts as long as the page */ }
    label();
    announce(`Theme: ${THEMES[next]}`);
  });
  label();
}

export function setUpSidebar({ failed }) {
  setUpTheme();
  nav.addEventListener("click", (event) => act(event, failed));
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => refreshConversations().catch((error) => failed(error.message)), 180);
  });
  search.addEventListener("keydown", async (event) => {
    if (event.key !== "Enter" || event.isComposing || !search.value.trim()) return;
    event.preventDefault();
    clearTimeout(timer);
    try {
      await refreshConversations(); // the list on the page may be that of fewer letters
      nav.querySelector(".conversation > a")?.click();
    } catch (error) {
      failed(error.message);
    }
  });
  if (/Mac|iPhone|iPad/.test(navigator.platform)) document.querySelector(".sidebar-search kbd").textContent = "⌘ K";
  document.querySelector(".drawer-open").addEventListener("click", () => drawer(true));
  sidebar.querySelector(".drawer-close").addEventListener("click", closeDrawer);
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (getComputedStyle(sidebar).visibility === "hidden") drawer(true);
      search.focus();
      search.select();
    }
  });
}

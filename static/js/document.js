// The page of a document: turns pages without loading the rest again, marks a passage's lines on the page's image,
// and follows a document that is still on its way.

const root = document.getElementById("document");
const reader = document.getElementById("reader");
const FOLLOW_MILLISECONDS = 1500;
let asked = 0;

// --------------------------------------------------------------------------------------------- the image

function begin() {
  const sheet = reader.querySelector(".reader-sheet");
  const image = sheet?.querySelector("img");
  if (!image) return;
  const settled = (broken) => {
    sheet.classList.remove("is-loading");
    if (!broken) return;
    sheet.parentElement.replaceChildren(Object.assign(document.createElement("p"), { className: "reader-none", textContent: "The page cannot be drawn now. Its text is beside." }));
  };
  image.addEventListener("load", () => settled(false));
  image.addEventListener("error", () => settled(true));
  if (image.complete && image.src) settled(!image.naturalWidth);
}

let marked = null;

/** Marks the lines of a passage on the image; none where it has no boxes. */
function mark(passage) {
  if (marked === passage) return;
  marked = passage;
  for (const old of reader.querySelectorAll(".reader-pen")) old.remove();
  for (const other of reader.querySelectorAll(".passage.is-marked")) other.classList.remove("is-marked");
  passage?.classList.add("is-marked");
  const sheet = reader.querySelector(".reader-sheet");
  if (!passage || !sheet) return;
  for (const [left, top, width, height] of JSON.parse(passage.dataset.boxes)) {
    const pen = Object.assign(document.createElement("span"), { className: "reader-pen" });
    Object.assign(pen.style, { left: `${left - 0.4}%`, top: `${top}%`, width: `${width + 0.8}%`, height: `${height}%` });
    sheet.append(pen);
  }
}

for (const name of ["mouseover", "focusin"]) reader.addEventListener(name, (event) => {
  const passage = event.target.closest(".passage");
  if (passage) mark(passage);
});

// A click on the image finds the passage that stands there.
reader.addEventListener("click", (event) => {
  const sheet = event.target.closest(".reader-sheet");
  if (!sheet) return;
  const box = sheet.getBoundingClientRect();
  const x = (100 * (event.clientX - box.left)) / box.width;
  const y = (100 * (event.clientY - box.top)) / box.height;
  const hit = [...reader.querySelectorAll(".passage")].find((passage) => JSON.parse(passage.dataset.boxes).some(([left, top, width, height]) => x >= left && x <= left + width && y >= top && y <= top + height));
  if (!hit) return;
  mark(hit);
  hit.focus({ preventScroll: true });
  hit.scrollIntoView({ block: "nearest" });
});

// ---------------------------------------------------------------------------------------- turning pages

/** Shows another page; the address follows, so that it can be kept, sent and gone back to. */
async function turn(fragment, address, focus = "") {
  const mine = ++asked;
  reader.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(fragment, { headers: { Accept: "text/html" } });
    if (!response.ok || response.redirected) throw new Error();
    const html = await response.text();
    if (mine !== asked) return;
    reader.innerHTML = html; // our own template, escaped by the server
    marked = null;
    history.replaceState(null, "", address);
    begin();
    if (focus) (reader.querySelector(focus) || reader.querySelector("[name=page]"))?.focus({ preventScroll: true });
  } catch {
    if (mine === asked) location.assign(address);
  } finally {
    if (mine === asked) reader.removeAttribute("aria-busy");
  }
}

reader.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-fragment]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  turn(link.dataset.fragment, link.href, `a[rel=${link.rel}]`);
});

addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select, [role=region], dialog")) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const link = rel && reader.querySelector(`a[rel=${rel}]`);
  if (!link) return;
  event.preventDefault();
  turn(link.dataset.fragment, link.href, document.activeElement?.matches("a[rel]") ? `a[rel=${rel}]` : "");
});

// ------------------------------------------------------------------------- a document that is on its way

async function follow() {
  const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value || "";
  try {
    const response = await fetch(root.dataset.progressUrl, { method: "POST", body: JSON.stringify({ ids: [root.dataset.id] }), headers: { "X-CSRFToken": token, "Content-Type": "application/json" } });
    const [known] = (await response.json()).documents;
    if (!known || !["queued", "extracting", "chunking", "embedding"].includes(known.status)) {
      // What somebody has begun to type is worth more than the news.
      if (document.querySelector(".doc-tool[open]")) tell("It is finished. Reload the page to see it.", known?.status || "cancelled");
      else location.reload();
      return;
    }
    const { done, total } = known.progress;
    const step = { extracting: "Reading page", embedding: "Indexing passage" }[known.status];
    const words = { queued: "Queued", extracting: "Reading", chunking: "Cutting into passages", embedding: "Indexing" }[known.status];
    tell(step && total ? `${step} ${done.toLocaleString()} of ${total.toLocaleString()}` : words, known.status);
    const place = document.getElementById("doc-place");
    if (place) place.textContent = known.position ? `Place ${known.position.toLocaleString()} in the queue` : "";
  } catch {
    // The next time may be luckier.
  }
  setTimeout(follow, FOLLOW_MILLISECONDS);
}

function tell(words, status) {
  const state = document.getElementById("doc-state");
  state.className = `state state-${status}`;
  if (state.textContent !== words) state.textContent = words;
}

document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector(".doc-tool[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll(".doc-tool[open]")) if (!open.contains(event.target)) open.open = false;
});
const file = document.getElementById("replace-file");
if (file) file.hasChangeListener = true; // keeps Unfold from adding its own, which expects a text field beside it
begin();
if ("unfinished" in root.dataset) setTimeout(follow, FOLLOW_MILLISECONDS);

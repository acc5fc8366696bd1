// Draws the rows: at most MOST of them, so that thousands of files do not make the page slow. The others are counted.
import { newestFirst, rows } from "./rows.js";
import { KINDS, KIND_WORDS, action, bytes, share, words } from "./states.js";

const MOST = 300;
// Who is drawn first where not all can be: what moves and what needs somebody, then what waits, then what is done.
const RANKS = { working: 0, sending: 1, failed: 0, waiting: 2, cancelled: 3, ready: 3 };
const place = document.getElementById("rows");
const rest = document.getElementById("rows-rest");
const template = document.getElementById("row").content.firstElementChild;
const nodes = new Map();

/** Draws what has changed and makes the list hold the rows of `kind` ("" for all). */
export function draw(kind, changed) {
  const wanted = choose(kind);
  const shown = new Set(wanted);
  for (const [row, node] of nodes) {
    if (shown.has(row)) continue;
    node.remove();
    nodes.delete(row);
  }
  let before = null;
  for (const row of wanted) {
    let node = nodes.get(row);
    if (!node) {
      node = make(row);
      nodes.set(row, node);
      paint(row, node);
    } else if (changed.has(row)) paint(row, node);
    const follows = before ? before.nextSibling : place.firstChild;
    if (follows !== node) place.insertBefore(node, follows);
    before = node;
  }
  const matching = kind ? rows.filter((row) => KINDS[row.state] === kind).length : rows.length;
  rest.hidden = matching <= wanted.length;
  const more = (matching - wanted.length).toLocaleString();
  rest.textContent = kind ? `and ${more} more ${KIND_WORDS[kind]}` : `and ${more} more; press a count above to see one kind`;
  place.hidden = rows.length === 0;
}

function choose(kind) {
  const sorted = [...rows].sort(newestFirst);
  if (kind) return take(sorted.filter((row) => KINDS[row.state] === kind), MOST);
  if (rows.length <= MOST) return sorted;
  const chosen = [];
  for (const rank of [0, 1, 2, 3]) {
    if (chosen.length >= MOST) break;
    chosen.push(...take(sorted.filter((row) => RANKS[KINDS[row.state]] === rank), MOST - chosen.length));
  }
  return chosen.sort(newestFirst);
}

const take = (from, most) => (from.length > most ? from.slice(0, most) : from);

function make(row) {
  const node = template.cloneNode(true);
  const name = node.querySelector(".upload-name");
  name.append(row.name, Object.assign(document.createElement("small"), { textContent: [row.folder, row.size ? bytes(row.size) : ""].filter(Boolean).join(" · ") }));
  name.title = row.name;
  node.querySelector(".upload-act").addEventListener("click", () => node.dispatchEvent(new CustomEvent("act", { bubbles: true, detail: row })));
  return node;
}

function paint(row, node) {
  const kind = KINDS[row.state];
  const state = node.querySelector(".state");
  const bar = node.querySelector(".upload-bar");
  const button = node.querySelector(".upload-act");
  const why = node.querySelector(".upload-why");
  const name = node.querySelector(".upload-name");
  const percent = row.state === "uploading" ? 100 * row.sent : share(row);
  state.className = `state state-${kind === "failed" ? "failed" : row.state}`;
  state.textContent = words(row);
  // A bar only where something moves: whole or empty, it would tell of a waiting file what is not so.
  bar.hidden = kind !== "working" && !(row.state === "uploading" && row.sent < 1);
  bar.className = `upload-bar ${kind === "sending" ? "is-uploading" : ""}`;
  bar.setAttribute("aria-valuenow", Math.round(percent));
  bar.setAttribute("aria-label", `${row.name}: ${words(row)}`);
  bar.firstElementChild.style.width = `${percent}%`;
  button.textContent = action(row);
  button.hidden = !action(row);
  button.ariaLabel = `${action(row)}: ${row.name}`;
  why.hidden = !row.why;
  why.replaceChildren(row.why, ...(row.hint ? [" ", Object.assign(document.createElement("span"), { textContent: row.hint })] : []));
  node.classList.toggle("is-warned", row.state === "ready_with_warnings");
  node.dataset.state = row.state;
  if (row.id && !name.querySelector("a")) {
    const link = Object.assign(document.createElement("a"), { href: place.dataset.documentUrl.replace("00000000-0000-0000-0000-000000000000", row.id), textContent: row.name });
    name.firstChild.replaceWith(link);
  }
}

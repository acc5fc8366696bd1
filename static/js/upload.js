// The upload page: files go up a few at once, one per request, and every row tells how far its document is.

const AT_ONCE = 3;
const POLL_MILLISECONDS = 1000;
const root = document.getElementById("upload");
const rowsPlace = document.getElementById("rows");
const counts = document.getElementById("counts");
const token = root.querySelector("[name=csrfmiddlewaretoken]").value;
const rows = [];
const queue = [];
let sending = 0;
let shownKind = "";

const WORDS = {
  waiting: "Waiting to be sent",
  queued: "Queued",
  extracting: "Reading",
  chunking: "Cutting into passages",
  embedding: "Indexing",
  ready: "Ready",
  ready_with_warnings: "Ready, with warnings",
  failed: "Failed",
  cancelled: "Cancelled",
  refused: "Not taken",
  broken: "Not sent",
};
const KINDS = { waiting: "sending", uploading: "sending", queued: "working", extracting: "working", chunking: "working", embedding: "working", ready: "ready", ready_with_warnings: "ready", failed: "failed", refused: "failed", broken: "failed", cancelled: "cancelled" };
const UNFINISHED = new Set(["queued", "extracting", "chunking", "embedding"]);
const SHARES = { queued: [0, 0], extracting: [0, 45], chunking: [45, 10], embedding: [55, 45] };

function bytes(size) {
  if (size < 1000) return `${size} B`;
  return size < 1e6 ? `${(size / 1e3).toFixed(0)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}

const number = (count, word) => `${count.toLocaleString()} ${word}${count === 1 ? "" : "s"}`;

// ------------------------------------------------------------------------------------------------ a row

class Row {
  constructor({ name, size, file = null, document: known = null }) {
    Object.assign(this, { name, size, file, id: known?.id, state: "waiting", sent: 0, known, why: "", hint: "", note: "" });
    this.node = document.getElementById("row").content.firstElementChild.cloneNode(true);
    this.node.querySelector(".upload-name").append(name, Object.assign(document.createElement("small"), { textContent: bytes(size) }));
    this.node.querySelector(".upload-name").title = name;
    this.node.querySelector(".upload-act").addEventListener("click", () => this.act());
    rowsPlace.append(this.node);
    rows.push(this);
    if (known) this.learn(known);
    else this.draw();
  }

  /** Takes over what the server says of the document. */
  learn(known) {
    const ended = UNFINISHED.has(this.state) && !UNFINISHED.has(known.status);
    this.known = known;
    this.id = known.id;
    this.state = known.status;
    this.why = known.error?.message || known.warnings?.map((warning) => warning.message || warning).join(" ") || "";
    this.hint = known.error?.hint || "";
    if (ended) document.getElementById("upload-announcer").textContent = `${this.name}: ${WORDS[this.state]}.`;
    this.draw();
  }

  set(state, why = "", hint = "") {
    Object.assign(this, { state, why, hint });
    this.draw();
  }

  words() {
    const { progress, pages = 0, chunks = 0, position } = this.known || {};
    if (this.state === "uploading") return `Sending ${Math.round(this.sent * 100)} %`;
    if (this.state === "queued" && position) return position === 1 ? "Queued, next in line" : `Queued, ${position - 1} before it`;
    if (this.state === "extracting" && progress.total) return `Reading page ${progress.done} of ${progress.total}`;
    if (this.state === "embedding" && progress.total) return `Indexing passage ${progress.done} of ${progress.total}`;
    if (this.state.startsWith("ready")) return [this.note || WORDS[this.state], number(pages, "page"), number(chunks, "passage")].join(" · ");
    return WORDS[this.state];
  }

  percent() {
    if (this.state === "uploading") return 100 * this.sent;
    const share = SHARES[this.state];
    if (!share) return 100;
    const { done = 0, total = 0 } = this.known?.progress || {};
    return share[0] + (total ? (share[1] * done) / total : 0);
  }

  action() {
    if (UNFINISHED.has(this.state)) return "Cancel";
    if (this.state === "failed" || this.state === "cancelled" || this.state === "broken") return "Retry";
    return "";
  }

  draw() {
    const state = this.node.querySelector(".state");
    const bar = this.node.querySelector(".upload-bar");
    const button = this.node.querySelector(".upload-act");
    const why = this.node.querySelector(".upload-why");
    const kind = KINDS[this.state];
    state.className = `state state-${kind === "failed" ? "failed" : this.state}`;
    state.textContent = this.words();
    // A bar only where something moves: whole or empty, it would tell of a waiting file what is not so.
    bar.hidden = !["sending", "working"].includes(kind) || this.state === "queued" || this.state === "waiting";
    bar.className = `upload-bar ${kind === "sending" ? "is-uploading" : ""}`;
    bar.setAttribute("aria-valuenow", Math.round(this.percent()));
    bar.setAttribute("aria-label", `${this.name}: ${this.words()}`);
    bar.firstElementChild.style.width = `${this.percent()}%`;
    button.textContent = this.action();
    button.hidden = !this.action();
    button.ariaLabel = `${this.action()}: ${this.name}`;
    why.hidden = !this.why;
    why.replaceChildren(this.why, ...(this.hint ? [" ", Object.assign(document.createElement("span"), { textContent: this.hint })] : []));
    this.node.classList.toggle("is-warned", this.state === "ready_with_warnings");
    this.node.dataset.state = this.state;
    drawCounts();
  }

  async act() {
    const action = this.action();
    if (this.state === "broken") return send(this);
    const answer = await call(root.dataset.actUrl, { act: action.toLowerCase(), id: this.id });
    if (answer.document) this.learn(answer.document);
    else this.set(this.state, answer.message);
    return wake();
  }
}

// --------------------------------------------------------------------------------------------- the counts

function drawCounts() {
  const tally = { sending: 0, working: 0, ready: 0, failed: 0, cancelled: 0 };
  for (const row of rows) tally[KINDS[row.state]] += 1;
  counts.hidden = rowsPlace.hidden = rows.length === 0;
  counts.replaceChildren();
  for (const [kind, count] of Object.entries({ "": rows.length, ...tally })) {
    if (!count) continue;
    const button = Object.assign(document.createElement("button"), { type: "button", className: "upload-count" });
    button.dataset.kind = kind;
    button.setAttribute("aria-pressed", String(shownKind === kind));
    button.append(Object.assign(document.createElement("b"), { textContent: count.toLocaleString() }), kind || "in all");
    counts.append(button);
  }
  if (shownKind && !tally[shownKind]) shownKind = "";
  for (const row of rows) row.node.hidden = Boolean(shownKind) && KINDS[row.state] !== shownKind;
  drawNext(tally);
}

/** What to do now, once nothing moves any more. */
function drawNext({ sending: going, working, ready }) {
  const over = rows.length > 0 && !going && !working;
  document.getElementById("next").hidden = !over;
  document.getElementById("next-ask").hidden = !ready;
  document.getElementById("next-words").textContent = ready ? `${number(ready, "document")} ready to be asked about.` : "None of these files can be asked about yet.";
}

counts.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  shownKind = button.dataset.kind;
  drawCounts();
});

// -------------------------------------------------------------------------------------------- the server

async function call(url, fields) {
  try {
    const response = await fetch(url, { method: "POST", body: JSON.stringify(fields), headers: { "X-CSRFToken": token, "Content-Type": "application/json" } });
    if (response.redirected) return { message: "Your session has ended. Sign in again." };
    return await response.json();
  } catch {
    return { message: "Footnote cannot be reached; it is tried again." };
  }
}

function send(row) {
  row.sent = 0;
  row.set("waiting");
  queue.push(row);
  pump();
}

function pump() {
  while (sending < AT_ONCE && queue.length) upload(queue.shift());
}

function upload(row) {
  sending += 1;
  const request = new XMLHttpRequest();
  const form = new FormData();
  form.append("duplicates", document.getElementById("duplicates").value);
  form.append("file", row.file, row.name);
  request.open("POST", root.dataset.fileUrl);
  request.setRequestHeader("X-CSRFToken", token);
  request.setRequestHeader("Accept", "application/json");
  request.upload.addEventListener("progress", (event) => {
    row.sent = event.total ? event.loaded / event.total : 0;
    row.set("uploading");
  });
  request.addEventListener("loadend", () => {
    sending -= 1;
    settle(row, request);
    pump();
    wake();
  });
  row.set("uploading");
  request.send(form);
}

function settle(row, request) {
  let answer = {};
  try { answer = JSON.parse(request.responseText); } catch { /* not ours: a proxy's page, or nothing */ }
  if (answer.document) {
    row.note = answer.created ? "" : "Already here";
    row.learn(answer.document);
  } else if (request.status >= 400 && request.status < 500 && answer.message) row.set("refused", answer.message, answer.hint);
  else row.set("broken", answer.message || "The file did not arrive.", "Check the connection and try again.");
}

let timer = 0;

/** Asks about all unfinished documents in one call, about once a second, until there is none. */
function wake() {
  if (!timer) timer = setTimeout(poll, POLL_MILLISECONDS);
}

async function poll() {
  const waiting = new Map(rows.filter((row) => UNFINISHED.has(row.state)).map((row) => [row.id, row]));
  timer = 0;
  if (!waiting.size) return;
  const answer = await call(root.dataset.progressUrl, { ids: [...waiting.keys()] });
  for (const known of answer.documents || []) {
    waiting.get(known.id)?.learn(known);
    waiting.delete(known.id);
  }
  if (answer.documents) for (const row of waiting.values()) row.set("cancelled", "This document was deleted.");
  wake();
}

// -------------------------------------------------------------------------------------- files come in

function add(files) {
  const limit = Number(root.dataset.limit);
  for (const file of files) {
    if (file.name.startsWith(".")) continue; // what systems hide in folders
    const row = new Row({ name: file.name, size: file.size, file });
    if (file.size > limit) row.set("refused", `“${file.name}” is larger than ${root.dataset.limitWords}.`, "Split the document, or ask the administrator to raise MAX_UPLOAD_MB.");
    else send(row);
  }
}

async function entries(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!batch.length) break;
    for (const each of batch) found.push(...(await entries(each)));
  }
  return found;
}

const zone = document.getElementById("dropzone");
for (const input of root.querySelectorAll('input[type="file"]')) {
  input.hasChangeListener = true; // keeps Unfold from adding its own, which expects a text field beside it
  input.addEventListener("change", () => { add([...input.files]); input.value = ""; });
}
for (const name of ["dragenter", "dragover"]) {
  addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("is-over"); });
}
addEventListener("dragleave", (event) => { if (!event.relatedTarget) zone.classList.remove("is-over"); });
addEventListener("drop", async (event) => {
  event.preventDefault();
  zone.classList.remove("is-over");
  const dropped = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  for (const entry of dropped) add(await entries(entry));
});
addEventListener("beforeunload", (event) => { if (sending || queue.length) event.preventDefault(); });

for (const known of JSON.parse(document.getElementById("documents").textContent)) new Row({ name: known.title, size: known.size, document: known });
wake();

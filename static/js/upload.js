// The upload page: files go up a few at once, one per request, and every row tells how far its document is.
import { fromDrop, fromInput, meant } from "./upload/dropping.js";
import { estimate, leftWords, restart } from "./upload/estimate.js";
import { draw } from "./upload/list.js";
import { recall, recallCleared, refusedAgain, remember, rememberCleared } from "./upload/memory.js";
import { addRow, clear, isKnown, isOfRun, learn, newGroup, newRun, onChange, own, rows, tally, toRun } from "./upload/rows.js";
import { ask, order, send, takeBack, unsent, watch } from "./upload/server.js";
import { KINDS, KIND_WORDS, UNFINISHED, UNSENT, action, duration, ended, number } from "./upload/states.js";

const DRAW_MILLISECONDS = 150;
const root = document.getElementById("upload");
const part = (id) => document.getElementById(id);
const changed = new Set();
const times = { began: 0, ended: 0 };
let shownKind = "";
let announced = [];
let drawing = 0;
let restored = false; // what was remembered is not overwritten before it is back

// ------------------------------------------------------------------------------------------ what is seen

onChange((row) => {
  if (row) changed.add(row);
  if (row?.ended) {
    announced.push(row.ended);
    row.ended = "";
  }
  if (!drawing) drawing = setTimeout(redraw, DRAW_MILLISECONDS);
});

function redraw() {
  clearTimeout(drawing);
  drawing = 0;
  const counts = tally();
  if (shownKind && !counts[shownKind]) shownKind = "";
  draw(shownKind, changed);
  changed.clear();
  drawCounts(counts);
  drawOverall();
  drawNext(counts);
  announce();
  if (restored) remember(() => times);
}

/** A screen reader hears of single files while they are few, of numbers where they are many. */
function announce() {
  if (!announced.length) return;
  part("upload-announcer").textContent = announced.length <= 3 ? announced.join(" ") : `${part("overall-words").textContent}.`;
  announced = [];
}

function drawCounts(counts) {
  const place = part("counts");
  place.hidden = rows.length === 0;
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.kind : null;
  place.replaceChildren();
  for (const [kind, count] of Object.entries({ "": rows.length, ...counts })) {
    if (!count) continue;
    const button = Object.assign(document.createElement("button"), { type: "button", className: "upload-count" });
    button.dataset.kind = kind;
    button.setAttribute("aria-pressed", String(shownKind === kind));
    button.append(Object.assign(document.createElement("b"), { textContent: count.toLocaleString() }), kind ? KIND_WORDS[kind] : "in all");
    place.append(button);
    if (kind === focused) button.focus({ preventScroll: true });
  }
}

const moving = (counts) => counts.sending + counts.waiting + counts.working;

function begin() {
  newRun();
  restart();
  Object.assign(times, { began: Date.now(), ended: 0 });
}

/** How the files of this run ended so far: "3 of 5 files ready", "4 ready, 10 failed in 12 s". */
function overallWords(counts, count, took) {
  const files = number(count, "file");
  const onlyReady = !counts.failed && !counts.cancelled;
  if (moving(counts)) return onlyReady ? `${counts.ready.toLocaleString()} of ${files} ready` : `${ended(counts)} of ${files}`;
  return `${onlyReady ? `${files} ready` : ended(counts)}${took ? ` in ${took}` : ""}`;
}

/** The totals are of what moves now, or moved last. */
function drawOverall() {
  if (times.ended && moving(tally())) begin();
  const ofRun = rows.filter(isOfRun);
  const counts = tally(ofRun);
  const active = moving(counts);
  part("overall").hidden = ofRun.length === 0;
  if (!active && times.began && !times.ended) times.ended = Date.now();
  if (!active) restart();
  const { percent, seconds } = estimate();
  const bar = part("overall-bar");
  bar.setAttribute("aria-valuenow", Math.floor(percent));
  bar.firstElementChild.style.width = `${percent}%`;
  const took = times.began ? duration(((times.ended || Date.now()) - times.began) / 1000) : "";
  part("overall-words").textContent = overallWords(counts, ofRun.length, took);
  part("overall-time").textContent = active ? [took && `${took} so far`, leftWords(seconds)].filter(Boolean).join(" · ") : "";
  const tab = part("overall-tab");
  tab.textContent = counts.sending ? `Keep this page open: ${number(counts.sending, "file")} still to be sent.` : active ? "Everything is sent. You may close this page; the rest happens by itself." : "";
  tab.classList.toggle("is-warned", counts.sending > 0);
  part("cancel-all").hidden = active < 2;
  drawRetry();
  drawClear();
}

/** What failed is not swept away with the rest: what was never taken is told of nowhere else. */
function drawClear() {
  const { ready, cancelled, failed, sending } = tally();
  part("clear").hidden = !(ready + cancelled + failed) || sending > 0;
  part("clear").textContent = ready + cancelled ? "Clear what is done" : "Clear what failed";
}

/** Those that another try may help are not all that failed, so the button has no number beside the pill's. */
function drawRetry() {
  const failed = rows.filter((row) => KINDS[row.state] === "failed");
  const again = failed.filter((row) => action(row) === "Retry").length;
  part("retry-all").hidden = again < 2;
  part("retry-all").textContent = again === failed.length ? "Retry all failed" : "Retry what may work now";
}

/** What to do now, once nothing moves any more. */
function drawNext(counts) {
  part("next").hidden = rows.length === 0 || moving(counts) > 0;
  const ready = new Set(rows.filter((row) => KINDS[row.state] === "ready").map(({ id }) => id)).size;
  const others = ready ? 0 : Number(root.dataset.serving);
  part("next-ask").hidden = !ready && !others;
  part("next-ask").textContent = ready ? "Ask about these" : "Ask the collection";
  part("next-words").textContent = ready
    ? `${number(ready, "document")} ready to be asked about.`
    : `None of these files can be asked about yet${others ? `; ${number(others, "document")} of the collection can` : ""}.`;
}

// -------------------------------------------------------------------------------------- what people press

part("counts").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  shownKind = shownKind === button.dataset.kind ? "" : button.dataset.kind;
  redraw();
});

part("rows").addEventListener("act", ({ detail: row }) => {
  if (UNSENT.has(row.state)) takeBack([row]);
  else if (row.isOurs) send(row);
  else order(UNFINISHED.has(row.state) ? "cancel" : "retry", [row]);
});

part("cancel-all").addEventListener("click", async () => {
  takeBack(rows.filter((row) => UNSENT.has(row.state)));
  await order("cancel", rows.filter((row) => UNFINISHED.has(row.state)));
});

part("retry-all").addEventListener("click", async () => {
  const failed = rows.filter((row) => action(row) === "Retry" && KINDS[row.state] === "failed");
  for (const row of failed) if (row.isOurs) send(row);
  await order("retry", failed.filter((row) => row.id));
});

part("clear").addEventListener("click", () => {
  const { ready, cancelled } = tally();
  const going = ready + cancelled ? ["ready", "cancelled"] : ["failed"];
  clear((row) => going.includes(KINDS[row.state]));
  if (!rows.length) Object.assign(times, { began: 0, ended: 0 });
  rememberCleared(times);
});

// ------------------------------------------------------------------------------------------ files come in

function add(found) {
  const { chosen, hidden } = meant(found);
  if (hidden) part("left-out").textContent = `${number(hidden, "hidden file")} left out.`;
  take(chosen.map(({ file, folder }) => ({ name: file.name, folder, size: file.size, file })));
}

/** Makes rows of these and sends them. */
function take(chosen) {
  if (chosen.length && (!times.began || times.ended)) begin();
  newGroup();
  for (const fields of chosen) {
    const row = addRow(fields);
    toRun(row);
    if (row.size > Number(root.dataset.limit)) row.set("refused", `“${row.name}” is larger than ${root.dataset.limitWords}.`, "Split the document, or ask the administrator to raise MAX_UPLOAD_MB.");
    else send(row);
  }
  redraw(); // what somebody has just done is seen at once
}

/** Whether a field was filled in; where it was not, the browser says so at the field. */
function given(field, sentence) {
  field.setCustomValidity(field.value.trim() ? "" : sentence);
  field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
  return field.reportValidity();
}

/** What a form becomes when it is sent by the keyboard or its button; then it is ready for the next. */
function onSubmit(form, act) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!act(form.elements)) return;
    form.reset();
    form.elements[0].focus();
  });
}

onSubmit(part("text-form"), ({ title, text }) => {
  if (!given(title, "Give the text a title; footnotes name the document by it.") || !given(text, "Paste the text here.")) return false;
  const name = title.value.trim();
  const file = new File([text.value], `${name.slice(0, 100).replace(/[/\\]/g, "-")}.txt`, { type: "text/plain" });
  take([{ name, title: name, size: file.size, file }]);
  return true;
});

onSubmit(part("page-form"), ({ url }) => {
  if (!given(url, "Paste the address of a page or a file.")) return false;
  const typed = url.value.trim();
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(typed) ? typed : `https://${typed}`;
  take([{ name: address, url: address }]);
  return true;
});

const zone = part("dropzone");
for (const input of root.querySelectorAll('input[type="file"]')) {
  input.hasChangeListener = true; // keeps Unfold from adding its own, which expects a text field beside it
  input.addEventListener("change", () => { add(fromInput([...input.files])); input.value = ""; });
}
for (const name of ["dragenter", "dragover"]) addEventListener(name, (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  zone.classList.add("is-over");
});
addEventListener("dragleave", (event) => { if (!event.relatedTarget) zone.classList.remove("is-over"); });
addEventListener("drop", async (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  zone.classList.remove("is-over");
  // The entries must be taken now; after the first wait the list is empty.
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  for await (const portion of fromDrop(entries)) add(portion);
});
addEventListener("beforeunload", (event) => { if (unsent()) event.preventDefault(); });

// ---------------------------------------------------------------------------------------------- the start

const remembered = recall();
Object.assign(times, { began: remembered.began || 0, ended: remembered.ended || 0 });
const known = JSON.parse(part("documents").textContent);
const sent = remembered.ids || [];
recallCleared(new Set([...known.map(({ id }) => id), ...sent]));
const moves = ({ status }) => UNFINISHED.has(status);
for (const each of known.filter((each) => !moves(each))) learn(each, true);
newGroup(); // what moves, and what this page has sent, stands above old failures
for (const each of known.filter(moves)) learn(each, true);
refusedAgain(remembered);
own(sent, remembered.latest);
ask(sent.filter((id) => !isKnown(id)), true).then(() => {
  own(sent, remembered.latest);
  restored = true;
  newGroup(); // and what comes now above all
  redraw();
});
watch();
// The time goes on where nothing else happens.
setInterval(() => { if (moving(tally())) drawOverall(); }, 1000);

// Talking with the server: files up, a few at once; questions and orders as JSON; news as a stream.
import { UNFINISHED } from "./states.js";
import { forget, isKnown, learn, place, rows } from "./rows.js";

const root = document.getElementById("upload");
const token = root.querySelector("[name=csrfmiddlewaretoken]").value;
const AT_ONCE = 3;
const ASKED_AT_ONCE = 1000;
const ORDERED_AT_ONCE = 50;
const POLL_MILLISECONDS = 1500;
const ASSURE_MILLISECONDS = 60_000;
const PAUSES = [2000, 6000];
const SIGNED_OUT = ["Your session has ended.", "Sign in again in another tab, then press Retry."];

// --------------------------------------------------------------------------------------------- files up

const queue = [];
const going = new Map();

export const unsent = () => queue.length + going.size;

export function send(row) {
  row.sent = 0;
  row.duplicates = document.querySelector("[name=duplicates]:checked").value;
  row.set("waiting");
  queue.push(row);
  pump();
}

/** Takes files back that were not sent yet, or are just being sent. */
export function takeBack(chosen) {
  const back = new Set(chosen);
  const staying = queue.filter((row) => !back.has(row));
  queue.splice(0, queue.length, ...staying);
  for (const row of back) row.set("cancelled");
  for (const row of back) going.get(row)?.abort();
}

function pump() {
  while (going.size < AT_ONCE && queue.length) upload(queue.shift());
}

const goal = (row) => (row.url ? root.dataset.pageUrl : root.dataset.fileUrl);

function upload(row) {
  const request = new XMLHttpRequest();
  const form = new FormData();
  going.set(row, request);
  if (row.url) form.append("url", row.url);
  else {
    form.append("duplicates", row.duplicates);
    form.append("title", row.title);
    if (row.folder) form.append("path", `${row.folder}/${row.name}`);
    form.append("file", row.file);
  }
  request.open("POST", goal(row));
  request.setRequestHeader("X-CSRFToken", token);
  request.setRequestHeader("Accept", "application/json");
  request.upload.addEventListener("progress", (event) => {
    row.sent = event.total ? event.loaded / event.total : 0;
    if (row.state === "uploading") row.set("uploading");
  });
  request.addEventListener("loadend", () => {
    going.delete(row);
    if (row.state === "uploading") settle(row, request);
    pump();
  });
  row.set("uploading");
  request.send(form);
}

function settle(row, request) {
  let answer = {};
  try { answer = JSON.parse(request.responseText); } catch { /* not ours: a proxy's page, or nothing */ }
  if (answer.document) {
    const same = answer.replaced ? "Taken as a new version" : "Already here";
    row.note = answer.created ? "" : same;
    row.notice = answer.notice || "";
    row.learn(answer.document);
  } else if (request.status === 0 && row.tries < PAUSES.length) {
    // The connection broke; a moment later it may be there again.
    setTimeout(() => { if (row.state === "waiting") { queue.push(row); pump(); } }, PAUSES[row.tries]);
    row.tries += 1;
    row.set("waiting");
  } else if (request.responseURL && !request.responseURL.endsWith(goal(row))) row.set("broken", ...SIGNED_OUT);
  else if (request.status === 403 && !answer.message) row.set("broken", "The server did not take it from you.", "Reload the page and try it again.");
  else if (request.status >= 400 && request.status < 500 && answer.message) row.set("refused", answer.message, answer.hint);
  else row.set("broken", answer.message || "It did not arrive.", answer.hint || "Check the connection and press Retry.");
}

// ----------------------------------------------------------------------------------- questions and orders

async function call(url, fields) {
  try {
    const response = await fetch(url, { method: "POST", body: JSON.stringify(fields), headers: { "X-CSRFToken": token, "Content-Type": "application/json" } });
    if (response.redirected) return { message: SIGNED_OUT.join(" ") };
    return await response.json();
  } catch {
    return { message: "Footnote cannot be reached; it is tried again." };
  }
}

/** Asks how documents are; those that the server does not have any more are said to be gone. */
export async function ask(ids, make = false) {
  for (let at = 0; at < ids.length; at += ASKED_AT_ONCE) {
    const part = ids.slice(at, at + ASKED_AT_ONCE);
    const answer = await call(root.dataset.progressUrl, { ids: part });
    if (!answer.documents) return false;
    const missing = new Set(part);
    for (const known of answer.documents) {
      learn(known, make);
      missing.delete(known.id);
    }
    forget(missing);
  }
  return true;
}

/** Retries or cancels documents, as many at once as the server takes. */
export async function order(act, chosen) {
  for (let at = 0; at < chosen.length; at += ORDERED_AT_ONCE) {
    const part = chosen.slice(at, at + ORDERED_AT_ONCE);
    const answer = await call(root.dataset.actUrl, { act, ids: part.map((row) => row.id) });
    for (const known of answer.documents || []) learn(known);
    for (const { id, message } of answer.refused || []) for (const row of part) if (row.id === id) row.set(row.state, message);
    if (!answer.documents) {
      for (const row of part) row.set(row.state, answer.message || "That did not work.", "Try it again.");
      return;
    }
  }
}

// -------------------------------------------------------------------------------------------------- news

const unfinished = (since = Infinity) => [...new Set(rows.filter((row) => UNFINISHED.has(row.state) && !(row.heard > since)).map((row) => row.id))];

/** Follows the collection by its stream; where there is none, by asking. What was long not heard of is asked for. */
export function watch() {
  let polling = 0;
  const poll = async () => {
    const ids = unfinished();
    if (ids.length) await ask(ids.slice(0, ASKED_AT_ONCE));
    polling = setTimeout(poll, POLL_MILLISECONDS);
  };
  const stream = new EventSource(root.dataset.eventsUrl);
  const on = (name, act) => stream.addEventListener(name, (event) => act(JSON.parse(event.data)));
  stream.addEventListener("open", () => { clearTimeout(polling); polling = 0; root.dataset.news = "stream"; });
  stream.addEventListener("error", () => {
    root.dataset.news = "asking";
    if (!polling) polling = setTimeout(poll, POLL_MILLISECONDS);
    // A stream that was refused is not tried again by the browser; a minute later there may be room.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => { clearTimeout(polling); watch(); }, ASSURE_MILLISECONDS);
  });
  on("again", () => ask(unfinished()));
  // While a file is sent, its document may be told of here before the answer to the file says which one it is.
  const isNews = (known) => UNFINISHED.has(known.status) || known.queued >= Number(root.dataset.opened);
  on("rows", (documents) => { for (const known of documents) learn(known, !going.size && isNews(known)); });
  on("gone", (ids) => ask(ids.filter(isKnown)));
  on("places", place);
}

setInterval(() => ask(unfinished(Date.now() - ASSURE_MILLISECONDS)), ASSURE_MILLISECONDS);

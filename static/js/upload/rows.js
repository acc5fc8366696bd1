// All files of the page as plain records: thousands of them cost nothing until they are drawn (list.js).
import { KINDS, UNFINISHED, UNSENT, WORDS } from "./states.js";

export const rows = [];
const byId = new Map();
let changed = () => {};

/** `listener` is called whenever a row came, went or changed. */
export function onChange(listener) {
  changed = listener;
}

let serial = 0;
let group = 0;
let run = 1;
const cleared = new Map(); // document id -> when it was queued, as the server tells it

/** What is added from now on is listed above what is there. */
export function newGroup() {
  group += 1;
}

/** A run lasts from when something begins to move until nothing does; the totals are of one run. */
export function newRun() {
  run += 1;
  for (const row of rows) if (UNFINISHED.has(row.state) || UNSENT.has(row.state)) row.run = run;
}

export function toRun(row) {
  row.run = run;
}

export const isOfRun = (row) => row.run === run;

/** The newest group first, each in the order in which it was chosen. */
export const newestFirst = (a, b) => b.group - a.group || a.serial - b.serial;

export class Row {
  constructor({ name, folder = "", size = 0, file = null, title = "", url = "" }) {
    Object.assign(this, { serial: (serial += 1), group, run: 0, name, folder, size, file, title, url, id: "", state: "waiting", sent: 0, known: null, position: null, why: "", hint: "", note: "", notice: "", tries: 0, old: false });
  }

  /** Whether it can be sent, or sent again: a file, or an address that the server does not have yet. */
  get isOurs() {
    return !this.id && Boolean(this.file || this.url);
  }

  set(state, why = "", hint = "") {
    Object.assign(this, { state, why, hint });
    if (UNSENT.has(state)) toRun(this);
    changed(this);
  }

  /** Takes over what the server says of the document. */
  learn(known) {
    const before = this.state;
    if (this.id !== known.id) {
      this.id = known.id;
      takeOver(this);
    }
    this.known = known;
    this.file = null; // it is there; the browser may forget it
    if ("position" in known) this.position = known.position;
    const warnings = (known.warnings || []).map((warning) => warning.message || warning);
    this.why = known.error?.message || [this.notice, ...warnings].filter(Boolean).join(" ");
    this.hint = known.error?.hint || "";
    this.state = known.status;
    if (UNFINISHED.has(known.status)) Object.assign(this, { old: false, run });
    this.heard = Date.now();
    this.ended = UNFINISHED.has(before) && !UNFINISHED.has(known.status) ? `${this.name}: ${WORDS[this.state]}.` : "";
    changed(this);
  }
}

/** What was chosen later stands for its document; rows of one choice are each somebody's file. */
function takeOver(row) {
  const there = byId.get(row.id) || [];
  for (const older of there.filter(({ group }) => group < row.group)) rows.splice(rows.indexOf(older), 1);
  byId.set(row.id, [...there.filter(({ group }) => group >= row.group), row]);
}

export function addRow(fields) {
  const row = new Row(fields);
  rows.push(row);
  changed(row);
  return row;
}

/**
 * A document of the server's: the rows that show it learn, or a new one is made where `make` says so. One that was
 * finished before the page heard of it is `old`: it is shown, but not what the page waits for.
 */
export function learn(known, make = false) {
  const there = byId.get(known.id);
  if (there) for (const row of there) row.learn(known);
  else if (make && !wasCleared(known)) {
    const address = (known.folder || "").includes("://") ? known.folder : "";
    const places = [known.within && `within ${known.within}`, address === known.title ? "" : known.folder];
    const row = addRow({ name: address ? known.title : known.file_name || known.title, folder: places.filter(Boolean).join(", "), size: known.size });
    row.old = !UNFINISHED.has(known.status);
    row.learn(known);
  }
}

/** These were sent by this page before it was loaded again, `latest` of them in the run that was the newest. */
export function own(ids, latest) {
  const ofRun = new Set(latest);
  for (const id of ids) for (const row of byId.get(id) || []) Object.assign(row, { old: false, run: ofRun.has(id) ? run : row.run });
}

export const isKnown = (id) => byId.has(id);

/** The documents are no longer there. */
export function forget(ids) {
  for (const id of ids) for (const row of byId.get(id) || []) if (UNFINISHED.has(row.state)) row.set("cancelled", "This document was deleted or moved.");
}

export function place(places) {
  for (const row of rows) {
    if (row.state !== "queued") continue;
    const position = places[row.id] ?? null;
    if (position === row.position) continue;
    row.position = position;
    changed(row);
  }
}

const wasCleared = (known) => !UNFINISHED.has(known.status) && cleared.get(known.id) === known.queued;

/** Those that were cleared, as [id, when queued]; the server tells of failed ones for a day. */
export const listCleared = () => [...cleared];

/** Takes over what was cleared before the page was loaded again. */
export function leaveOut(pairs) {
  for (const [id, queued] of pairs) cleared.set(id, queued);
}

/** Takes rows off the page for good; those that `going` says true of. One that is tried again comes back. */
export function clear(going) {
  leaveOut(rows.filter((row) => row.id && going(row)).map((row) => [row.id, row.known.queued]));
  const staying = rows.filter((row) => !going(row));
  rows.splice(0, rows.length, ...staying);
  byId.clear();
  for (const row of rows) if (row.id) byId.set(row.id, [...(byId.get(row.id) || []), row]);
  changed(null);
}

export function tally(counted = rows) {
  const counts = { sending: 0, waiting: 0, working: 0, ready: 0, failed: 0, cancelled: 0 };
  for (const row of counted) counts[KINDS[row.state]] += 1;
  return counts;
}

// All files of the page as plain records: thousands of them cost nothing until they are drawn (list.js).
import { KINDS, UNFINISHED, WORDS } from "./states.js";

export const rows = [];
const byId = new Map();
let changed = () => {};

/** `listener` is called whenever a row came, went or changed. */
export function onChange(listener) {
  changed = listener;
}

let serial = 0;

export class Row {
  constructor({ name, folder = "", size = 0, file = null, title = "", url = "" }) {
    Object.assign(this, { serial: (serial += 1), name, folder, size, file, title, url, id: "", state: "waiting", sent: 0, known: null, position: null, why: "", hint: "", note: "", notice: "", tries: 0, old: false });
  }

  /** Whether it can be sent, or sent again: a file, or an address that the server does not have yet. */
  get isOurs() {
    return !this.id && Boolean(this.file || this.url);
  }

  set(state, why = "", hint = "") {
    Object.assign(this, { state, why, hint });
    changed(this);
  }

  /** Takes over what the server says of the document. */
  learn(known) {
    const before = this.state;
    if (this.id !== known.id) {
      this.id = known.id;
      byId.set(known.id, [...(byId.get(known.id) || []), this]);
    }
    this.known = known;
    this.file = null; // it is there; the browser may forget it
    if ("position" in known) this.position = known.position;
    const warnings = (known.warnings || []).map((warning) => warning.message || warning);
    this.why = known.error?.message || [this.notice, ...warnings].filter(Boolean).join(" ");
    this.hint = known.error?.hint || "";
    this.state = known.status;
    if (UNFINISHED.has(known.status)) this.old = false;
    this.heard = Date.now();
    this.ended = UNFINISHED.has(before) && !UNFINISHED.has(known.status) ? `${this.name}: ${WORDS[this.state]}.` : "";
    changed(this);
  }
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
  else if (make) {
    const address = (known.folder || "").includes("://") ? known.folder : "";
    const places = [known.within && `within ${known.within}`, address === known.title ? "" : known.folder];
    const row = addRow({ name: address ? known.title : known.file_name || known.title, folder: places.filter(Boolean).join(", "), size: known.size });
    row.old = !UNFINISHED.has(known.status);
    row.learn(known);
  }
}

/** These were sent by this page, before it was loaded again. */
export function own(ids) {
  for (const id of ids) for (const row of byId.get(id) || []) row.old = false;
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

/** Takes rows off the page for good; those that `going` says true of. */
export function clear(going) {
  const staying = rows.filter((row) => !going(row));
  rows.splice(0, rows.length, ...staying);
  byId.clear();
  for (const row of rows) if (row.id) byId.set(row.id, [...(byId.get(row.id) || []), row]);
  changed(null);
}

export function tally() {
  const counts = { sending: 0, waiting: 0, working: 0, ready: 0, failed: 0, cancelled: 0 };
  for (const row of rows) counts[KINDS[row.state]] += 1;
  return counts;
}

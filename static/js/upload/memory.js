// What this tab has sent is kept for as long as the tab lives, so that a reload shows it still; what was cleared is
// kept by the browser, so that no tab shows it again.
import { addRow, isOfRun, leaveOut, listCleared, rows, toRun } from "./rows.js";
import { UNSENT } from "./states.js";

const key = `footnote-upload:${document.getElementById("upload").dataset.collection}`;
let saving = 0;

/** { began, ended, ids, latest, refused }: when the newest run began and ended, the ids of all documents and of those of this run, and what never became a document, what was still to be sent among it. */
export function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(key)) || {};
  } catch {
    return {};
  }
}

export function remember(times) {
  if (saving) return;
  saving = setTimeout(() => {
    saving = 0;
    write(times());
  }, 500);
}

function write(times) {
  const idsOf = (chosen) => [...new Set(chosen.map((row) => row.id))];
  const sent = rows.filter((row) => row.id && !row.old);
  const told = (row, why, hint) => ({ name: row.name, folder: row.folder, size: row.size, why, hint, latest: isOfRun(row) });
  const refused = rows.filter((row) => row.state === "refused").map((row) => told(row, row.why, row.hint));
  // Read only once the page was left: by then their bytes are gone.
  refused.push(...rows.filter((row) => UNSENT.has(row.state)).map((row) => told(row, "The page was left before all of it was sent.", "If it is not in this list, choose it again.")));
  try {
    sessionStorage.setItem(key, JSON.stringify({ ...times, ids: idsOf(sent), latest: idsOf(sent.filter(isOfRun)), refused }));
  } catch {
    // Storage may be forbidden or full; a reload then shows only what the server tells.
  }
}

/** Keeps at once what was cleared: whoever reloads now must not see it again. */
export function rememberCleared(times) {
  write(times);
  try {
    localStorage.setItem(key, JSON.stringify(listCleared()));
  } catch {
    // As above.
  }
}

/** Leaves out what was cleared; `told` are the ids that the server tells of, others need not be kept any longer. */
export function recallCleared(told) {
  try {
    leaveOut((JSON.parse(localStorage.getItem(key)) || []).filter(([id]) => told.has(id)));
  } catch {
    // As above.
  }
}

/** Puts back the files that were refused before the page was loaded again. */
export function refusedAgain({ refused = [] }) {
  for (const { why, hint, latest, ...fields } of refused) {
    const row = addRow(fields);
    if (latest) toRun(row);
    row.set("refused", why, hint);
  }
}

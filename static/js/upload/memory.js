// What this tab has sent is kept for as long as the tab lives, so that a reload shows it still.
import { addRow, rows } from "./rows.js";

const key = `footnote-upload:${document.getElementById("upload").dataset.collection}`;
let saving = 0;

/** { began, ended, ids, refused }: when it began, the documents' ids, and what never became a document. */
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
    const ids = [...new Set(rows.filter((row) => row.id && !row.old).map((row) => row.id))];
    const refused = rows.filter((row) => row.state === "refused").map(({ name, folder, size, why, hint }) => ({ name, folder, size, why, hint }));
    try {
      sessionStorage.setItem(key, JSON.stringify({ ...times(), ids, refused }));
    } catch {
      // Storage may be forbidden or full; a reload then shows only what the server tells.
    }
  }, 500);
}

/** Puts back the files that were refused before the page was loaded again. */
export function refusedAgain({ refused = [] }) {
  for (const { why, hint, ...fields } of refused) addRow(fields).set("refused", why, hint);
}

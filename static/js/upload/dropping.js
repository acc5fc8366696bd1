// Files out of what was chosen or dropped: whole folders, however deep.

const HIDDEN = /^(\.|~\$|Thumbs\.db$|desktop\.ini$)/i;

/** Those that a person means; what systems and programs hide in folders is left out, and counted. The outermost folder
    was chosen by name. */
export function meant(files) {
  const chosen = files.filter(({ file, folder }) => ![...folder.split("/").slice(1), file.name].some((part) => HIDDEN.test(part)));
  return { chosen, hidden: files.length - chosen.length };
}

export const fromInput = (files) => files.map((file) => ({ file, folder: folderOf(file.webkitRelativePath) }));

const folderOf = (path) => (path || "").replace(/^\//, "").split("/").slice(0, -1).join("/");

/** The files of dropped entries, in portions, so that the page lives on while a great folder is walked. */
export async function* fromDrop(entries) {
  const left = [...entries];
  let portion = [];
  while (left.length) {
    const entry = left.shift();
    try {
      if (entry.isFile) portion.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), folder: folderOf(entry.fullPath) });
      else left.unshift(...(await inside(entry)));
    } catch {
      // It went while it was dropped, or may not be read: nothing to send.
    }
    if (portion.length >= 100) {
      yield portion;
      portion = [];
    }
  }
  if (portion.length) yield portion;
}

async function inside(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    // A reader gives at most a hundred at a time.
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!batch.length) return found.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    found.push(...batch);
  }
}

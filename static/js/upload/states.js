// What a file can be on its way, in words. The admin's pages say the same (apps/documents/admin/common.py).

export const WORDS = {
  waiting: "Waiting to be sent",
  uploading: "Sending",
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

/** The five kinds that are counted. */
export const KINDS = { waiting: "sending", uploading: "sending", queued: "waiting", extracting: "working", chunking: "working", embedding: "working", ready: "ready", ready_with_warnings: "ready", failed: "failed", refused: "failed", broken: "failed", cancelled: "cancelled" };
export const KIND_WORDS = { sending: "to be sent", waiting: "queued", working: "in work", ready: "ready", failed: "failed", cancelled: "cancelled" };

export const UNFINISHED = new Set(["queued", "extracting", "chunking", "embedding"]);
export const UNSENT = new Set(["waiting", "uploading"]);

/** What share of a document's way lies behind a state, and how much the state itself is, in percent. */
export const SENT = 5;
const SHARES = { waiting: [0, 0], uploading: [0, SENT], queued: [SENT, 0], extracting: [SENT, 40], chunking: [45, 10], embedding: [55, 45] };

export function share(row) {
  const [behind, own] = SHARES[row.state] || [100, 0];
  if (!own) return behind;
  if (row.state === "uploading") return behind + own * row.sent;
  const { done = 0, total = 0 } = row.known?.progress || {};
  return behind + (total ? (own * done) / total : 0);
}

export function bytes(size) {
  if (size < 1000) return `${size} B`;
  return size < 1e6 ? `${(size / 1e3).toFixed(0)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}

export const number = (count, word) => `${count.toLocaleString()} ${word}${count === 1 ? "" : "s"}`;

/** A time as people say it: "12 s", "3 min 5 s", "2 h 10 min". */
export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** How files ended, by what became of them: "4 ready, 10 failed". */
export const ended = (counts) => ["ready", "failed", "cancelled"].filter((kind) => counts[kind]).map((kind) => `${counts[kind].toLocaleString()} ${KIND_WORDS[kind]}`).join(", ");

/** How a row stands, in words. */
export function words(row) {
  const { progress, pages = 0, chunks = 0 } = row.known || {};
  if (row.state === "uploading") return row.sent < 1 ? `Sending ${Math.round(row.sent * 100)} %` : "Being stored";
  if (row.state === "queued" && row.position) return row.position === 1 ? "Queued, next in line" : `Queued, ${(row.position - 1).toLocaleString()} before it`;
  if (row.state === "extracting" && progress?.total) return `Reading page ${progress.done.toLocaleString()} of ${progress.total.toLocaleString()}`;
  if (row.state === "embedding" && progress?.total) return `Indexing passage ${progress.done.toLocaleString()} of ${progress.total.toLocaleString()}`;
  if (row.state.startsWith("ready")) return [row.note || WORDS[row.state], number(pages, "page"), number(chunks, "passage")].join(" · ");
  return WORDS[row.state];
}

/** What can be done about it: "Cancel", "Retry" or nothing, as for a file that stays damaged however often it is read. */
export function action(row) {
  if (UNFINISHED.has(row.state) || UNSENT.has(row.state)) return "Cancel";
  if (row.state === "failed") return row.known?.error?.permanent ? "" : "Retry";
  if (row.state === "broken") return "Retry";
  if (row.state === "cancelled" && (row.id || row.isOurs)) return "Retry";
  return "";
}

// How long it may still take, by what was done within the last minute.
import { isOfRun, rows } from "./rows.js";
import { SENT, UNSENT, share } from "./states.js";

const WINDOW_MILLISECONDS = 60_000;
const LEAST_MILLISECONDS = 8000;
const looks = [];
let work = 0;

/** A file counts one, and one more for each megabyte, as the server's own turns do (docs/adr/0008). */
const weight = (row) => 1 + row.size / 1e6;

/** { percent, seconds }: the share that is done, and the seconds left; null where nobody can tell yet. */
export function estimate() {
  let all = 0;
  let bar = 0;
  let left = 0;
  for (const row of rows) {
    if (!isOfRun(row)) continue;
    const now = share(row);
    const worth = (weight(row) * Math.max(0, now - SENT)) / (100 - SENT);
    // Only what was worked on tells of the pace: not what was refused, was here already, or was done before.
    const worked = row.counted !== undefined && !(UNSENT.has(row.countedState) && now === 100);
    if (worked && worth > row.counted) work += worth - row.counted;
    row.counted = worth;
    row.countedState = row.state;
    all += weight(row);
    bar += (weight(row) * now) / 100;
    left += weight(row) - worth;
  }
  const at = Date.now();
  if (work || looks.length) looks.push({ at, work });
  if (!looks.length) return { percent: all ? (100 * bar) / all : 0, seconds: null };
  while (looks.length > 2 && at - looks[1].at > WINDOW_MILLISECONDS) looks.shift();
  const rate = (work - looks[0].work) / (at - looks[0].at);
  const known = at - looks[0].at >= LEAST_MILLISECONDS && rate > 0 && left > 0;
  return { percent: all ? (100 * bar) / all : 0, seconds: known ? left / rate / 1000 : null };
}

/** Forgets the pace: before something begins, nothing is known of it. */
export function restart() {
  looks.length = work = 0;
}

/** "about 3 minutes left", no more exact than it can be known. */
export function leftWords(seconds) {
  if (seconds === null) return "";
  if (seconds < 45) return "less than a minute left";
  if (seconds < 90) return "about a minute left";
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} minutes left`;
  return `about ${Math.round(seconds / 3600)} hours left`;
}

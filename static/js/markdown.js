// Markdown to DOM nodes, for text that a model wrote. Only nodes made here can appear: no HTML, no images,
// and no links, because a poisoned document could talk a model into one; a link shows as its words and address.
import { element } from "./page.js";

const INLINE = new RegExp(
  [
    "(?<code>`+)(?<codeText>[\\s\\S]+?)\\k<code>(?!`)",
    "!?\\[(?<label>[^\\]\\n]*)\\]\\((?<target>[^)\\s]*)[^)\\n]*\\)",
    "\\[(?<notes>\\d{1,3}(?:\\s*,\\s*\\d{1,3})*)\\]",
    "(?<strong>\\*\\*|__)(?=\\S)(?<strongText>[\\s\\S]*?\\S)\\k<strong>",
    "(?<![\\w*])(?<em>[*_])(?=[^\\s*_])(?<emText>[\\s\\S]*?[^\\s*_]|[^\\s*_])\\k<em>(?![\\w*])",
    "\\\\(?<escaped>[\\\\`*_{}\\[\\]()#+\\-.!|>~])",
  ].join("|"),
  "g",
);

/** The text without the word joiners by which the server keeps a document's own `[8]` from being a footnote. */
export const unshielded = (text) => text.replaceAll("\u2060", "");

/** @param {string} text  @param {(n: number) => Node|null} footnote makes the chip of footnote n; null where there is none */
export function render(text, footnote) {
  const fragment = document.createDocumentFragment();
  fragment.append(...blocks(text.replace(/\r\n?/g, "\n").split("\n"), footnote));
  return fragment;
}

function inline(text, footnote) {
  const nodes = [];
  let last = 0;
  for (const match of text.matchAll(INLINE)) {
    const before = text.slice(last, match.index);
    last = match.index + match[0].length;
    const chips = match.groups.notes?.split(",").map((n) => footnote(Number(n)));
    if (!chips) nodes.push(before, inlineNode(match.groups, footnote));
    else if (chips.every(Boolean)) bind(nodes, before, chips);
    else nodes.push(before, match[0]); // a bracket of the text's own
  }
  return [...nodes, text.slice(last)].map((node) => (typeof node === "string" ? unshielded(node) : node)).filter((node) => node !== "");
}

/** A footnote follows its word without a space and never begins a line, as in a book. */
function bind(nodes, before, chips) {
  const words = before.trimEnd();
  const last = nodes.at(-1);
  if (!words && last instanceof Element && last.className === "bound") return last.append(...chips);
  const word = /\S{0,30}$/.exec(words)[0];
  nodes.push(words.slice(0, words.length - word.length), element("span", { class: "bound" }, unshielded(word), ...chips));
  return undefined;
}

function inlineNode(groups, footnote) {
  if (groups.code) return element("code", {}, unshielded(groups.codeText).trim());
  if (groups.strong) return element("strong", {}, ...inline(groups.strongText, footnote));
  if (groups.em) return element("em", {}, ...inline(groups.emText, footnote));
  if (groups.escaped) return groups.escaped;
  return groups.label && groups.target ? `${groups.label} (${groups.target})` : groups.label || groups.target || "";
}

const STARTS = {
  fence: /^\s*(```|~~~)/,
  heading: /^(#{1,6})\s+(.*?)\s*#*$/,
  rule: /^\s*([-*_])(\s*\1){2,}\s*$/,
  quote: /^\s*>\s?/,
  item: /^(\s*)([-*+•]|\d{1,3}[.)])\s+(.*)$/,
  divider: /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/,
};

const DEEPEST = 12; // lists and quotes inside one another; a hostile text could nest thousands

function blocks(lines, footnote, depth = 0) {
  if (depth > DEEPEST) return [element("p", {}, unshielded(lines.join(" ")))];
  const nodes = [];
  let at = 0;
  while (at < lines.length) {
    if (!lines[at].trim()) { at += 1; continue; }
    const [node, next] = block(lines, at, footnote, depth);
    nodes.push(node);
    at = next;
  }
  return nodes;
}

function block(lines, at, footnote, depth) {
  const line = lines[at];
  if (STARTS.fence.test(line)) return fence(lines, at);
  const heading = STARTS.heading.exec(line);
  if (heading) return [element(`h${Math.min(heading[1].length + 2, 6)}`, {}, ...inline(heading[2], footnote)), at + 1];
  if (STARTS.rule.test(line)) return [element("hr"), at + 1];
  if (STARTS.quote.test(line)) return quote(lines, at, footnote, depth);
  if (STARTS.item.test(line)) return list(lines, at, footnote, depth);
  if (line.includes("|") && at + 1 < lines.length && lines[at + 1].includes("|") && STARTS.divider.test(lines[at + 1])) return table(lines, at, footnote);
  return paragraph(lines, at, footnote);
}

function fence(lines, at) {
  const mark = STARTS.fence.exec(lines[at])[1];
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(mark)) end += 1;
  return [element("pre", {}, element("code", {}, unshielded(lines.slice(at + 1, end).join("\n")))), end + 1];
}

function quote(lines, at, footnote, depth) {
  let end = at;
  while (end < lines.length && STARTS.quote.test(lines[end])) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(STARTS.quote, ""));
  return [element("blockquote", {}, ...blocks(inner, footnote, depth + 1)), end];
}

/** A list; lines indented deeper than its first marker belong to the item above them. */
function list(lines, at, footnote, depth) {
  const [, indent, marker] = STARTS.item.exec(lines[at]);
  const ordered = /\d/.test(marker);
  const node = element(ordered ? "ol" : "ul", ordered && parseInt(marker, 10) !== 1 ? { start: parseInt(marker, 10) } : {});
  let end = at;
  while (end < lines.length) {
    const item = STARTS.item.exec(lines[end]);
    if (!item || item[1].length !== indent.length || /\d/.test(item[2]) !== ordered) break;
    const inner = [];
    end += 1;
    while (end < lines.length && belongs(lines, end, indent.length)) inner.push(lines[end++]);
    while (inner.length && !inner.at(-1).trim()) inner.pop();
    node.append(element("li", {}, ...inline(item[3], footnote), ...blocks(dedent(inner), footnote, depth + 1)));
  }
  return [node, Math.max(end, at + 1)];
}

function belongs(lines, at, indent) {
  if (lines[at].trim()) return lines[at].search(/\S/) > indent;
  const next = lines.slice(at).find((line) => line.trim());
  return next !== undefined && next.search(/\S/) > indent;
}

function dedent(lines) {
  const depth = Math.min(...lines.filter((line) => line.trim()).map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(Number.isFinite(depth) ? depth : 0));
}

function cells(line) {
  return line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function table(lines, at, footnote) {
  const row = (tag, line) => element("tr", {}, ...cells(line).map((cell) => element(tag, {}, ...inline(cell, footnote))));
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const body = element("tbody", {}, ...lines.slice(at + 2, end).map((line) => row("td", line)));
  const node = element("table", {}, element("thead", {}, row("th", lines[at])), body);
  return [element("div", { class: "table-scroll" }, node), end];
}

function paragraph(lines, at, footnote) {
  let end = at + 1;
  const isBlock = (line) => !line.trim() || [STARTS.fence, STARTS.heading, STARTS.rule, STARTS.quote, STARTS.item].some((start) => start.test(line));
  while (end < lines.length && !isBlock(lines[end])) end += 1;
  const node = element("p");
  lines.slice(at, end).forEach((line, index, all) => {
    node.append(...inline(line.trim(), footnote));
    if (index < all.length - 1) node.append(/ {2,}$|\\$/.test(line) ? element("br") : " ");
  });
  return [node, end];
}

// The composer: the question, the collections it goes to, Send and Stop.

const form = document.getElementById("composer");
const field = document.getElementById("question");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const errorPlace = document.getElementById("composer-error");
const count = document.getElementById("composer-count");
const picker = document.getElementById("picker");
const limit = Number(field.dataset.limit);
const draftKey = () => `footnote-draft-${form.elements.conversation.value}`;

export function say(message, { hint = false } = {}) {
  errorPlace.textContent = message;
  errorPlace.hidden = !message;
  errorPlace.classList.toggle("is-hint", hint);
}

/** Says why a question does not go out while an answer is written. */
export function sayWait() {
  say(""); // said twice, it is to be heard twice
  say("Wait for the answer, or stop it, then send.", { hint: true });
}

/** While an answer is written, Send is Stop. */
export function setBusy(busy) {
  send.hidden = busy;
  stop.hidden = !busy;
  if (!busy && errorPlace.classList.contains("is-hint")) say("");
}

export function setConversation(id) {
  form.elements.conversation.value = id;
  field.placeholder = "Ask a follow-up question";
}

export function clear() {
  field.value = "";
  keepDraft();
  grow();
}

function keepDraft() {
  try {
    if (field.value) sessionStorage.setItem(draftKey(), field.value);
    else sessionStorage.removeItem(draftKey());
  } catch { /* without storage the text lives as long as the page */ }
}

function grow() {
  if (!CSS.supports("field-sizing", "content")) {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }
  const near = field.value.length > limit * 0.9;
  count.hidden = !near;
  count.textContent = near ? `${field.value.length.toLocaleString()} of ${limit.toLocaleString()}` : "";
  if (field.value.length <= limit) say("");
}

function labelPicker() {
  const boxes = [...form.querySelectorAll('[name="collections"]')];
  const chosen = boxes.filter((box) => box.checked);
  const all = chosen.length === 0 || chosen.length === boxes.length;
  const label = all ? (boxes.length === 1 ? boxes[0].dataset.name : "All collections") : chosen.length === 1 ? chosen[0].dataset.name : `${chosen.length} collections`;
  document.getElementById("picker-label").textContent = label;
  for (const starter of document.querySelectorAll(".starters li")) {
    starter.hidden = !all && !chosen.some((box) => box.value === starter.dataset.collection);
  }
}

/** Ticks the collection that a link to a new chat names: `/?collection=ID`. */
function chooseByAddress() {
  const wanted = new URLSearchParams(location.search).get("collection");
  if (!wanted || form.elements.conversation.value || field.disabled) return;
  const box = [...form.querySelectorAll('[name="collections"]')].find((each) => each.value === wanted);
  if (box) box.checked = true;
  else say("That collection is not shared with you. Your question goes to those that are.", { hint: true });
}

function problem() {
  if (!field.value.trim()) return "Type a question first.";
  if (field.value.length > limit) return `The question has ${field.value.length.toLocaleString()} characters; the limit is ${limit.toLocaleString()}. Shorten it.`;
  return "";
}

/** The fields of a question as they stand, ready to post. */
export function fields(question = field.value) {
  const chosen = [...form.querySelectorAll('[name="collections"]:checked')].map((box) => ["collections", box.value]);
  return [["question", question], ["conversation", form.elements.conversation.value], ...chosen];
}

/** @param {{ask: (fields: string[][], typed: boolean) => Promise, halt: () => Promise}} acts */
export function setUpComposer({ ask, halt }) {
  const submit = () => {
    if (!stop.hidden) return sayWait();
    const message = problem();
    say(message);
    if (message) return field.focus();
    return ask(fields(), true);
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  field.addEventListener("input", () => { grow(); keepDraft(); });
  stop.addEventListener("click", async () => { stop.disabled = true; await halt(); stop.disabled = false; });
  picker.addEventListener("change", labelPicker);
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.menu[open], details.picker[open]")) if (!open.contains(event.target)) open.open = false;
    const starter = event.target.closest("[data-starter]");
    if (starter) ask(fields(starter.dataset.starter), false);
  });
  try { field.value ||= sessionStorage.getItem(draftKey()) || ""; } catch { /* no storage, no draft */ }
  grow();
  chooseByAddress();
  labelPicker();
}

// Follows an answer while it is written: stages, then text, then the server's finished rendering.
import { announce, element } from "./page.js";
import { refresh, setText } from "./answer.js";

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const connection = () => document.querySelector(".connection");

function showConnection(words) {
  const place = connection();
  place.textContent = words;
  place.hidden = !words;
}

/** The words of the stages so far: "Searching…", "6 passages from 3 documents", "writing". */
class Stages {
  constructor(article) {
    this.place = article.querySelector(".stage");
    this.place.replaceChildren();
  }

  say(words) {
    if (this.place.lastElementChild?.textContent === words) return;
    this.place.append(element("span", {}, words));
    announce(words);
  }

  remove() {
    this.place.remove();
  }
}

const STAGE_WORDS = { queued: "Waiting for a free place…", searching: "Searching…", found: "", writing: "Writing…" };

/** Streams until the answer ends, also across dropped connections. Resolves with the final article. */
export async function follow(article, { grew }) {
  const stages = new Stages(article);
  const state = { text: "", last: "", began: false, drawing: false };
  stages.say("Searching…");
  const draw = () => {
    if (state.drawing) return;
    state.drawing = true;
    requestAnimationFrame(() => {
      state.drawing = false;
      if (!article.isConnected) return;
      setText(article, state.text, { writing: true });
      grew();
    });
  };
  for (let attempt = 0; ; attempt += 1) {
    const ended = await listen(article, state, stages, draw);
    if (!article.isConnected) return article;
    const fresh = await finished(article, ended);
    if (fresh) return fresh;
    showConnection("Connection lost. Reconnecting…");
    await wait(Math.min(500 * 2 ** attempt, 8000));
  }
}

/** Opens the event stream once; resolves true when the answer ended, false when the stream gave up. */
function listen(article, state, stages, draw) {
  return new Promise((resolve) => {
    const url = new URL(article.dataset.events, location.href);
    if (state.last) url.searchParams.set("after", state.last);
    const source = new EventSource(url);
    const on = (name, act) =>
      source.addEventListener(name, (event) => {
        if (event.data === undefined) return;
        if (event.lastEventId) state.last = event.lastEventId;
        showConnection("");
        act(JSON.parse(event.data));
      });
    const end = (ended) => {
      source.close();
      resolve(ended);
    };
    on("status", (data) => stages.say(data.detail || STAGE_WORDS[data.stage] || ""));
    on("sources", (data) => {
      const documents = new Set(data.passages.map((passage) => passage.document?.id ?? passage.document));
      if (data.passages.length) stages.say(`${plural(data.passages.length, "passage")} from ${plural(documents.size, "document")}`);
    });
    on("token", (data) => {
      if (!state.began) stages.remove();
      state.began = true;
      state.text += data.text;
      draw();
    });
    on("done", () => end(true));
    on("error", () => end(true));
    source.addEventListener("open", () => showConnection(""));
    source.onerror = (event) => {
      if (event.data !== undefined) return;
      if (source.readyState === EventSource.CLOSED || !article.isConnected) end(false);
      else showConnection(navigator.onLine ? "Connection lost. Reconnecting…" : "You are offline. The answer goes on when you are back.");
    };
  });
}

/** The finished rendering, or null while the server still writes (or cannot be reached). */
async function finished(article, ended) {
  for (let attempt = 0; attempt < (ended ? 12 : 1); attempt += 1) {
    try {
      const fresh = await refresh(article);
      showConnection("");
      if (!fresh.hasAttribute("data-unfinished")) return fresh;
      fresh.replaceWith(article);
    } catch (error) {
      if (error.status === 404) throw error;
    }
    if (ended) await wait(100 + 150 * attempt);
  }
  return null;
}

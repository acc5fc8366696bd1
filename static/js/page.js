// What every module of the page needs: requests, announcements, icons.

/** A refusal by the server, or no server: `message` is one sentence for the reader. */
export class RequestError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

const OFFLINE = "Footnote cannot be reached. Check your connection; what you typed is kept.";

async function request(url, options = {}) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...options, headers: { "X-Requested-With": "fetch", ...options.headers } });
  } catch {
    throw new RequestError(OFFLINE);
  }
  const landed = new URL(response.url);
  if (response.redirected && landed.pathname.startsWith("/account/")) {
    landed.searchParams.set("next", location.pathname);
    location.assign(landed);
    throw new RequestError("Your session has ended. Sign in again.", 401);
  }
  if (!response.ok) throw new RequestError(await sentence(response), response.status);
  return response;
}

async function sentence(response) {
  const fallback = response.status >= 500 ? "Something went wrong on our side. Try again in a moment." : "That did not work. Reload the page and try again.";
  if (!(response.headers.get("Content-Type") || "").includes("json")) return fallback;
  const body = await response.json().catch(() => ({}));
  return body.message || fallback;
}

/** GETs a fragment that the server rendered (and escaped); gives its nodes, scripts inert. */
export async function getFragment(url) {
  const html = await (await request(url)).text();
  return parseFragment(html);
}

export function parseFragment(html) {
  return [...new DOMParser().parseFromString(html, "text/html").body.childNodes];
}

/** POSTs form fields with the CSRF token; gives the JSON answered. */
export async function post(url, fields = []) {
  const body = new URLSearchParams(fields);
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const response = await request(url, { method: "POST", body, headers: { "X-CSRFToken": token, Accept: "application/json" } });
  return response.status === 204 ? {} : response.json();
}

/** Says something to a screen reader, politely. */
export function announce(words) {
  const place = document.getElementById("announcer");
  if (place) place.textContent = words;
}

/** Changes which icon an icon button shows. */
export function setIcon(button, name) {
  const use = button.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${name}`));
}

/** An icon of the sprite, as a node. */
export function icon(name) {
  const copy = document.querySelector("svg.icon").cloneNode(true);
  const use = copy.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${name}`));
  return copy;
}

/** Makes an element with attributes and children; text stays text. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

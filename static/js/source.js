// The page of a source: while it is synced, or waits for that, how it stands is looked up again.
const LOOK_MILLISECONDS = 2000;

async function look() {
  const here = document.getElementById("standing");
  try {
    const response = await fetch(location.href);
    if (!response.ok || response.redirected) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById("standing");
    if (fresh && fresh.innerHTML !== here.innerHTML) here.replaceWith(fresh);
  } catch {
    // Footnote cannot be reached now; the next look may find it.
  }
  again();
}

function again() {
  if ("moves" in document.getElementById("standing").dataset) setTimeout(look, LOOK_MILLISECONDS);
}

again();

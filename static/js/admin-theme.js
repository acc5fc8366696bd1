// One theme for the chat and the admin: before the first paint the admin takes the chat's choice, and on leaving it
// gives back what was chosen here. Alpine keeps the admin's as JSON.
(() => {
  const CHAT = "footnote-theme";
  const ADMIN = "adminTheme";
  try {
    const taken = localStorage.getItem(CHAT) || "auto";
    localStorage.setItem(ADMIN, JSON.stringify(taken));
    addEventListener("pagehide", () => {
      const now = JSON.parse(localStorage.getItem(ADMIN));
      if (now !== taken) localStorage.setItem(CHAT, now);
    });
  } catch {
    // Storage may be forbidden; each then has the system's theme.
  }
})();

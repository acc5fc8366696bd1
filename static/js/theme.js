// Runs before the first paint, so that a chosen theme never flashes in late.
(() => {
  try {
    const theme = localStorage.getItem("footnote-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; the system's theme holds then.
  }
})();

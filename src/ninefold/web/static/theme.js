/**
 * Sets the chosen theme before anything is painted; therefore no module, and in the head.
 * Without a choice the page follows the system.
 */
(() => {
  try {
    const theme = localStorage.getItem("ninefold-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be closed to us; then the system's theme holds.
  }
})();

/** What every page does: switch the theme, say when the network is away, work offline. */

const root = document.documentElement;

/** Whether the page is dark now. */
function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

const themeSwitch = document.querySelector(".theme-switch");
if (themeSwitch instanceof HTMLButtonElement) {
  const show = () => themeSwitch.setAttribute("aria-pressed", String(isDark()));
  themeSwitch.hidden = false;
  themeSwitch.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    show();
    try {
      localStorage.setItem("ninefold-theme", root.dataset.theme);
    } catch {
      // The choice then lasts as long as the page.
    }
  });
  show();
}

const offline = document.querySelector(".offline");
if (offline instanceof HTMLElement) {
  const show = () => {
    offline.hidden = navigator.onLine;
  };
  addEventListener("online", show);
  addEventListener("offline", show);
  show();
}

if ("serviceWorker" in navigator && root.dataset.worker === "yes") {
  addEventListener("load", () => {
    // A page without its worker works all the same, only not offline.
    navigator.serviceWorker.register("/sw.js").catch(() => undefined);
  });
}

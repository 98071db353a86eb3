/** The page of the history: wires the list to what the device keeps. */

import { DrawingList } from "./drawing-list.js";
import { need } from "./element.js";
import { exportText, forgotten } from "./history-entries.js";
import { loadHistory, saveHistory, watchHistory } from "./history-store.js";
import { pageSay } from "./page-data.js";

const say = pageSay();
const search = need(document, "#history-search", HTMLInputElement);
const tools = need(document, ".list-tools", HTMLElement);
const nothing = need(document, ".nothing", HTMLElement);
const told = need(document, ".said", HTMLElement);
const list = new DrawingList(need(document, ".drawings", HTMLElement), say, document.documentElement.lang);

function show() {
  const entries = loadHistory();
  const count = list.update(entries, search.value);
  tools.hidden = entries.length === 0;
  nothing.hidden = entries.length > 0;
  told.textContent = entries.length > 0 ? say("live.history.count", { count }) : "";
}

function download() {
  const text = exportText(loadHistory(), location.origin);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "ninefold-history.json";
  link.click();
  URL.revokeObjectURL(link.href);
}

search.addEventListener("input", show);
need(document, "[data-do=export]", HTMLButtonElement).addEventListener("click", download);
need(document, "[data-do=delete-all]", HTMLButtonElement).addEventListener("click", () => {
  if (!confirm(say("live.history.confirm"))) return;
  saveHistory([]);
  show();
});
document.addEventListener("forget-drawing", (event) => {
  saveHistory(forgotten(loadHistory(), /** @type {CustomEvent} */ (event).detail.id));
  show();
});
watchHistory(show);
show();

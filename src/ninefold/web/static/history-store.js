/** Keeps the history in this device's storage. A device without storage keeps none, and says so. */

import { readEntries, remembered } from "./history-entries.js";

/** @typedef {import("./history-entries.js").HistoryEntry} HistoryEntry */

const KEY = "ninefold-history";

/**
 * Return what is remembered, the newest first.
 * @returns {HistoryEntry[]}
 */
export function loadHistory() {
  try {
    return readEntries(localStorage.getItem(KEY));
  } catch {
    return [];
  }
}

/**
 * Store the entries; whether there was room for them.
 *
 * @param {HistoryEntry[]} entries
 */
export function saveHistory(entries) {
  try {
    localStorage.setItem(KEY, JSON.stringify(entries));
    return true;
  } catch {
    return false;
  }
}

/**
 * Remember one drawing.
 * @param {HistoryEntry} entry
 */
export function remember(entry) {
  return saveHistory(remembered(loadHistory(), entry));
}

/**
 * Call a function whenever another tab changed the history.
 * @param {() => void} onChange
 */
export function watchHistory(onChange) {
  window.addEventListener("storage", (event) => {
    if (event.key === KEY || event.key === null) onChange();
  });
}

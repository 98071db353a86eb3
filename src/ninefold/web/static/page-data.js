/** What the server gives a page for its scripts: data blocks, which a browser never runs. */

import { speakerOf } from "./messages.js";

/**
 * Return what is in the data block of an id; null where the page has none.
 * @param {string} id
 * @returns {any}
 */
export function pageData(id) {
  const block = document.getElementById(id);
  return block?.textContent ? JSON.parse(block.textContent) : null;
}

/** Return the function that says messages in the page's language. */
export function pageSay() {
  return speakerOf(pageData("messages") ?? {}, document.documentElement.lang || "en");
}

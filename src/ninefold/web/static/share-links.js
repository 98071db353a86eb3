/**
 * Addresses of pages on which a drawing can be told of. Pure; nothing is loaded from them.
 */

const LONGEST_TITLE = 200;

/**
 * Return the page on X that offers to post a link.
 *
 * @param {string} text
 * @param {string} url absolute
 */
export function xLink(text, url) {
  return withParameters("https://x.com/intent/post", { text: shortened(text), url });
}

/**
 * Return the page on Reddit that offers to submit a link.
 *
 * @param {string} title
 * @param {string} url absolute
 */
export function redditLink(title, url) {
  return withParameters("https://www.reddit.com/submit", { url, title: shortened(title) });
}

/**
 * @param {string} address
 * @param {Record<string, string>} parameters
 */
function withParameters(address, parameters) {
  return `${address}?${new URLSearchParams(parameters)}`;
}

/** @param {string} text */
function shortened(text) {
  const characters = Array.from(text);
  return characters.length > LONGEST_TITLE ? `${characters.slice(0, LONGEST_TITLE - 1).join("")}…` : text;
}

/**
 * Return a name for a downloaded file that is safe on every system.
 *
 * @param {string} prompt
 * @param {string} suffix such as "3.png"
 */
export function fileName(prompt, suffix) {
  const words = prompt.normalize("NFC").match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  const stem = Array.from(words.join("-")).slice(0, 60).join("").replace(/-$/, "");
  return `${stem || "picture"}-${suffix}`;
}

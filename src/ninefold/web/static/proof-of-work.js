/**
 * Solves challenges of ALTCHA, version 2 with SHA-256: finds the counter whose hash begins as asked.
 * Pure, and as long at it as the challenge wants: for a worker, not for the page's own thread.
 */

import { blockOf, hash } from "./sha256.js";

/**
 * @typedef {object} Challenge
 * @property {{algorithm: string, cost: number, nonce: string, salt: string, keyPrefix: string}} parameters
 * @property {string} signature
 */

const LARGEST = 2 ** 32;

/**
 * Return what the service takes as a solution: base64 of JSON.
 *
 * @param {Challenge} challenge
 * @returns {string}
 */
export function solve(challenge) {
  const { algorithm, cost, nonce, salt, keyPrefix } = challenge.parameters;
  if (algorithm !== "SHA-256" || cost !== 1 || keyPrefix.length < 8) throw new Error(`No way to solve ${algorithm} × ${cost}.`);
  const start = bytesOf(salt + nonce);
  const block = blockOf(new Uint8Array([...start, 0, 0, 0, 0]));
  const place = start.length / 4; // of the counter among the words
  const [wanted] = blockOf(bytesOf(keyPrefix.slice(0, 8)));
  const digest = new Int32Array(8);
  for (let counter = 0; counter < LARGEST; counter += 1) {
    block[place] = counter;
    hash(block, digest);
    if (digest[0] !== wanted) continue;
    const derivedKey = hexOf(digest);
    if (derivedKey.startsWith(keyPrefix)) return btoa(JSON.stringify({ challenge, solution: { counter, derivedKey } }));
  }
  throw new Error("The challenge has no solution.");
}

/** @param {string} hex */
function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** @param {Int32Array} words */
function hexOf(words) {
  return Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

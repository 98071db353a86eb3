/**
 * The drawings that a device remembers. Pure: lists in, lists out; storing is for others.
 */

import { pathOf, smallFileOf } from "./job-state.js";

/** @typedef {import("./job-state.js").JobDocument} JobDocument */

/**
 * @typedef {object} HistoryEntry
 * @property {string} id
 * @property {string} prompt
 * @property {number} seed
 * @property {string} model
 * @property {string} status
 * @property {string} at when it was asked for, ISO 8601
 * @property {string[]} pictures paths, the best first
 */

/** Entries that are kept; the oldest make room. */
export const MAX_ENTRIES = 500;

/**
 * Return what is remembered of a job; not pictures that no cache may keep, as they are for one alone.
 *
 * @param {JobDocument} job
 * @returns {HistoryEntry}
 */
export function entryOf(job) {
  const shown = job.pictures.filter((picture) => !picture.hidden && pathOf(picture.url).startsWith("/i/"));
  const inOrder = shown.toSorted((a, b) => (a.rank ?? a.index) - (b.rank ?? b.index));
  return {
    id: job.id,
    prompt: job.prompt,
    seed: job.seed,
    model: job.model,
    status: job.status,
    at: job.created_at,
    pictures: inOrder.map((picture) => smallFileOf(pathOf(picture.url))),
  };
}

/**
 * Return the entries with one added, or changed where it was known; the newest first.
 *
 * @param {HistoryEntry[]} entries
 * @param {HistoryEntry} entry
 */
export function remembered(entries, entry) {
  const others = entries.filter((other) => other.id !== entry.id);
  return [entry, ...others].toSorted((a, b) => b.at.localeCompare(a.at)).slice(0, MAX_ENTRIES);
}

/**
 * Return the entries without one.
 *
 * @param {HistoryEntry[]} entries
 * @param {string} id
 */
export function forgotten(entries, id) {
  return entries.filter((entry) => entry.id !== id);
}

/**
 * Return the entries whose prompt has all words of a query; case and accents do not matter.
 *
 * @param {HistoryEntry[]} entries
 * @param {string} query
 */
export function matching(entries, query) {
  const words = plain(query).split(/\s+/).filter(Boolean);
  return entries.filter((entry) => words.every((word) => plain(entry.prompt).includes(word)));
}

/** @param {string} text */
function plain(text) {
  return text.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase();
}

/**
 * Return the entries in what storage held; whatever is no entry is left out.
 *
 * @param {string|null} text
 * @returns {HistoryEntry[]}
 */
export function readEntries(text) {
  if (!text) return [];
  try {
    const found = JSON.parse(text);
    return Array.isArray(found) ? found.filter(isEntry) : [];
  } catch {
    return [];
  }
}

/**
 * @param {any} value
 * @returns {value is HistoryEntry}
 */
function isEntry(value) {
  const texts = ["id", "prompt", "model", "status", "at"];
  return (
    value !== null &&
    typeof value === "object" &&
    texts.every((name) => typeof value[name] === "string") &&
    /^[\w-]{1,64}$/.test(value.id) &&
    Number.isSafeInteger(value.seed) &&
    Array.isArray(value.pictures) &&
    value.pictures.every((/** @type {unknown} */ url) => typeof url === "string" && url.startsWith("/i/"))
  );
}

/**
 * Return the file that is exported.
 *
 * @param {HistoryEntry[]} entries
 * @param {string} origin that the pictures' addresses belong to
 */
export function exportText(entries, origin) {
  const drawings = entries.map((entry) => ({
    ...entry,
    page: `${origin}/g/${entry.id}`,
    pictures: entry.pictures.map((url) => origin + url),
  }));
  return `${JSON.stringify({ format: "ninefold-history-1", drawings }, null, 2)}\n`;
}

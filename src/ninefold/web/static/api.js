/** Speaks with the service. Errors are problems (RFC 9457) whose detail is meant for people. */

/** @typedef {import("./job-state.js").JobDocument} JobDocument */
/** @typedef {import("./proof-of-work.js").Challenge} Challenge */

/** What the service answered instead of what was asked for. */
export class Problem extends Error {
  /**
   * @param {number} status of HTTP; 0 where the service could not be reached
   * @param {string} detail one sentence for a person; empty where there is none
   * @param {string} code
   * @param {number|null} retryAfter seconds after which the same may succeed
   * @param {Challenge|null} challenge whose solution lets the same succeed at once
   */
  constructor(status, detail, code = "", retryAfter = null, challenge = null) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
    this.challenge = challenge;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} options
 * @returns {Promise<any>} the JSON of the answer; null where it is empty
 */
async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Problem(0, "");
  }
  const body = await jsonOf(response);
  if (!response.ok) {
    throw problemOf(response.status, body ?? {});
  }
  return body;
}

/**
 * @param {number} status
 * @param {Record<string, any>} body what the service says of it
 */
function problemOf(status, { detail, code, refusal, retry_after_s: retryAfter, challenge }) {
  const words = [detail, refusal?.appeal].filter(Boolean).join(" ");
  return new Problem(status, words, code, retryAfter ?? null, challenge ?? null);
}

/** @param {Response} response */
async function jsonOf(response) {
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  return text && type.includes("json") ? JSON.parse(text) : null;
}

/**
 * @param {unknown} body
 * @param {Record<string, string>} headers
 * @returns {RequestInit}
 */
function posting(body, headers = {}) {
  return {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
}

/**
 * Ask for a drawing. The key makes it safe to ask again after a broken connection.
 *
 * @param {import("./draw-request.js").DrawBody} body
 * @param {string} key
 * @param {string} proof solution of a challenge that was set before; empty where none was
 * @returns {Promise<JobDocument>}
 */
export function createJob(body, key, proof = "") {
  /** @type {Record<string, string>} */
  const headers = { "idempotency-key": key };
  if (proof) headers["proof-of-work"] = proof;
  return call("/api/v1/jobs", posting(body, headers));
}

/**
 * @param {string} id
 * @returns {Promise<JobDocument>}
 */
export function readJob(id) {
  return call(`/api/v1/jobs/${encodeURIComponent(id)}`);
}

/** @param {string} id */
export function cancelJob(id) {
  return call(`/api/v1/jobs/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/**
 * Put a drawing into the gallery, or take it out.
 *
 * @param {string} id
 * @param {boolean} isPublic
 */
export function publishJob(id, isPublic) {
  return call(`/api/v1/jobs/${encodeURIComponent(id)}/${isPublic ? "publish" : "unpublish"}`, posting({}));
}

/**
 * Tell the operators about a picture.
 *
 * @param {string} hash
 * @param {{job_id: string, reason: string, note: string}} report
 */
export function reportPicture(hash, report) {
  return call(`/api/v1/pictures/${encodeURIComponent(hash)}/report`, posting(report));
}

/**
 * Return published prompts that begin like a text.
 *
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<string[]>}
 */
export async function suggestPrompts(text, signal) {
  const answer = await call(`/api/v1/suggestions?${new URLSearchParams({ q: text })}`, { signal });
  return answer.suggestions;
}

/**
 * Return the events of a job after one of them.
 *
 * @param {string} url
 * @returns {Promise<import("./job-state.js").JobEvent[]>}
 */
export async function pollEvents(url) {
  const answer = await call(url, { headers: { accept: "application/json" } });
  return answer.events;
}

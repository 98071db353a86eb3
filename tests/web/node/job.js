/** A job's document and events, as the service tells of them. */

/** @typedef {import("../../../src/ninefold/web/static/job-state.js").JobDocument} JobDocument */
/** @typedef {import("../../../src/ninefold/web/static/job-state.js").JobEvent} JobEvent */
/** @typedef {import("../../../src/ninefold/web/static/job-state.js").Picture} Picture */

export const ASKED_AT = Date.parse("2026-11-24T12:00:00Z");

/**
 * @param {Partial<JobDocument>} changes
 * @returns {JobDocument}
 */
export function job(changes = {}) {
  return {
    id: "abc",
    status: "queued",
    prompt: "a red apple",
    seed: 7,
    model: "pocket",
    settings: { count: 9, condition_scale: 1.5, negative_prompt: "", candidates: null },
    position: 4,
    eta_s: 30,
    created_at: "2026-11-24T12:00:00Z",
    started_at: null,
    ended_at: null,
    progress: { codes: 0, total_codes: 144 },
    pictures: [],
    grid_url: null,
    notices: [],
    refusal: null,
    error: null,
    links: { self: "/api/v1/jobs/abc", events: "/api/v1/jobs/abc/events", page: "/g/abc" },
    ...changes,
  };
}

/**
 * @param {number} index
 * @param {Partial<Picture>} changes
 * @returns {Picture}
 */
export function picture(index, changes = {}) {
  return {
    index,
    rank: null,
    hash: `h${index}`,
    url: `https://ninefold.example/i/h${index}.png`,
    width: 256,
    height: 256,
    hidden: false,
    hidden_reason: null,
    audience: "gallery",
    alt: "",
    ...changes,
  };
}

/** The document of a finished job whose last picture is the best. */
export function doneJob() {
  const pictures = Array.from({ length: 9 }, (_, index) => picture(index, { rank: 8 - index }));
  return job({ status: "done", ended_at: "2026-11-24T12:00:42Z", pictures, grid_url: "/grid.png", eta_s: null });
}

/**
 * @param {string} type
 * @param {number} seq
 * @param {Record<string, any>} data
 * @returns {JobEvent}
 */
export function event(type, seq, data = {}) {
  return { type, seq, at: "2026-11-24T12:00:05Z", ...data };
}

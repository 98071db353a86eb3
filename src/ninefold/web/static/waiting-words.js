/**
 * Says how long something takes, and what is to be told aloud about it.
 * Pure: knows the state of a drawing and a catalogue, not the DOM.
 */

import { fractionDone, isEnded, secondsLeft } from "./job-state.js";

/** @typedef {import("./job-state.js").JobState} JobState */
/** @typedef {import("./messages.js").Say} Say */

/** Seconds from which a wait is called long and the page promises to keep the place. */
export const LONG_WAIT = 60;

/** Seconds between two announcements of progress to a screen reader. */
export const ANNOUNCE_EVERY = 10;

/**
 * Say about how long something takes, no more exactly than is known.
 *
 * @param {number} seconds
 * @param {Say} say
 */
export function roughly(seconds, say) {
  if (seconds < 5) return say("live.time.moment");
  if (seconds < 57.5) return say("live.time.seconds", { count: Math.round(seconds / 5) * 5 });
  if (seconds < 57.5 * 60) return say("live.time.minutes", { count: Math.max(Math.round(seconds / 60), 1) });
  return say("live.time.hours", { count: Math.max(Math.round(seconds / 3600), 1) });
}

/**
 * Write seconds as a clock does: 0:07, 2:05, 1:02:05.
 *
 * @param {number} seconds
 */
export function asClock(seconds) {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = String(rest).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/**
 * Say in one line where a drawing stands.
 *
 * @param {JobState} state
 * @param {Say} say
 */
export function headline(state, say) {
  if (state.status === "queued") {
    const { position } = state;
    if (position === null || position <= 1) return say("live.queued.next");
    return say("live.queued.position", { count: position });
  }
  if (state.status === "drawing") return say("live.drawing", { count: Math.floor(fractionDone(state) * 100) });
  if (state.status === "done") return say("live.done");
  return say(`live.${state.status}`);
}

/**
 * Say what else helps to know: time left, that the place is kept, why there is nothing.
 *
 * @param {JobState} state
 * @param {number} now milliseconds since 1970
 * @param {Say} say
 */
export function detail(state, now, say) {
  if (isEnded(state.status)) return whyEnded(state, say);
  const left = secondsLeft(state, now);
  if (left === null) return say("live.time.unknown");
  const words = say("live.time.left", { time: roughly(left, say) });
  return left >= LONG_WAIT ? `${words} ${say("live.keeps-place")}` : words;
}

/**
 * @param {JobState} state
 * @param {Say} say
 */
function whyEnded({ status, job }, say) {
  if (status === "refused") return [job.refusal?.message, job.refusal?.appeal].filter(Boolean).join(" ");
  if (status === "failed") return job.error?.message || say("live.failed.detail");
  return status === "cancelled" ? say("live.cancelled.detail") : "";
}

/**
 * @typedef {object} Announced what was said last, and when
 * @property {string} key
 * @property {number} at milliseconds since 1970
 */

/**
 * Return what a screen reader should be told now, or null for silence.
 *
 * A change of status is told at once; progress in between at most every `ANNOUNCE_EVERY` seconds,
 * and only when a quarter more is done or the place in the queue changed.
 *
 * @param {JobState} state
 * @param {Announced|null} last
 * @param {number} now milliseconds since 1970
 * @param {Say} say
 * @returns {(Announced & {text: string})|null}
 */
export function announcement(state, last, now, say) {
  const step = state.status === "queued" ? state.position : Math.floor(fractionDone(state) * 4);
  const key = isEnded(state.status) ? state.status : `${state.status}:${step}`;
  if (last?.key === key) return null;
  const isSameStatus = last?.key.split(":")[0] === state.status;
  if (last && isSameStatus && now - last.at < ANNOUNCE_EVERY * 1000) return null;
  const text = [headline(state, say), detail(state, now, say)].filter(Boolean).join(" ");
  return { key, at: now, text };
}

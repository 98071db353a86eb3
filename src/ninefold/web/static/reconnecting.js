/**
 * Decides how to go on listening after a connection broke. Pure: opens nothing itself.
 */

const FIRST_DELAY = 500;
const LONGEST_DELAY = 15_000;

/** Milliseconds between two polls while a stream cannot be had. */
export const POLL_EVERY = 2_000;

/**
 * @typedef {object} Move
 * @property {"stream"|"poll"} kind poll is for networks that hold back streams
 * @property {number} delay milliseconds to wait before it
 */

const SHORTEST_PAUSE = 2;
const LONGEST_PAUSE = 60;

const MOST_BREAKS = 3;

/**
 * Return the seconds after which the page asks again by itself, or null where that would not help.
 *
 * A queue that is full is asked as long as it takes; a connection that broke on the way a few times.
 *
 * @param {{status: number, retryAfter: number|null}} problem status 0 for a broken connection
 * @param {number} attempts that failed before
 */
export function pauseBeforeAsking({ status, retryAfter }, attempts) {
  if (status === 0) return attempts < MOST_BREAKS ? 1 : null;
  if ((status !== 429 && status !== 503) || retryAfter === null) return null;
  return Math.min(Math.max(retryAfter, SHORTEST_PAUSE), LONGEST_PAUSE);
}

/**
 * Return what to do after `failures` attempts in a row gave nothing.
 *
 * The first attempts are streams, close together; from the third on every other attempt polls, so
 * that a proxy which buffers streams does not keep a person waiting. Waits double up to a quarter
 * of a minute and vary by up to a quarter, so that a thousand pages do not come back at one moment.
 *
 * @param {number} failures 0 for the first attempt
 * @param {() => number} random from 0 to 1
 * @returns {Move}
 */
export function nextMove(failures, random = Math.random) {
  if (failures === 0) return { kind: "stream", delay: 0 };
  const delay = Math.min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY);
  return { kind: failures >= 3 && failures % 2 === 1 ? "poll" : "stream", delay: delay * (0.75 + random() / 4) };
}

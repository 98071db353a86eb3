/** Has challenges solved in a worker, so that the page goes on meanwhile. */

/** @typedef {import("./proof-of-work.js").Challenge} Challenge */

/**
 * Return the solution of a challenge, or an empty text where this browser finds none.
 *
 * @param {Challenge} challenge
 * @returns {Promise<string>}
 */
export function solved(challenge) {
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./proof-worker.js", import.meta.url), { type: "module" });
    /** @param {string} solution */
    const end = (solution) => {
      worker.terminate();
      resolve(solution);
    };
    worker.addEventListener("message", (event) => end(event.data));
    worker.addEventListener("error", () => end(""));
    worker.postMessage(challenge);
  });
}

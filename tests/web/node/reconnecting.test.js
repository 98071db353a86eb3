import assert from "node:assert/strict";
import { test } from "node:test";

import { nextMove, pauseBeforeAsking } from "../../../src/ninefold/web/static/reconnecting.js";

test("the first attempt is a stream and waits for nothing", () => {
  assert.deepEqual(nextMove(0), { kind: "stream", delay: 0 });
});

test("waits grow, and never beyond a quarter of a minute", () => {
  const delays = Array.from({ length: 40 }, (_, failures) => nextMove(failures, () => 1).delay);
  assert.deepEqual(delays, delays.toSorted((a, b) => a - b));
  assert.equal(delays.at(-1), 15_000);
});

test("a thousand pages do not come back at one moment", () => {
  assert.equal(nextMove(3, () => 0).delay, 1500);
  assert.equal(nextMove(3, () => 1).delay, 2000);
});

test("where streams do not come through it polls, and still tries streams", () => {
  const kinds = Array.from({ length: 8 }, (_, failures) => nextMove(failures).kind);
  assert.deepEqual(kinds.slice(0, 3), ["stream", "stream", "stream"]);
  assert.ok(kinds.slice(3).includes("poll") && kinds.slice(3).includes("stream"));
});

test("a full queue is asked again by the page, neither at once nor in an hour", () => {
  assert.equal(pauseBeforeAsking({ status: 429, retryAfter: 0.1 }, 9), 2);
  assert.equal(pauseBeforeAsking({ status: 503, retryAfter: 5 }, 9), 5);
  assert.equal(pauseBeforeAsking({ status: 429, retryAfter: 4000 }, 9), 60);
});

test("what was refused for what it is, is not asked again", () => {
  assert.equal(pauseBeforeAsking({ status: 422, retryAfter: null }, 9), null);
  assert.equal(pauseBeforeAsking({ status: 422, retryAfter: 5 }, 9), null);
});

test("a connection that broke on the way is tried again, but not for ever", () => {
  assert.equal(pauseBeforeAsking({ status: 0, retryAfter: null }, 0), 1);
  assert.equal(pauseBeforeAsking({ status: 0, retryAfter: null }, 3), null);
});

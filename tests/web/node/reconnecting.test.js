import assert from "node:assert/strict";
import { test } from "node:test";

import { nextMove } from "../../../src/ninefold/web/static/reconnecting.js";

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

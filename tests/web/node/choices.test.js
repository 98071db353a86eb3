import assert from "node:assert/strict";
import { test } from "node:test";

import { columnsFor, stepAround, swipeStep } from "../../../src/ninefold/web/static/choices.js";

test("the end of a row joins its beginning", () => {
  assert.deepEqual([stepAround(8, 1, 9), stepAround(0, -1, 9), stepAround(-1, 1, 9), stepAround(-1, -1, 9)], [0, 8, 0, 8]);
});

test("a swipe is wide and flat, and follows the direction of writing", () => {
  const from = { x: 300, y: 100 };
  assert.equal(swipeStep(from, { x: 100, y: 110 }, 360), 1);
  assert.equal(swipeStep(from, { x: 500, y: 110 }, 360), -1);
  assert.equal(swipeStep(from, { x: 100, y: 110 }, 360, true), -1);
  assert.equal(swipeStep(from, { x: 280, y: 100 }, 360), 0);
  assert.equal(swipeStep(from, { x: 200, y: 300 }, 360), 0);
});

test("a board is as near to a square as it can be", () => {
  assert.deepEqual([1, 2, 4, 6, 9, 16, 64].map(columnsFor), [1, 2, 2, 3, 3, 4, 8]);
});

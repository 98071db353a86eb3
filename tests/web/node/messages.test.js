import assert from "node:assert/strict";
import { test } from "node:test";

import { speakerOf } from "../../../src/ninefold/web/static/messages.js";

test("values are text, whatever is in them", () => {
  const say = speakerOf({ hello: "Hello {name}, {name}!" }, "en");
  assert.equal(say("hello", { name: "$& <b> {name}" }), "Hello $& <b> {name}, $& <b> {name}!");
});

test("plural forms follow the language", () => {
  const say = speakerOf({ apples: { one: "{count} apple", other: "{count} apples" } }, "en");
  assert.deepEqual([1, 2].map((count) => say("apples", { count })), ["1 apple", "2 apples"]);
});

test("a key that is missing is seen, also one that objects have by birth", () => {
  const say = speakerOf({}, "en");
  assert.equal(say("no.such"), "no.such");
  assert.equal(say("toString"), "toString");
});

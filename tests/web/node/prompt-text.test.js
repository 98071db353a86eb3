import assert from "node:assert/strict";
import { test } from "node:test";

import { cleanPrompt, MAX_CHARACTERS } from "../../../src/ninefold/web/static/prompt-text.js";

test("a plain prompt stays as it is", () => {
  for (const prompt of ["a red apple", "赤いりんご", "تفاحة حمراء", "👩‍🚀 on the moon", "tiếng Việt", "<b>&amp;</b>"]) {
    assert.equal(cleanPrompt(prompt), prompt.normalize("NFC"));
  }
});

test("white space becomes single spaces and the ends are trimmed", () => {
  assert.equal(cleanPrompt("  a\n\n\tb\u00a0c "), "a b c");
});

test("what turns the direction of writing is dropped", () => {
  assert.equal(cleanPrompt("a\u202egnp.exe\u2066b\u200e\u0000"), "agnp.exeb");
});

test("no letter carries more than three marks", () => {
  const cleaned = cleanPrompt(`a${"\u0334\u0335\u0336\u0337".repeat(100)}b`);
  assert.equal(cleaned.replace(/[^\u0300-\u036f]/g, "").length, 3);
});

test("a million marks take no time and little room", () => {
  assert.ok(cleanPrompt("x" + "\u0301".repeat(1e6)).length <= 6);
});

test("a long prompt ends in an ellipsis", () => {
  const cleaned = cleanPrompt("word ".repeat(2000));
  assert.ok(cleaned.length <= MAX_CHARACTERS + 1);
  assert.ok(cleaned.endsWith("…"));
});

test("half a character is no trouble", () => {
  assert.equal(cleanPrompt("a\ud800b"), "a\ufffdb");
});

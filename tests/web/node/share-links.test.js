import assert from "node:assert/strict";
import { test } from "node:test";

import { fileName, redditLink, xLink } from "../../../src/ninefold/web/static/share-links.js";

const URL_OF_PAGE = "https://example.org/g/abc";

test("text and link arrive whole at the other site", () => {
  const text = "“a & b?” #1 %20";
  const x = new URL(xLink(text, URL_OF_PAGE));
  assert.equal(x.origin, "https://x.com");
  assert.equal(x.searchParams.get("text"), text);
  assert.equal(x.searchParams.get("url"), URL_OF_PAGE);
  const reddit = new URL(redditLink(text, URL_OF_PAGE));
  assert.equal(reddit.origin, "https://www.reddit.com");
  assert.equal(reddit.searchParams.get("title"), text);
});

test("a long text is cut between characters", () => {
  const text = new URL(xLink("🍎".repeat(500), URL_OF_PAGE)).searchParams.get("text") ?? "";
  assert.equal(Array.from(text).length, 200);
  assert.ok(text.endsWith("…") && !text.includes("\ufffd"));
});

test("a file's name is safe on every system", () => {
  assert.equal(fileName("a red apple", "1.png"), "a-red-apple-1.png");
  assert.equal(fileName("../../etc/passwd", "1.png"), "etc-passwd-1.png");
  assert.equal(fileName("赤い りんご", "1.png"), "赤い-りんご-1.png");
  assert.equal(fileName("\u202e\"<>|", "1.png"), "picture-1.png");
  assert.ok(fileName("x".repeat(900), "1.png").length < 80);
});

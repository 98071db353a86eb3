import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { stateOf } from "../../../src/ninefold/web/static/job-state.js";
import { speakerOf } from "../../../src/ninefold/web/static/messages.js";
import {
  announcement,
  asClock,
  detail,
  headline,
  roughly,
} from "../../../src/ninefold/web/static/waiting-words.js";
import { ASKED_AT, doneJob, job } from "./job.js";

const FOLDER = new URL("../../../src/ninefold/web/catalogues/", import.meta.url);

/** @param {string} language */
function sayIn(language) {
  return speakerOf(JSON.parse(readFileSync(new URL(`${language}.json`, FOLDER), "utf8")), language);
}

const say = sayIn("en");

test("time is said no more exactly than it is known", () => {
  const said = [0, 4, 7, 33, 56, 58, 100, 600, 3600, 9000].map((seconds) => roughly(seconds, say));
  assert.deepEqual(said, [
    "a few seconds",
    "a few seconds",
    "about 5 seconds",
    "about 35 seconds",
    "about 55 seconds",
    "about a minute",
    "about 2 minutes",
    "about 10 minutes",
    "about an hour",
    "about 3 hours",
  ]);
});

test("every language says every wait", () => {
  const languages = readdirSync(FOLDER).map((name) => name.replace(".json", ""));
  assert.ok(languages.length >= 3);
  for (const language of languages) {
    for (const seconds of [1, 5, 30, 60, 300, 3600, 90_000]) {
      const text = roughly(seconds, sayIn(language));
      assert.ok(!text.includes("live.") && !text.includes("{"), `${language}: ${text}`);
    }
  }
});

test("a clock shows minutes, and hours where there are some", () => {
  assert.deepEqual([0, 7.9, 125, 3725].map(asClock), ["0:00", "0:07", "2:05", "1:02:05"]);
});

test("a long wait says how long it is and that the place is kept", () => {
  const long = detail(stateOf(job({ eta_s: 400 }), ASKED_AT), ASKED_AT, say);
  assert.match(long, /about 7 minutes/);
  assert.match(long, /place is kept/);
  const short = detail(stateOf(job({ eta_s: 20 }), ASKED_AT), ASKED_AT, say);
  assert.doesNotMatch(short, /place is kept/);
});

test("the place in the queue is said, and being next as such", () => {
  assert.equal(headline(stateOf(job({ position: 12 }), ASKED_AT), say), "Number 12 in the queue");
  assert.equal(headline(stateOf(job({ position: 1 }), ASKED_AT), say), "You are next");
});

test("a refusal is told with its reason and how to object", () => {
  const refusal = { rule: "r", category: "c", message: "Refused by rule r.", appeal: "Write to us." };
  const state = stateOf(job({ status: "refused", refusal }), ASKED_AT);
  assert.equal(detail(state, ASKED_AT, say), "Refused by rule r. Write to us.");
});

test("a screen reader hears a change of status at once", () => {
  const last = { key: "queued:4", at: ASKED_AT };
  const next = announcement(stateOf(doneJob(), ASKED_AT), last, ASKED_AT + 100, say);
  assert.equal(next?.key, "done");
});

test("a screen reader is not told twice, nor often", () => {
  const first = stateOf(job({ position: 4 }), ASKED_AT);
  const told = announcement(first, null, ASKED_AT, say);
  assert.ok(told);
  assert.equal(announcement(first, told, ASKED_AT + 60_000, say), null);
  const moved = stateOf(job({ position: 3 }), ASKED_AT);
  assert.equal(announcement(moved, told, ASKED_AT + 9_000, say), null);
  assert.match(announcement(moved, told, ASKED_AT + 11_000, say)?.text ?? "", /Number 3/);
});

test("drawing is announced four times at most", () => {
  /** @type {import("../../../src/ninefold/web/static/waiting-words.js").Announced|null} */
  let last = null;
  let count = 0;
  for (let codes = 0; codes <= 143; codes += 1) {
    const now = ASKED_AT + codes * 2000;
    const state = stateOf(job({ status: "drawing", progress: { codes, total_codes: 144 } }), now);
    const next = announcement(state, last, now, say);
    if (next) [last, count] = [next, count + 1];
  }
  assert.equal(count, 4);
});

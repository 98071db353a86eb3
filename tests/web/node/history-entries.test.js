import assert from "node:assert/strict";
import { test } from "node:test";

import {
  entryOf,
  exportText,
  forgotten,
  matching,
  MAX_ENTRIES,
  readEntries,
  remembered,
} from "../../../src/ninefold/web/static/history-entries.js";
import { doneJob, job, picture } from "./job.js";

/** @param {Partial<import("./job.js").JobDocument>} changes */
const entry = (changes) => entryOf(job(changes));

test("an entry has the shown pictures, the best first", () => {
  assert.equal(entryOf(doneJob()).pictures[0], "/i/h8.webp");
  const pictures = [picture(0, { hidden: true }), picture(1)];
  pictures.push(picture(2, { audience: "owner", url: "/api/v1/jobs/abc/own/h2.png" })); // no cache may keep it
  assert.deepEqual(entry({ pictures }).pictures, ["/i/h1.webp"]);
});

test("a job is remembered once, the newest first", () => {
  const old = entry({ id: "old", created_at: "2026-11-23T12:00:00Z" });
  const fresh = entry({ id: "new", created_at: "2026-11-24T12:00:00Z" });
  const entries = remembered(remembered([fresh], old), { ...old, status: "done" });
  assert.deepEqual(entries.map(({ id, status }) => [id, status]), [["new", "queued"], ["old", "done"]]);
});

test("the oldest make room", () => {
  const many = Array.from({ length: MAX_ENTRIES }, (_, number) =>
    entry({ id: `j${number}`, created_at: new Date(1e12 + number).toISOString() }),
  ).reverse();
  const entries = remembered(many, entry({ id: "newest" }));
  assert.equal(entries.length, MAX_ENTRIES);
  assert.equal(entries[0].id, "newest");
  assert.equal(entries.some(({ id }) => id === "j0"), false);
});

test("searching looks for all words, without case and accents", () => {
  const entries = [entry({ id: "a", prompt: "Un CAFÉ rojo" }), entry({ id: "b", prompt: "a red apple" })];
  assert.deepEqual(matching(entries, "cafe ROJO").map(({ id }) => id), ["a"]);
  assert.equal(matching(entries, "  ").length, 2);
  assert.equal(matching(entries, "cafe apple").length, 0);
});

test("one entry can be forgotten", () => {
  assert.deepEqual(forgotten([entry({ id: "a" }), entry({ id: "b" })], "a").map(({ id }) => id), ["b"]);
});

test("damaged storage is read as far as it makes sense", () => {
  assert.deepEqual(readEntries(null), []);
  assert.deepEqual(readEntries("{no json"), []);
  assert.deepEqual(readEntries('{"id": 1}'), []);
  const good = entryOf(doneJob());
  const bad = [{ ...good, id: "../x" }, { ...good, pictures: ["javascript:alert(1)"] }, { ...good, seed: "7" }, null];
  assert.deepEqual(readEntries(JSON.stringify([good, ...bad])), [good]);
});

test("the export names its form and holds whole addresses", () => {
  const { format, drawings } = JSON.parse(exportText([entryOf(doneJob())], "https://example.org"));
  assert.equal(format, "ninefold-history-1");
  assert.equal(drawings[0].page, "https://example.org/g/abc");
  assert.equal(drawings[0].pictures[0], "https://example.org/i/h8.webp");
});

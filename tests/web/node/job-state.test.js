import assert from "node:assert/strict";
import { test } from "node:test";

import {
  finishedTiles,
  fold,
  fractionDone,
  noticesOf,
  pathOf,
  secondsLeft,
  secondsSoFar,
  smallFileOf,
  stateOf,
  tilesInOrder,
} from "../../../src/ninefold/web/static/job-state.js";
import { ASKED_AT, doneJob, event, job, picture } from "./job.js";

/** @typedef {import("./job.js").JobEvent} JobEvent */

const NOW = ASKED_AT + 5000;

/**
 * @param {JobEvent[]} events
 * @param {Partial<import("./job.js").JobDocument>} changes
 */
function after(events, changes = {}) {
  return events.reduce((state, each) => fold(state, each, NOW), stateOf(job(changes), NOW));
}

test("a new job is nine waiting tiles in drawing order", () => {
  const state = stateOf(job(), NOW);
  assert.deepEqual(state.tiles.map((tile) => tile.kind), Array(9).fill("waiting"));
  assert.deepEqual(state.order, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test("an event that was seen changes nothing, so a replay is harmless", () => {
  const events = [
    event("position", 1, { position: 2, eta_s: 20 }),
    event("started", 2),
    event("progress", 3, { codes: 72, total_codes: 144, eta_s: 9 }),
  ];
  const once = after(events);
  assert.deepEqual(events.reduce((state, each) => fold(state, each, NOW + 99), once), once);
});

test("progress never goes back", () => {
  const state = after([
    event("progress", 1, { codes: 90, total_codes: 144, eta_s: 9 }),
    event("progress", 2, { codes: 40, total_codes: 144, eta_s: 12 }),
  ]);
  assert.equal(state.codes, 90);
  assert.equal(fractionDone(state), 0.625);
});

test("a preview never covers a finished picture, nor an older preview a newer one", () => {
  const sharp = event("preview", 1, { index: 3, num_codes: 12, url: "/i/sharp.webp" });
  const coarse = event("preview", 2, { index: 3, num_codes: 4, url: "/i/coarse.webp" });
  assert.equal(after([sharp, coarse]).tiles[3].url, "/i/sharp.webp");
  const done = event("picture", 3, picture(3));
  const late = event("preview", 4, { index: 3, num_codes: 15, url: "/i/late.webp" });
  assert.equal(after([sharp, done, late]).tiles[3].url, "/i/h3.png");
});

test("a picture that is shown to its owner alone is marked for them, and hidden from others", () => {
  const own = { audience: "owner", hidden_reason: "Only you.", url: "/api/v1/jobs/abc/own/h2.png" };
  const mine = after([event("picture", 1, picture(2, own))]);
  assert.deepEqual([mine.tiles[2].kind, mine.tiles[2].isPrivate], ["picture", true]);
  assert.equal(mine.tiles[2].url, own.url);
  assert.deepEqual(noticesOf(mine), ["Only you."]);
  const theirs = after([event("picture", 1, picture(2, { ...own, hidden: true, url: null }))]);
  assert.deepEqual([theirs.tiles[2].kind, theirs.tiles[2].isPrivate], ["hidden", false]);
});

test("a hidden picture has no address", () => {
  const hidden = { hidden: true, hidden_reason: "Hidden: violence.", url: "/i/secret.webp" };
  const state = after([event("picture", 1, picture(2, hidden))]);
  assert.equal(state.tiles[2].kind, "hidden");
  assert.equal(state.tiles[2].url, "");
  assert.equal(state.tiles[2].reason, "Hidden: violence.");
  assert.deepEqual(noticesOf(state), [...state.job.notices, "Hidden: violence."]);
  assert.deepEqual(finishedTiles(state), []);
});

test("ranking orders the tiles and loses none, whatever it says", () => {
  const order = [8, 7, 6, 5, 4, 3, 2, 1, 0];
  assert.deepEqual(after([event("ranked", 1, { order })]).order, order);
  const odd = after([event("ranked", 1, { order: [4, 4, 77, 2] })]);
  assert.deepEqual(odd.order, [4, 2, 0, 1, 3, 5, 6, 7, 8]);
  assert.equal(tilesInOrder(odd).length, 9);
});

test("a document with ranks is shown the best first", () => {
  const state = stateOf(doneJob(), NOW);
  assert.deepEqual(state.order, [8, 7, 6, 5, 4, 3, 2, 1, 0]);
  assert.equal(finishedTiles(state)[0].url, "/i/h8.png");
});

test("a job's last event brings its whole document", () => {
  const state = after([event("started", 1), event("done", 2, { job: doneJob() })]);
  assert.equal(state.status, "done");
  assert.equal(state.job.grid_url, "/grid.png");
  assert.equal(fractionDone(state), 1);
  assert.equal(secondsLeft(state, NOW), null);
});

test("nothing reopens a job that ended", () => {
  const state = after([event("cancelled", 1, { job: job({ status: "cancelled" }) }), event("started", 2)]);
  assert.equal(state.status, "cancelled");
});

test("a job that ends without its document ends all the same", () => {
  assert.equal(after([event("failed", 1)]).status, "failed");
});

test("addresses are paths, whatever name the service has", () => {
  const state = after([event("preview", 1, { index: 0, num_codes: 4, url: "https://other.example/previews/a.webp" })]);
  assert.equal(state.tiles[0].url, "/previews/a.webp");
  assert.equal(pathOf(null), "");
  assert.equal(smallFileOf("/i/ab.png"), "/i/ab.webp");
  assert.equal(smallFileOf("/previews/ab.webp"), "/previews/ab.webp");
});

test("an event that this page does not know is passed by", () => {
  const state = after([event("sparkled", 1), event("started", 2)]);
  assert.equal(state.status, "drawing");
  assert.equal(state.lastSeq, 2);
});

test("time left runs down between events and stops at nothing", () => {
  const state = after([event("progress", 1, { codes: 1, total_codes: 144, eta_s: 8 })]);
  assert.equal(secondsLeft(state, NOW + 3000), 5);
  assert.equal(secondsLeft(state, NOW + 60_000), 0);
});

test("time so far counts from asking, and stops at the end", () => {
  assert.equal(secondsSoFar(stateOf(job(), NOW), NOW), 5);
  assert.equal(secondsSoFar(stateOf(doneJob(), NOW), NOW + 1e6), 42);
});

test("pictures of a later part of the seed keep their index", () => {
  const pictures = [picture(4), picture(5)];
  const state = stateOf(job({ settings: { count: 2 }, pictures }), NOW);
  assert.deepEqual(state.tiles.map((tile) => tile.index), [4, 5]);
});

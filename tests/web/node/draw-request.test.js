import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { bodyAgain, bodyOf, commandOf } from "../../../src/ninefold/web/static/draw-request.js";
import { job } from "./job.js";

test("empty fields leave the choice to the model", () => {
  const fields = { prompt: " a cat ", seed: "", model: "pocket", temperature: " ", negative_prompt: "" };
  assert.deepEqual(bodyOf(fields), { prompt: "a cat", model: "pocket" });
});

test("filled fields become settings of their type", () => {
  const fields = { prompt: "a cat", seed: "7", condition_scale: "2.5", top_k: "8", seamless: "1", negative_prompt: "dog" };
  assert.deepEqual(bodyOf(fields), {
    prompt: "a cat",
    seed: 7,
    settings: { condition_scale: 2.5, top_k: 8, negative_prompt: "dog", seamless: true },
  });
});

test("again keeps the settings and only the same seed the seed", () => {
  assert.equal("seed" in bodyAgain(job(), false), false);
  const same = bodyAgain(job(), true);
  assert.equal(same.seed, 7);
  assert.deepEqual(same.settings, { count: 9, condition_scale: 1.5, negative_prompt: "" });
});

test("the command gives a shell the prompt, and nothing else", () => {
  for (const prompt of ["a cat", "it's; rm -rf ~", "$(id) `id` \"$HOME\"", "-5 degrees", "two\nlines", "\\ ! *", "a\u202e'b\\", "👩‍🚀"]) {
    const script = commandOf(job({ prompt })).replace(/^ninefold/, "printf '%s\\0'");
    const words = execFileSync("bash", ["-c", script], { encoding: "utf8" }).split("\0");
    assert.equal(words.at(-2), prompt);
    assert.equal(words.at(-3), "--");
  }
});

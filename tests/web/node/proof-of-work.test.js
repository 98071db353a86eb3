import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { solve } from "../../../src/ninefold/web/static/proof-of-work.js";
import { blockOf, hash, LONGEST } from "../../../src/ninefold/web/static/sha256.js";

/** @param {Uint8Array} message */
function hexOf(message) {
  const digest = new Int32Array(8);
  hash(blockOf(message), digest);
  return Buffer.from(Array.from(digest, (word) => (word >>> 0).toString(16).padStart(8, "0")).join(""), "hex");
}

test("a block is hashed as Node hashes it, whatever its length", () => {
  for (let length = 0; length <= LONGEST; length += 1) {
    const message = Uint8Array.from({ length }, (_, place) => (place * 37 + length) % 256);
    assert.deepEqual(hexOf(message), createHash("sha256").update(message).digest());
  }
});

test("what is no single block is refused", () => {
  assert.throws(() => blockOf(new Uint8Array(LONGEST + 1)), RangeError);
});

/** @param {number} counter */
function challengeOf(counter) {
  const [nonce, salt] = ["61f670414629f8fcd4397e63663e63e6", "e6c56ce84ac7695cc843ee94084ed5f7"];
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(counter);
  const key = createHash("sha256").update(Buffer.concat([Buffer.from(salt + nonce, "hex"), bytes])).digest("hex");
  const parameters = { algorithm: "SHA-256", cost: 1, nonce, salt, keyPrefix: key.slice(0, 32) };
  return { challenge: { parameters, signature: "of the service" }, key };
}

test("a challenge is solved by the counter that it hides, and sent back whole", () => {
  for (const counter of [0, 255, 4321]) {
    const { challenge, key } = challengeOf(counter);
    const payload = JSON.parse(atob(solve(challenge)));
    assert.deepEqual(payload, { challenge, solution: { counter, derivedKey: key } });
  }
});

test("a challenge of another kind is refused and not worked at for ever", () => {
  const { challenge } = challengeOf(1);
  const others = [{ algorithm: "SCRYPT" }, { cost: 2 }, { keyPrefix: "00" }];
  for (const other of others) {
    assert.throws(() => solve({ ...challenge, parameters: { ...challenge.parameters, ...other } }), /No way to solve/);
  }
});

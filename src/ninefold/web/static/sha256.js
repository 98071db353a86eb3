/** SHA-256 of one block (FIPS 180-4), fast enough to be asked a million times. Pure. */

/** Longest message in bytes that is one block together with its padding. */
export const LONGEST = 55;

const WORDS = 16;
const ROUNDS = 64;
const primes = firstPrimes(ROUNDS);
const START = Int32Array.from(primes.slice(0, 8), (prime) => fractionOf(Math.sqrt(prime)));
const CONSTANTS = Int32Array.from(primes, (prime) => fractionOf(Math.cbrt(prime)));
const schedule = new Int32Array(ROUNDS);

/** @param {number} count */
function firstPrimes(count) {
  const found = [2];
  for (let number = 3; found.length < count; number += 2) {
    if (found.every((prime) => number % prime !== 0)) found.push(number);
  }
  return found;
}

/**
 * Return the first 32 bits of the fraction of a number.
 * @param {number} number
 */
function fractionOf(number) {
  return ((number % 1) * 2 ** 32) | 0;
}

/**
 * Return the padded block of a message, as 16 words.
 *
 * @param {Uint8Array} message of at most `LONGEST` bytes
 */
export function blockOf(message) {
  if (message.length > LONGEST) throw new RangeError(`The message is longer than ${LONGEST} bytes.`);
  const bytes = new Uint8Array(WORDS * 4);
  bytes.set(message);
  bytes[message.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setUint32((WORDS - 1) * 4, message.length * 8);
  return Int32Array.from({ length: WORDS }, (_, place) => view.getInt32(place * 4));
}

/**
 * Write the eight words of a block's digest.
 *
 * @param {Int32Array} block as `blockOf` returns it
 * @param {Int32Array} digest is overwritten; a new array for each block would take most of the time
 */
export function hash(block, digest) {
  expand(block);
  let [a, b, c, d, e, f, g, h] = START;
  for (let place = 0; place < ROUNDS; place += 1) {
    const high = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
    const one = (h + high + ((e & f) ^ (~e & g)) + CONSTANTS[place] + schedule[place]) | 0;
    const low = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
    const two = (low + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  digest[0] = START[0] + a;
  digest[1] = START[1] + b;
  digest[2] = START[2] + c;
  digest[3] = START[3] + d;
  digest[4] = START[4] + e;
  digest[5] = START[5] + f;
  digest[6] = START[6] + g;
  digest[7] = START[7] + h;
}

/** @param {Int32Array} block */
function expand(block) {
  schedule.set(block);
  for (let place = WORDS; place < ROUNDS; place += 1) {
    const early = schedule[place - 15];
    const late = schedule[place - 2];
    const first = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
    const second = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
    schedule[place] = (schedule[place - 16] + first + schedule[place - 7] + second) | 0;
  }
}

/**
 * @param {number} word
 * @param {number} bits to the right
 */
function turn(word, bits) {
  return (word >>> bits) | (word << (32 - bits));
}

/**
 * Draws with OpenAI's own client for JavaScript at the address that is given, and prints what came
 * of it, and by how many requests each, as one JSON document. `test_openai_javascript.py` runs it.
 */

import OpenAI from "openai";

let requests = 0;

const client = new OpenAI({
  baseURL: `${process.argv[2]}/v1`,
  apiKey: "sk-of-no-use",
  fetch: (url, init) => {
    requests += 1;
    return fetch(url, init);
  },
});

/**
 * Return what comes of a call: its value or the client's error, and the requests that it took.
 *
 * @param {() => Promise<unknown>} call
 */
async function outcome(call) {
  requests = 0;
  try {
    return { value: await call(), requests };
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    const { name } = error.constructor;
    return { error: name, status: error.status, code: error.code, param: error.param, requests };
  }
}

/** @param {object} members */
const generate = (members) => outcome(() => client.images.generate({ n: 1, ...members }));

/** Ask for two pictures at once, one of which the test turns away at first. */
const hurry = () =>
  Promise.all(["a pear", "a plum"].map((prompt) => client.images.generate({ prompt })));

async function follow() {
  const stream = await client.images.generate({
    prompt: "a red apple",
    n: 2,
    stream: true,
    partial_images: 2,
  });
  const events = [];
  for await (const event of stream) {
    events.push({ type: event.type, size: Buffer.from(event.b64_json, "base64").length });
  }
  return events;
}

const report = {
  pictures: await generate({ prompt: "a red apple", n: 3, response_format: "b64_json" }),
  retried: await outcome(hurry),
  refused: await generate({ prompt: "a swastika flag" }),
  unknown: await generate({ prompt: "a red apple", model: "dall-e-9" }),
  invalid: await generate({ prompt: "a red apple", n: 11 }),
  stream: await outcome(follow),
};
process.stdout.write(JSON.stringify(report));

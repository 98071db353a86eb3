/**
 * From what a person filled in to what the service is asked, and back to text.
 * Pure: knows neither the DOM nor the network.
 */

/** @typedef {import("./job-state.js").JobDocument} JobDocument */

/**
 * @typedef {object} DrawBody body of POST /api/v1/jobs
 * @property {string} prompt
 * @property {number} [seed]
 * @property {string} [model]
 * @property {Record<string, string|number|boolean>} [settings]
 */

const NUMBERS = ["condition_scale", "temperature", "top_k", "top_p"];

/**
 * Return the body that asks for what the fields say; an empty field leaves the choice to the model.
 *
 * @param {Record<string, string>} fields by name, as in the form
 * @returns {DrawBody}
 */
export function bodyOf(fields) {
  /** @type {DrawBody} */
  const body = { prompt: (fields.prompt ?? "").trim() };
  const text = (/** @type {string} */ name) => (fields[name] ?? "").trim();
  if (text("seed")) body.seed = Number(text("seed"));
  if (text("model")) body.model = text("model");
  /** @type {Record<string, string|number|boolean>} */
  const settings = {};
  for (const name of NUMBERS) if (text(name)) settings[name] = Number(text(name));
  if (text("negative_prompt")) settings.negative_prompt = text("negative_prompt");
  if (text("seamless")) settings.seamless = true;
  if (Object.keys(settings).length > 0) body.settings = settings;
  return body;
}

/**
 * Return the body that draws a job's prompt once more.
 *
 * @param {JobDocument} job
 * @param {boolean} sameSeed the same pictures again, or new ones
 * @returns {DrawBody}
 */
export function bodyAgain(job, sameSeed) {
  const settings = Object.fromEntries(Object.entries(job.settings).filter(([, value]) => value !== null));
  const body = { prompt: job.prompt, model: job.model, settings };
  return sameSeed ? { ...body, seed: job.seed } : body;
}

/**
 * Return the command that draws the pictures of a job again, for a shell of Linux or macOS.
 *
 * @param {JobDocument} job
 */
export function commandOf(job) {
  const options = [`--seed ${job.seed}`, `--model ${quoted(job.model)}`];
  const flags = {
    condition_scale: "--condition-scale",
    temperature: "--temperature",
    top_k: "--top-k",
    top_p: "--top-p",
    negative_prompt: "--negative",
  };
  for (const [name, flag] of Object.entries(flags)) {
    const value = job.settings[name];
    if (value !== undefined && value !== null && value !== "") options.push(`${flag} ${quoted(String(value))}`);
  }
  if (job.settings.seamless) options.push("--seamless");
  return `ninefold draw ${options.join(" ")} -- ${quoted(job.prompt)}`;
}

// What nobody sees, but for the joiners, which are parts of emoji and of words.
const INVISIBLE = /(?![\u200C\u200D])\p{C}/gu;

/**
 * Quote a word for a shell; what nobody sees becomes escapes of bash and zsh.
 * @param {string} word
 */
function quoted(word) {
  if (/^[\w.,/-]+$/.test(word)) return word;
  const plain = `'${word.replaceAll("'", String.raw`'\''`)}'`;
  if (!new RegExp(INVISIBLE, "u").test(word)) return plain;
  const escaped = word.replace(/[\\']/g, String.raw`\$&`).replace(INVISIBLE, (character) => {
    const code = Number(character.codePointAt(0)).toString(16);
    return `\\U${code.padStart(8, "0")}`;
  });
  return `$'${escaped}'`;
}

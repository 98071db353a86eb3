/** What a person should know of a drawing, and what draws it again. Down: update(state). */

import { commandOf } from "./draw-request.js";
import { element, need } from "./element.js";
import { noticesOf } from "./job-state.js";

/** Notices are shown at once, the recipe when the drawing is done. */
export class Recipe {
  /**
   * @param {HTMLElement} notices
   * @param {HTMLElement} root
   */
  constructor(notices, root) {
    this.notices = notices;
    this.root = root;
  }

  /** @param {import("./job-state.js").JobState|null} state */
  update(state) {
    const notices = state ? noticesOf(state) : [];
    this.notices.hidden = notices.length === 0;
    this.notices.replaceChildren(...notices.map((text) => element("li", { dir: "auto" }, text)));
    this.root.hidden = state?.status !== "done";
    if (!state) return;
    const { job } = state;
    const settings = Object.entries(job.settings).filter(([, value]) => ![null, "", false].includes(value));
    this.write("seed", String(job.seed));
    this.write("model", job.model);
    this.write("settings", settings.map(([name, value]) => `${name} ${value}`).join(", "));
    this.write("made", `${job.created_at.slice(0, 16).replace("T", " ")} UTC`);
    this.write("command", commandOf(job));
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  write(name, text) {
    const place = need(this.root, `[data-of=${name}]`, HTMLElement);
    if (place.textContent !== text) place.textContent = text;
  }
}

/** What the page is about: the invitation, or the prompt that is drawn. Down: update(state). */

import { need } from "./element.js";
import { cleanPrompt } from "./prompt-text.js";

const LONG = 90; // characters from which a prompt is set smaller

/** The two headings, of which one is shown, and the title of the window. */
export class PromptHeading {
  /**
   * @param {ParentNode} root
   * @param {string} title of the window as the server wrote it
   */
  constructor(root, title) {
    this.hero = need(root, ".hero", HTMLElement);
    this.prompt = need(root, ".drawn-prompt", HTMLElement);
    this.title = this.hero.dataset.title ?? title;
  }

  /** Give the focus a place when what had it is gone. */
  focus() {
    this.prompt.focus({ preventScroll: true });
  }

  /** @param {import("./job-state.js").JobState|null} state */
  update(state) {
    this.hero.hidden = state !== null;
    this.prompt.hidden = state === null;
    const prompt = cleanPrompt(state?.job.prompt ?? "");
    if (this.prompt.textContent !== prompt) this.prompt.textContent = prompt;
    this.prompt.classList.toggle("is-long", prompt.length > LONG);
    document.title = state ? `${prompt.slice(0, LONG)} · Ninefold` : this.title;
  }
}

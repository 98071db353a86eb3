/**
 * The prompt box with its suggestions and settings.
 * Down: update(isBusy), fill(job), complain(text), suggest(prompts).
 * Up: `ask-drawing` {body}, `want-suggestions` {text}.
 */

import { stepAround } from "./choices.js";
import { bodyOf } from "./draw-request.js";
import { element, need } from "./element.js";
import { cleanPrompt } from "./prompt-text.js";

const PAUSE = 200; // milliseconds of rest in typing before suggestions are looked up

/** A form that works without this script too; with it, it asks without leaving the page. */
export class PromptForm {
  /** @param {HTMLFormElement} root */
  constructor(root) {
    this.root = root;
    this.prompt = need(root, "[name=prompt]", HTMLInputElement);
    this.button = need(root, "[type=submit]", HTMLButtonElement);
    this.error = need(root, ".form-error", HTMLElement);
    this.list = need(root, ".suggestions", HTMLElement);
    /** @type {string[]} */
    this.prompts = [];
    this.chosen = -1;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.timer = undefined;
    root.addEventListener("submit", (event) => this.onSubmit(event));
    this.prompt.addEventListener("input", () => this.onInput());
    this.prompt.addEventListener("keydown", (event) => this.onKey(event));
    this.prompt.addEventListener("blur", () => this.suggest([]));
    // Before blur, which closes the list.
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const option = event.target instanceof Element && event.target.closest("[role=option]");
      if (option instanceof HTMLElement) this.take(Number(option.dataset.place));
    });
  }

  /** @param {boolean} isBusy whether an answer is awaited */
  update(isBusy) {
    this.button.disabled = isBusy;
    if (isBusy) this.complain("");
  }

  /**
   * Write a prompt into the box, where it can be changed.
   * @param {string} prompt
   */
  fill(prompt) {
    this.prompt.value = prompt;
  }

  /**
   * Say what is wrong and how to mend it; nothing for an empty text.
   * @param {string} text
   */
  complain(text) {
    this.error.hidden = text === "";
    this.error.textContent = text;
    if (text) this.prompt.setAttribute("aria-describedby", this.error.id);
    else this.prompt.removeAttribute("aria-describedby");
  }

  /** @param {SubmitEvent} event */
  onSubmit(event) {
    event.preventDefault();
    this.suggest([]);
    /** @type {Record<string, string>} */
    const fields = {};
    for (const [name, value] of new FormData(this.root)) fields[name] = String(value);
    const idea = event.submitter instanceof HTMLButtonElement && event.submitter.name === "example";
    if (idea) this.fill(/** @type {HTMLButtonElement} */ (event.submitter).value);
    const body = bodyOf({ ...fields, prompt: this.prompt.value });
    this.root.dispatchEvent(new CustomEvent("ask-drawing", { bubbles: true, detail: { body } }));
  }

  onInput() {
    this.complain("");
    clearTimeout(this.timer);
    const text = this.prompt.value.trim();
    if (text.length < 2) return this.suggest([]);
    this.timer = setTimeout(() => {
      this.root.dispatchEvent(new CustomEvent("want-suggestions", { bubbles: true, detail: { text } }));
    }, PAUSE);
    return undefined;
  }

  /** @param {string[]} prompts none closes the list */
  suggest(prompts) {
    if (prompts.length === 0) clearTimeout(this.timer);
    this.prompts = document.activeElement === this.prompt ? prompts : [];
    const options = this.prompts.map((prompt, place) =>
      element(
        "li",
        { role: "option", id: `suggestion-${place}`, "data-place": String(place), dir: "auto", class: "prompt-text" },
        cleanPrompt(prompt),
      ),
    );
    this.list.replaceChildren(...options);
    this.list.hidden = options.length === 0;
    this.prompt.setAttribute("aria-expanded", String(options.length > 0));
    this.choose(-1);
  }

  /** @param {number} place */
  choose(place) {
    this.chosen = place;
    for (const [index, option] of [...this.list.children].entries()) {
      option.setAttribute("aria-selected", String(index === place));
    }
    if (place < 0) this.prompt.removeAttribute("aria-activedescendant");
    else this.prompt.setAttribute("aria-activedescendant", `suggestion-${place}`);
  }

  /** @param {number} place */
  take(place) {
    this.fill(this.prompts[place]);
    this.suggest([]);
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.isComposing || this.prompts.length === 0) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.choose(stepAround(this.chosen, step, this.prompts.length));
    } else if (event.key === "Enter" && this.chosen >= 0) {
      this.take(this.chosen);
    } else if (event.key === "Escape") {
      this.suggest([]);
    } else {
      return;
    }
    event.preventDefault();
  }
}

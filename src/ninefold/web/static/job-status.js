/**
 * Where a drawing stands, in words, and a bar; and the quiet voice for screen readers.
 * Down: update(state, isConnected, isOwn). Up: `cancel-job`.
 */

import { need } from "./element.js";
import { fractionDone, isEnded, secondsSoFar } from "./job-state.js";
import { announcement, asClock, detail, headline } from "./waiting-words.js";

/** @typedef {import("./job-state.js").JobState} JobState */

/** Shows the state again every second, because time passes without events. */
export class JobStatus {
  /**
   * @param {HTMLElement} root
   * @param {HTMLElement} voice the live region
   * @param {import("./messages.js").Say} say
   */
  constructor(root, voice, say) {
    this.root = root;
    this.voice = voice;
    this.say = say;
    this.headline = need(root, ".job-status-headline", HTMLElement);
    this.detail = need(root, ".job-status-detail", HTMLElement);
    this.clock = need(root, ".job-status-clock", HTMLElement);
    this.progress = need(root, "progress", HTMLProgressElement);
    this.cancel = need(root, ".job-status-cancel", HTMLButtonElement);
    /** @type {import("./waiting-words.js").Announced|null} */
    this.announced = null;
    /** @type {JobState|null} */
    this.state = null;
    this.isConnected = true;
    this.cancel.addEventListener("click", (event) => {
      event.preventDefault();
      root.dispatchEvent(new CustomEvent("cancel-job", { bubbles: true }));
    });
    setInterval(() => this.show(), 1000);
  }

  /**
   * @param {JobState|null} state null for the empty board
   * @param {boolean} isConnected
   * @param {boolean} isOwn whether this reader may cancel it
   */
  update(state, isConnected, isOwn) {
    if (state?.job.id !== this.state?.job.id) this.announced = null;
    this.state = state;
    this.isConnected = isConnected;
    if (!state) {
      this.headline.textContent = this.say("live.empty");
      this.detail.textContent = this.say("live.empty.detail");
      this.root.className = "job-status";
    }
    const isOpen = state !== null && !isEnded(state.status);
    this.cancel.hidden = !isOpen || !isOwn;
    this.progress.hidden = !isOpen;
    this.clock.hidden = !isOpen;
    this.show();
  }

  show() {
    const { state, say } = this;
    if (!state) return;
    const now = Date.now();
    this.root.className = `job-status is-${state.status}`;
    setText(this.headline, headline(state, say));
    setText(this.detail, this.isConnected ? this.ending(state, now) : say("live.reconnecting"));
    if (isEnded(state.status)) return this.announce(now);
    setText(this.clock, asClock(secondsSoFar(state, now)));
    if (state.status === "drawing") this.progress.value = fractionDone(state);
    else this.progress.removeAttribute("value");
    return this.announce(now);
  }

  /**
   * @param {JobState} state
   * @param {number} now
   */
  ending(state, now) {
    const time = asClock(secondsSoFar(state, now));
    return state.status === "done" ? this.say("live.done.detail", { time }) : detail(state, now, this.say);
  }

  /** @param {number} now */
  announce(now) {
    const next = this.state && announcement(this.state, this.announced, now, this.say);
    if (!next) return;
    this.announced = { key: next.key, at: next.at };
    this.voice.textContent = next.text;
  }
}

/**
 * @param {HTMLElement} target
 * @param {string} text
 */
function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * What can be done with nine pictures.
 * Down: update(state, isPublic, isOwn). Up: `draw-again` {sameSeed}, `publish-job` {isPublic}.
 */

import { need } from "./element.js";
import { isEnded, pathOf } from "./job-state.js";
import { cleanPrompt } from "./prompt-text.js";
import { fileName, redditLink, xLink } from "./share-links.js";
import { canShareFiles, copyText, shareFile } from "./sharing.js";

/** @typedef {import("./job-state.js").JobState} JobState */

/** The row of buttons below the board. */
export class ShareBar {
  /**
   * @param {HTMLElement} root
   * @param {(text: string) => void} tell says what came of it
   * @param {import("./messages.js").Say} say
   */
  constructor(root, tell, say) {
    this.root = root;
    this.tell = tell;
    this.say = say;
    /** @type {JobState|null} */
    this.state = null;
    this.isPublic = false;
    this.share = need(root, "[data-do=share]", HTMLButtonElement);
    this.all = need(root, "[data-do=all]", HTMLAnchorElement);
    this.grid = need(root, "[data-do=grid]", HTMLAnchorElement);
    this.x = need(root, "[data-do=x]", HTMLAnchorElement);
    this.reddit = need(root, "[data-do=reddit]", HTMLAnchorElement);
    this.copy = need(root, "[data-do=copy]", HTMLButtonElement);
    this.publish = need(root, "[data-do=publish]", HTMLButtonElement);
    root.addEventListener("click", (event) => this.onClick(event));
  }

  /**
   * @param {JobState|null} state
   * @param {boolean} isPublic whether the gallery shows it
   * @param {boolean} isOwn whether this reader asked for it
   */
  update(state, isPublic, isOwn) {
    this.state = state;
    this.isPublic = isPublic;
    this.root.hidden = state === null || !isEnded(state.status);
    if (!state) return;
    const isDone = state.status === "done";
    const canShare = isDone && canShareFiles();
    this.share.hidden = !canShare;
    this.x.hidden = canShare || !isDone;
    this.reddit.hidden = canShare || !isDone;
    this.copy.hidden = !isDone;
    this.publish.hidden = !isDone || !isOwn;
    this.grid.hidden = !isDone || !state.job.grid_url;
    this.all.hidden = this.grid.hidden;
    const [title, url] = [this.title, this.link];
    this.x.href = xLink(title, url);
    this.reddit.href = redditLink(title, url);
    this.grid.href = pathOf(state.job.grid_url);
    this.all.href = this.grid.pathname.replace(/grid\.png$/, "pictures.zip");
    this.all.download = fileName(state.job.prompt, "pictures.zip");
    this.grid.download = fileName(state.job.prompt, "grid.png");
    const label = need(this.publish, "span", HTMLElement);
    label.textContent = this.say(isPublic ? "live.unpublish" : "live.publish");
  }

  get title() {
    return this.say("live.share.title", { prompt: cleanPrompt(this.state?.job.prompt ?? "") });
  }

  get link() {
    return new URL(`/g/${this.state?.job.id}`, location.href).href;
  }

  /** @param {MouseEvent} event */
  async onClick(event) {
    const button = event.target instanceof Element && event.target.closest("[data-do]");
    const action = button instanceof HTMLElement ? button.dataset.do : "";
    if (!this.state || !action) return;
    try {
      await this.act(action, this.state);
    } catch {
      this.tell(this.say(`live.${action}.failed`));
    }
  }

  /**
   * @param {string} action
   * @param {JobState} state
   */
  async act(action, state) {
    if (action === "again" || action === "same-seed") {
      this.send("draw-again", { sameSeed: action === "same-seed" });
    } else if (action === "publish") {
      this.send("publish-job", { isPublic: !this.isPublic });
    } else if (action === "copy") {
      await copyText(this.link);
      this.tell(this.say("live.copy.done"));
    } else if (action === "share" && state.job.grid_url) {
      const about = { title: this.title, url: this.link };
      await shareFile(pathOf(state.job.grid_url), fileName(state.job.prompt, "grid.png"), about);
    }
  }

  /**
   * @param {string} type
   * @param {object} detail
   */
  send(type, detail) {
    this.root.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
  }
}

/**
 * One picture, large.
 * Down: open(state, index), update(state). Up: `report-picture` {hash, reason, isPrivate}, and the dialog's `close`.
 */

import { stepAround, swipeStep } from "./choices.js";
import { commandOf } from "./draw-request.js";
import { need } from "./element.js";
import { finishedTiles } from "./job-state.js";
import { cleanPrompt } from "./prompt-text.js";
import { fileName } from "./share-links.js";
import { canShareFiles, copyPicture, copyText, shareFile } from "./sharing.js";

/** @typedef {import("./job-state.js").JobState} JobState */

/** A modal dialog, so that the browser keeps focus inside and gives it back. */
export class Lightbox {
  /**
   * @param {HTMLDialogElement} root
   * @param {import("./messages.js").Say} say
   */
  constructor(root, say) {
    this.root = root;
    this.say = say;
    this.image = need(root, "img", HTMLImageElement);
    this.count = need(root, ".lightbox-count", HTMLElement);
    this.text = need(root, ".lightbox-prompt", HTMLElement);
    this.recipe = need(root, ".lightbox-recipe", HTMLElement);
    this.download = need(root, "[data-do=download]", HTMLAnchorElement);
    this.whole = need(root, "[data-do=download-recipe]", HTMLAnchorElement);
    this.share = need(root, "[data-do=share]", HTMLButtonElement);
    this.said = need(root, ".said", HTMLElement);
    /** @type {JobState|null} */
    this.state = null;
    this.index = 0;
    root.addEventListener("click", (event) => this.onClick(event));
    root.addEventListener("keydown", (event) => this.onKey(event));
    this.followFingers(need(root, ".lightbox-stage", HTMLElement));
  }

  /**
   * @param {JobState} state
   * @param {number} index
   */
  open(state, index) {
    this.index = index;
    if (!this.root.open) this.root.showModal();
    this.update(state);
  }

  /** @param {JobState} state */
  update(state) {
    this.state = state;
    const tiles = finishedTiles(state);
    const place = tiles.findIndex((tile) => tile.index === this.index);
    if (!this.root.open || place < 0) return;
    const tile = tiles[place];
    const prompt = cleanPrompt(state.job.prompt);
    if (this.image.getAttribute("src") !== tile.url) this.image.src = tile.url;
    this.image.alt = this.say("live.picture.alt", { prompt, number: tile.index + 1 });
    this.count.textContent = this.say("live.lightbox.count", { place: place + 1, total: tiles.length });
    this.text.textContent = prompt;
    this.recipe.textContent = commandOf(state.job);
    this.download.href = tile.url;
    this.download.download = fileName(state.job.prompt, `${tile.index + 1}.png`);
    this.whole.href = `/api/v1/jobs/${state.job.id}/pictures/${tile.hash}.png`;
    this.whole.download = fileName(state.job.prompt, `${tile.index + 1}-recipe.png`);
    this.share.hidden = !canShareFiles();
    this.said.textContent = "";
  }

  /** @param {number} step */
  step(step) {
    if (!this.state) return;
    const tiles = finishedTiles(this.state);
    const place = tiles.findIndex((tile) => tile.index === this.index);
    this.index = tiles[stepAround(place, step, tiles.length)].index;
    this.update(this.state);
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const onward = getComputedStyle(this.root).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    this.step(event.key === onward ? 1 : -1);
  }

  /** @param {HTMLElement} stage */
  followFingers(stage) {
    /** @type {{x: number, y: number}|null} */
    let from = null;
    stage.addEventListener("pointerdown", (event) => {
      from = event.pointerType === "mouse" ? null : { x: event.clientX, y: event.clientY };
    });
    stage.addEventListener("pointercancel", () => {
      from = null;
    });
    stage.addEventListener("pointerup", (event) => {
      if (!from) return;
      const isRightToLeft = getComputedStyle(stage).direction === "rtl";
      const to = { x: event.clientX, y: event.clientY };
      const step = swipeStep(from, to, innerWidth, isRightToLeft);
      from = null;
      if (step !== 0) this.step(step);
    });
  }

  /** @param {MouseEvent} event */
  async onClick(event) {
    const button = event.target instanceof Element && event.target.closest("[data-do]");
    const action = button instanceof HTMLElement ? button.dataset.do : "";
    const tile = this.state?.tiles.find(({ index }) => index === this.index);
    if (!this.state || !tile || !action) return;
    try {
      await this.act(action, this.state, tile);
    } catch {
      this.said.textContent = this.say(`live.${action}.failed`);
    }
  }

  /**
   * @param {string} action
   * @param {JobState} state
   * @param {import("./job-state.js").Tile} tile
   */
  async act(action, state, tile) {
    if (action === "close") this.root.close();
    else if (action === "back") this.step(-1);
    else if (action === "on") this.step(1);
    else if (action === "copy") {
      await copyPicture(tile.url);
      this.said.textContent = this.say("live.copy.picture.done");
    } else if (action === "recipe") {
      await copyText(commandOf(state.job));
      this.said.textContent = this.say("live.recipe.done");
    } else if (action === "share") {
      const about = { title: cleanPrompt(state.job.prompt), url: new URL(`/g/${state.job.id}`, location.href).href };
      await shareFile(tile.url, fileName(state.job.prompt, `${tile.index + 1}.png`), about);
    } else if (action === "report") {
      const { hash, reason, isPrivate } = tile;
      const detail = { hash, reason, isPrivate };
      this.root.dispatchEvent(new CustomEvent("report-picture", { bubbles: true, detail }));
    }
  }
}

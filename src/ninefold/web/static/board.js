/**
 * The board: nine tiles that invite, wait, sharpen and settle.
 * Down: update(state). Up: `open-picture` with the picture's index, `appeal-picture` with the hash
 * of a hidden one and why it is hidden.
 */

import { columnsFor } from "./choices.js";
import { element, icon } from "./element.js";
import { fractionDone, smallFileOf, tilesInOrder } from "./job-state.js";
import { cleanPrompt } from "./prompt-text.js";

/** @typedef {import("./job-state.js").JobState} JobState */
/** @typedef {import("./job-state.js").Tile} Tile */

/**
 * @typedef {object} Place a tile on the page
 * @property {HTMLLIElement} item
 * @property {string} kind
 * @property {string} url
 */

const MOST_BLUR = 9; // pixels, of the first preview

/** Shows a drawing, or the ideas that the server put on the empty board. */
export class Board {
  /**
   * @param {HTMLElement} root
   * @param {import("./messages.js").Say} say
   */
  constructor(root, say) {
    this.root = root;
    this.say = say;
    /** @type {Map<number, Place>} */
    this.places = new Map();
    this.ideas = [...document.querySelectorAll("template#ideas")].flatMap((template) =>
      template instanceof HTMLTemplateElement ? [...template.content.children] : [],
    );
    for (const item of root.children) {
      if (!(item instanceof HTMLLIElement) || item.dataset.index === undefined) continue;
      const { index, url = "" } = item.dataset;
      // What those without scripts see of a hidden picture leads to another page, so it is shown anew.
      const kind = item.dataset.kind === "hidden" ? "" : (item.dataset.kind ?? "waiting");
      this.places.set(Number(index), { item, kind, url });
    }
    this.jobId = root.dataset.job ?? "";
    root.addEventListener("click", (event) => this.onClick(event));
  }

  /** @param {JobState|null} state null for the empty board */
  update(state) {
    const isEmpty = this.root.dataset.status === "empty";
    this.root.dataset.status = state?.status ?? "empty";
    if (state === null) {
      if (isEmpty) return;
      this.clear("");
      this.root.dataset.columns = "3";
      this.root.replaceChildren(...this.ideas.map((idea) => idea.cloneNode(true)));
      return;
    }
    if (state.job.id !== this.jobId || this.places.size !== state.tiles.length) {
      this.clear(state.job.id);
      this.root.replaceChildren();
    }
    this.root.dataset.columns = String(columnsFor(state.tiles.length));
    this.root.style.setProperty("--drawn", String(fractionDone(state)));
    for (const tile of state.tiles) this.show(tile, state);
    this.arrange(state);
  }

  /** @param {string} jobId */
  clear(jobId) {
    this.jobId = jobId;
    this.places.clear();
  }

  /**
   * @param {Tile} tile
   * @param {JobState} state
   */
  show(tile, state) {
    let place = this.places.get(tile.index);
    if (!place) {
      const item = element("li", { class: "tile", "data-index": String(tile.index) });
      item.append(element("span", { class: "tile-waiting" }));
      place = { item, kind: "waiting", url: "" };
      this.places.set(tile.index, place);
      this.root.append(item);
    }
    if (place.kind === tile.kind && place.url === tile.url) return;
    if (tile.kind === "hidden") {
      place.item.replaceChildren(this.hiddenTile(tile));
    } else if (tile.url) {
      this.lay(place, tile, state);
    }
    Object.assign(place, { kind: tile.kind, url: tile.url });
  }

  /**
   * Lay a picture over the one before it, once it is loaded.
   *
   * @param {Place} place
   * @param {Tile} tile
   * @param {JobState} state
   */
  async lay(place, tile, state) {
    const image = this.imageOf(tile, state);
    try {
      await image.decode();
    } catch {
      // Not there, such as while offline: the tile stays as it is and is tried at the next update.
      if (place.url === tile.url) place.url = "";
      return;
    }
    if (place.url !== tile.url) return; // a sharper one came first
    const before = place.item.querySelector("img:last-of-type");
    const frame = this.frameOf(tile);
    if (before) frame.append(before);
    image.classList.add("is-arriving");
    frame.append(image);
    image.addEventListener("animationend", () => before?.remove(), { once: true });
    place.item.replaceChildren(frame);
    place.item.classList.toggle("is-settling", tile.kind === "picture");
  }

  /**
   * @param {Tile} tile
   * @param {JobState} state
   */
  imageOf(tile, state) {
    const image = new Image();
    image.src = smallFileOf(tile.url);
    if (tile.kind === "preview") {
      const codesOfOne = state.totalCodes / state.tiles.length;
      const missing = codesOfOne > 0 ? 1 - Math.min(tile.codes / codesOfOne, 1) : 1;
      image.className = "is-preview";
      image.style.setProperty("--blur", `${(missing * MOST_BLUR).toFixed(1)}px`);
      image.alt = "";
    } else {
      const values = { prompt: cleanPrompt(state.job.prompt), number: tile.index + 1 };
      image.alt = this.say("live.picture.alt", values);
    }
    return image;
  }

  /**
   * Return what stands for a hidden picture: it says so, and leads to the reason and the appeal.
   * @param {Tile} tile
   */
  hiddenTile(tile) {
    const words = [
      icon("hidden"),
      element("span", {}, this.say("live.hidden")),
      element("span", { class: "tile-hidden-why" }, this.say("live.hidden.why")),
    ];
    const button = element("button", { class: "tile-hidden", type: "button" }, ...words);
    const detail = { hash: tile.hash, reason: tile.reason };
    button.addEventListener("click", () => {
      this.root.dispatchEvent(new CustomEvent("appeal-picture", { bubbles: true, detail }));
    });
    return button;
  }

  /** @param {Tile} tile */
  frameOf(tile) {
    const attributes = { class: "tile-picture" };
    if (tile.kind !== "picture") return element("span", attributes);
    const frame = element("a", { ...attributes, href: tile.url });
    if (tile.isPrivate) frame.dataset.note = this.say("live.own-picture");
    return frame;
  }

  /**
   * Put the tiles in order; those that move glide.
   * @param {JobState} state
   */
  arrange(state) {
    const wanted = tilesInOrder(state).flatMap((tile) => this.places.get(tile.index)?.item ?? []);
    if (wanted.every((item, place) => this.root.children[place] === item)) return;
    const before = new Map(wanted.map((item) => [item, item.getBoundingClientRect()]));
    const focused = document.activeElement;
    this.root.replaceChildren(...wanted);
    if (focused instanceof HTMLElement && this.root.contains(focused)) focused.focus();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const [item, from] of before) {
      const to = item.getBoundingClientRect();
      if (from.width === 0 || (from.x === to.x && from.y === to.y)) continue;
      const start = `translate(${from.x - to.x}px, ${from.y - to.y}px)`;
      item.animate([{ transform: start }, { transform: "none" }], {
        duration: 650,
        easing: "cubic-bezier(0.2, 0.8, 0.2, 1)",
      });
    }
  }

  /** @param {MouseEvent} event */
  onClick(event) {
    const link = event.target instanceof Element && event.target.closest("a.tile-picture");
    const item = link && link.closest("li");
    if (!item || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const detail = { index: Number(item.dataset.index) };
    this.root.dispatchEvent(new CustomEvent("open-picture", { bubbles: true, detail }));
  }
}

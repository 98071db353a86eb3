/**
 * The drawings that this device remembers: searched, exported, deleted.
 * Down: update(entries, query). Up: `forget-drawing` {id}.
 */

import { element, icon } from "./element.js";
import { matching } from "./history-entries.js";
import { cleanPrompt } from "./prompt-text.js";

/** @typedef {import("./history-entries.js").HistoryEntry} HistoryEntry */

/** A list of cards, each a small board with its prompt. */
export class DrawingList {
  /**
   * @param {HTMLElement} root
   * @param {import("./messages.js").Say} say
   * @param {string} language
   */
  constructor(root, say, language) {
    this.root = root;
    this.say = say;
    this.dates = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
    root.addEventListener("click", (event) => {
      const button = event.target instanceof Element && event.target.closest("[data-forget]");
      if (!(button instanceof HTMLElement)) return;
      const detail = { id: button.dataset.forget };
      root.dispatchEvent(new CustomEvent("forget-drawing", { bubbles: true, detail }));
    });
  }

  /**
   * @param {HistoryEntry[]} entries
   * @param {string} query
   * @returns {number} how many are shown
   */
  update(entries, query) {
    const found = matching(entries, query);
    this.root.replaceChildren(...found.map((entry) => this.card(entry)));
    return found.length;
  }

  /** @param {HistoryEntry} entry */
  card(entry) {
    const prompt = cleanPrompt(entry.prompt);
    const pictures = entry.pictures.slice(0, 9).map((url) => element("img", { src: url, alt: "", loading: "lazy" }));
    const forget = this.say("live.history.forget", { prompt });
    const status = entry.status === "done" ? "" : this.say(`live.history.${entry.status}`);
    return element(
      "li",
      { class: "drawing" },
      element(
        "a",
        { class: "drawing-open", href: `/g/${entry.id}` },
        element("div", { class: "drawing-pictures" }, ...pictures),
        element("span", { class: "drawing-prompt prompt-text", dir: "auto" }, prompt),
      ),
      element(
        "div",
        { class: "drawing-foot" },
        element("span", {}, [this.when(entry), status].filter(Boolean).join(" · ")),
        element(
          "button",
          { class: "button button-bare", type: "button", "data-forget": entry.id, "aria-label": forget, title: forget },
          icon("remove"),
        ),
      ),
    );
  }

  /** @param {HistoryEntry} entry */
  when(entry) {
    const time = Date.parse(entry.at);
    return Number.isNaN(time) ? "" : this.dates.format(time);
  }
}

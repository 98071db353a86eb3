/**
 * Asks what is wrong with a picture, or with its being hidden.
 * Down: open(), appeal(why, title), done(text). Up: `send-report` {reason, note}.
 */

import { need } from "./element.js";

/** A modal dialog with one question and room for words. */
export class ReportDialog {
  /** @param {HTMLDialogElement} root */
  constructor(root) {
    this.root = root;
    this.form = need(root, "form", HTMLFormElement);
    this.reasons = need(root, "fieldset", HTMLFieldSetElement);
    this.why = need(root, ".report-why", HTMLElement);
    this.said = need(root, ".said", HTMLElement);
    this.send = need(root, "[type=submit]", HTMLButtonElement);
    /** What each element says of a report and of an appeal. */
    this.words = [...root.querySelectorAll("[data-appeal]")].map((place) => ({
      place,
      report: place.textContent ?? "",
      appeal: place.getAttribute("data-appeal") ?? "",
    }));
    need(root, "[data-do=close]", HTMLButtonElement).addEventListener("click", () => root.close());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const fields = new FormData(this.form);
      const detail = { reason: String(fields.get("reason") ?? "appeal"), note: String(fields.get("note") ?? "") };
      this.send.disabled = true;
      root.dispatchEvent(new CustomEvent("send-report", { bubbles: true, detail }));
    });
  }

  /** Ask what is wrong with a picture. */
  open() {
    this.show("report", "");
  }

  /**
   * Say why a picture is hidden, and ask whether somebody should look at it.
   *
   * @param {string} why
   * @param {string} title where it is hidden from others alone
   */
  appeal(why, title = "") {
    this.show("appeal", why);
    if (title) need(this.root, "#report-title", HTMLElement).textContent = title;
  }

  /**
   * @param {"report"|"appeal"} kind
   * @param {string} why
   */
  show(kind, why) {
    this.form.reset();
    for (const words of this.words) words.place.textContent = words[kind];
    this.reasons.hidden = this.reasons.disabled = kind === "appeal";
    this.why.textContent = why;
    this.why.hidden = why === "";
    this.said.textContent = "";
    this.send.disabled = false;
    this.root.showModal();
  }

  /**
   * Say what came of it.
   *
   * @param {string} text
   * @param {boolean} isSent whether nothing is left to do
   */
  done(text, isSent) {
    this.said.textContent = text;
    this.send.disabled = isSent;
  }
}

/**
 * Asks what is wrong with a picture.
 * Down: open(), done(text). Up: `send-report` {reason, note}.
 */

import { need } from "./element.js";

/** A modal dialog with one question and room for words. */
export class ReportDialog {
  /** @param {HTMLDialogElement} root */
  constructor(root) {
    this.root = root;
    this.form = need(root, "form", HTMLFormElement);
    this.said = need(root, ".said", HTMLElement);
    this.send = need(root, "[type=submit]", HTMLButtonElement);
    need(root, "[data-do=close]", HTMLButtonElement).addEventListener("click", () => root.close());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const fields = new FormData(this.form);
      const detail = { reason: String(fields.get("reason")), note: String(fields.get("note") ?? "") };
      this.send.disabled = true;
      root.dispatchEvent(new CustomEvent("send-report", { bubbles: true, detail }));
    });
  }

  /** Ask anew. */
  open() {
    this.form.reset();
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

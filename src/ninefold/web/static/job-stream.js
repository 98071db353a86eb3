/**
 * Listens to the events of one job until it ends, through every break of the connection.
 * Knows how to open streams and to poll; what is done next is decided in reconnecting.js.
 */

import { pollEvents } from "./api.js";
import { EVENT_TYPES, TERMINAL_EVENTS } from "./job-state.js";
import { nextMove, POLL_EVERY } from "./reconnecting.js";

/** @typedef {import("./job-state.js").JobEvent} JobEvent */

/** Listens from the first event on, so that previews come back after a reload. */
export class JobStream {
  /**
   * @param {string} url of the job's events
   * @param {(event: JobEvent) => void} onEvent
   * @param {(isConnected: boolean) => void} onConnection
   */
  constructor(url, onEvent, onConnection) {
    this.url = url;
    this.onEvent = onEvent;
    this.onConnection = onConnection;
    this.lastSeq = 0;
    this.failures = 0;
    this.isClosed = false;
    /** @type {EventSource|null} */
    this.source = null;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.timer = undefined;
    this.retryNow = () => {
      if (this.source?.readyState === EventSource.OPEN && navigator.onLine) return;
      this.failures = 0;
      this.go(0);
    };
    this.breakOff = () => this.fail();
    addEventListener("online", this.retryNow);
    addEventListener("offline", this.breakOff);
    this.go(0);
  }

  /** Stop listening. */
  close() {
    this.isClosed = true;
    this.source?.close();
    clearTimeout(this.timer);
    removeEventListener("online", this.retryNow);
    removeEventListener("offline", this.breakOff);
  }

  /** @param {number} delay milliseconds */
  go(delay) {
    if (this.isClosed) return;
    this.source?.close();
    clearTimeout(this.timer);
    const { kind } = nextMove(this.failures);
    this.timer = setTimeout(() => (kind === "poll" ? this.poll() : this.stream()), delay);
  }

  get address() {
    return `${this.url}?after=${this.lastSeq}`;
  }

  stream() {
    const source = new EventSource(this.address);
    this.source = source;
    source.onopen = () => this.onConnection(true);
    source.onerror = () => this.fail();
    for (const type of EVENT_TYPES) {
      source.addEventListener(type, (message) => this.take(JSON.parse(message.data)));
    }
  }

  async poll() {
    try {
      const events = await pollEvents(`${this.address}&wait=0`);
      this.onConnection(true);
      for (const event of events) this.take(event);
      if (!this.isClosed) this.timer = setTimeout(() => this.poll(), POLL_EVERY);
    } catch {
      this.fail();
    }
  }

  fail() {
    if (this.isClosed) return;
    this.source?.close();
    this.failures += 1;
    this.onConnection(false);
    this.go(nextMove(this.failures).delay);
  }

  /** @param {JobEvent} event */
  take(event) {
    if (this.isClosed || event.seq <= this.lastSeq) return;
    this.failures = 0;
    this.lastSeq = event.seq;
    if (TERMINAL_EVENTS.includes(event.type)) this.close();
    this.onEvent(event);
  }
}

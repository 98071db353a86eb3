/** The worker in which challenges are solved, so that the page stays free: one message in, one out. */

import { solve } from "./proof-of-work.js";

addEventListener("message", (event) => postMessage(solve(event.data)));

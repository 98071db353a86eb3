/** The page that draws: wires its components to the service, the address bar and the history. */

import { cancelJob, createJob, Problem, publishJob, readJob, reportPicture, suggestPrompts } from "./api.js";
import { Board } from "./board.js";
import { solved } from "./challenge-solver.js";
import { bodyAgain } from "./draw-request.js";
import { need } from "./element.js";
import { entryOf } from "./history-entries.js";
import { remember } from "./history-store.js";
import { JobStatus } from "./job-status.js";
import { JobStream } from "./job-stream.js";
import { fold, isEnded, pathOf, stateOf } from "./job-state.js";
import { Lightbox } from "./lightbox.js";
import { pageData, pageSay } from "./page-data.js";
import { PromptForm } from "./prompt-form.js";
import { PromptHeading } from "./prompt-heading.js";
import { Recipe } from "./recipe.js";
import { pauseBeforeAsking } from "./reconnecting.js";
import { ReportDialog } from "./report-dialog.js";
import { ShareBar } from "./share-bar.js";
import { roughly } from "./waiting-words.js";

/** @typedef {import("./job-state.js").JobDocument} JobDocument */
/** @typedef {import("./draw-request.js").DrawBody} DrawBody */

const say = pageSay();
const told = need(document, ".showing > .said", HTMLElement);
const tell = (/** @type {string} */ text) => {
  told.textContent = text;
};
const heading = new PromptHeading(document.body, document.title);
const form = new PromptForm(need(document, ".prompt-form", HTMLFormElement));
const board = new Board(need(document, ".board", HTMLElement), say);
const voice = need(document, "#voice", HTMLElement);
const status = new JobStatus(need(document, ".job-status", HTMLElement), voice, say);
const bar = new ShareBar(need(document, ".share-bar", HTMLElement), tell, say);
const recipe = new Recipe(need(document, ".notices", HTMLElement), need(document, ".recipe", HTMLElement));
const lightbox = new Lightbox(need(document, ".lightbox", HTMLDialogElement), say);
const report = new ReportDialog(need(document, ".report-dialog", HTMLDialogElement));

/** @type {import("./job-state.js").JobState|null} */
let state = null;
/** @type {JobStream|null} */
let stream = null;
let isConnected = true;
let isPublic = Boolean(pageData("job-page")?.is_public);
let isOwn = Boolean(pageData("job-page")?.is_own);
let reportedHash = "";

function show() {
  heading.update(state);
  board.update(state);
  status.update(state, isConnected, isOwn);
  bar.update(state, isPublic, isOwn);
  recipe.update(state);
  if (state) lightbox.update(state);
}

const SOON = 30; // milliseconds

/** @type {ReturnType<typeof setTimeout>|undefined} */
let showing;

/** Show what a burst of events comes to, such as a replay, and not its previews one by one. */
function showSoon() {
  showing ??= setTimeout(() => {
    showing = undefined;
    show();
  }, SOON);
}

/**
 * Show a job and follow it to its end; null shows the empty board.
 * @param {JobDocument|null} job
 */
function follow(job) {
  stream?.close();
  stream = null;
  isConnected = true;
  state = job && stateOf(job, Date.now());
  tell("");
  if (job && !isEnded(job.status)) {
    stream = new JobStream(pathOf(job.links.events), onEvent, (connected) => {
      isConnected = connected;
      showSoon();
    });
  }
  show();
}

/** @param {import("./job-state.js").JobEvent} event */
function onEvent(event) {
  if (!state) return;
  state = fold(state, event, Date.now());
  if (isEnded(state.status)) remember(entryOf(state.job));
  showSoon();
}

let asking = 0;

/**
 * Ask for a drawing. A connection that breaks on the way is mended by asking again with the same
 * key, which the service answers with the same job. A queue that is full is asked again, until it
 * has a place or the reader asks for something else.
 *
 * @param {DrawBody} body
 */
async function ask(body) {
  const key = crypto.randomUUID?.() ?? String(Math.random());
  const mine = (asking += 1);
  form.update(true);
  try {
    const job = await insist((proof) => createJob(body, key, proof), () => mine === asking);
    if (!job) return;
    form.complain("");
    [isPublic, isOwn] = [false, true];
    if (location.pathname === "/") history.replaceState({ prompt: body.prompt }, "");
    history.pushState(null, "", `/g/${job.id}`);
    remember(entryOf(job));
    follow(job);
    if (!document.activeElement?.checkVisibility() || document.activeElement === document.body) heading.focus();
    bringIntoView();
  } catch (error) {
    form.complain(wordsFor(error));
  } finally {
    if (mine === asking) form.update(false);
  }
}

/**
 * Return the job that `create` comes to, or null when it is not wanted any more.
 *
 * @param {(proof: string) => Promise<JobDocument>} create
 * @param {() => boolean} isWanted
 */
async function insist(create, isWanted) {
  let proof = "";
  for (let attempts = 0; isWanted(); attempts += 1) {
    try {
      const job = await create(proof);
      return isWanted() ? job : null;
    } catch (error) {
      const problem = problemToMend(error);
      proof = problem.challenge && !proof ? await work(problem.challenge) : "";
      if (proof) continue;
      const pause = pauseBeforeAsking(problem, attempts);
      if (pause === null) throw error;
      form.update(false);
      if (problem.status !== 0) form.complain(say("live.full", { time: roughly(pause, say) }));
      await new Promise((resolve) => setTimeout(resolve, pause * 1000));
    }
  }
  return null;
}

/**
 * Return what asking again may mend; what it does not is thrown on.
 * @param {unknown} error
 */
function problemToMend(error) {
  if (!(error instanceof Problem) || !navigator.onLine) throw error;
  return error;
}

/** @param {import("./proof-of-work.js").Challenge} challenge */
function work(challenge) {
  form.complain(say("live.working"));
  return solved(challenge);
}

/** @param {unknown} error */
function wordsFor(error) {
  if (!(error instanceof Problem)) throw error;
  if (error.status === 0) return say("live.error.offline");
  return error.message || say("live.error.other", { status: error.status });
}

/** On a narrow screen the board lies below the form. */
function bringIntoView() {
  const showing = need(document, ".showing", HTMLElement);
  if (showing.getBoundingClientRect().top < innerHeight / 2) return;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  showing.scrollIntoView({ behavior: isStill ? "auto" : "smooth", block: "start" });
}

/** Show what the address says, after back and forward. */
async function followAddress() {
  const id = /^\/g\/([\w-]+)/.exec(location.pathname)?.[1];
  if (lightbox.root.open) return lightbox.root.close();
  if (!id) {
    form.fill(String(history.state?.prompt ?? ""));
    return follow(null);
  }
  if (state?.job.id === id) return undefined;
  try {
    const found = await readJob(id);
    form.fill(found.prompt);
    follow(found);
  } catch {
    location.reload(); // the server says best what is wrong with an address
  }
  return undefined;
}

/**
 * @param {string} type
 * @param {(detail: any) => void} handle
 */
function on(type, handle) {
  document.addEventListener(type, (event) => handle(/** @type {CustomEvent} */ (event).detail));
}

on("ask-drawing", ({ body }) => ask(body));
on("draw-again", ({ sameSeed }) => state && ask(bodyAgain(state.job, sameSeed)));
on("cancel-job", () => state && cancelJob(state.job.id).catch((error) => tell(wordsFor(error))));
on("open-picture", ({ index }) => {
  if (!state) return;
  history.pushState({ isLightbox: true }, "");
  lightbox.open(state, index);
});
lightbox.root.addEventListener("close", () => {
  if (history.state?.isLightbox) history.back();
});
on("report-picture", ({ hash, reason, isPrivate }) => {
  reportedHash = hash;
  if (isPrivate) report.appeal(reason, say("live.own-picture"));
  else report.open();
});
on("appeal-picture", ({ hash, reason }) => {
  reportedHash = hash;
  report.appeal(reason);
});
on("send-report", ({ reason, note }) => {
  reportPicture(reportedHash, { job_id: state?.job.id ?? "", reason, note }).then(
    () => report.done(say("live.report.done"), true),
    (error) => report.done(wordsFor(error), false),
  );
});
on("publish-job", ({ isPublic: wanted }) => {
  if (!state) return;
  publishJob(state.job.id, wanted).then(
    () => {
      isPublic = wanted;
      tell(say(wanted ? "live.publish.done" : "live.unpublish.done"));
      show();
    },
    (error) => tell(wordsFor(error)),
  );
});

/** @type {AbortController|null} */
let looking = null;
on("want-suggestions", ({ text }) => {
  looking?.abort();
  looking = new AbortController();
  // Suggestions are a kindness; without them one types on.
  suggestPrompts(text, looking.signal).then((prompts) => form.suggest(prompts), () => undefined);
});

addEventListener("popstate", followAddress);
window.addEventListener("pagehide", () => stream?.close());
window.addEventListener("pageshow", (event) => {
  if (event.persisted && state && !isEnded(state.status)) readJob(state.job.id).then(follow, () => undefined);
});

const job = pageData("job");
if (job || location.pathname === "/") follow(job);

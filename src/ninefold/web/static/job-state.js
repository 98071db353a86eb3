/**
 * What is known of a drawing, folded from its document and its events.
 * Pure: knows nothing of the DOM, of how events arrive, or of words.
 */

/** @typedef {"queued"|"drawing"|"done"|"refused"|"failed"|"cancelled"} Status */

/**
 * @typedef {object} Picture one picture of the job document
 * @property {number} index
 * @property {number|null} rank
 * @property {string} hash
 * @property {string|null} url of the PNG, absolute or a path
 * @property {number} width
 * @property {number} height
 * @property {boolean} hidden from who reads this
 * @property {string|null} hidden_reason
 * @property {string} [audience] whom it may be shown to: nobody, owner, share_page or gallery
 * @property {string} alt
 */

/**
 * @typedef {object} JobDocument
 * @property {string} id
 * @property {Status} status
 * @property {string} prompt
 * @property {number} seed
 * @property {string} model
 * @property {Record<string, any>} settings
 * @property {number|null} position
 * @property {number|null} eta_s
 * @property {string} created_at
 * @property {string|null} started_at
 * @property {string|null} ended_at
 * @property {{codes: number, total_codes: number}} progress
 * @property {Picture[]} pictures
 * @property {string|null} grid_url
 * @property {string[]} notices
 * @property {{rule: string, category: string, message: string, appeal: string}|null} refusal
 * @property {{code: string, message: string}|null} error
 * @property {{self: string, events: string, page: string}} links
 */

/** @typedef {{type: string, seq: number, at: string} & Record<string, any>} JobEvent */

/**
 * @typedef {object} Tile
 * @property {number} index which picture of the seed; not its place on the board
 * @property {"waiting"|"preview"|"picture"|"hidden"} kind
 * @property {string} url path of the PNG or the preview; empty where there is nothing to show
 * @property {string} hash empty until the picture is finished
 * @property {number} codes drawn so far, as far as a preview told
 * @property {string} reason why it is hidden, or not for everybody
 * @property {boolean} isPrivate whether it is shown to who asked for it alone
 */

/**
 * @typedef {object} JobState
 * @property {JobDocument} job the latest document
 * @property {Status} status
 * @property {number|null} position place in the queue, 1 is next
 * @property {number|null} etaSeconds as told at `etaAt`
 * @property {number} etaAt milliseconds since 1970
 * @property {number} codes
 * @property {number} totalCodes
 * @property {Tile[]} tiles by index
 * @property {number[]} order indices as they are shown, the best first once ranked
 * @property {number} lastSeq the last event that was folded in
 */

/** @type {Omit<Tile, "index">} */
const WAITING = { kind: "waiting", url: "", hash: "", codes: 0, reason: "", isPrivate: false };

const ENDED = new Set(["done", "refused", "failed", "cancelled"]);

/** Types of the events that end a job. */
export const TERMINAL_EVENTS = [...ENDED];

/** All types of events. */
export const EVENT_TYPES = ["position", "started", "progress", "preview", "picture", "ranked", ...TERMINAL_EVENTS];

/**
 * Whether nothing more will happen to a job.
 * @param {Status} status
 */
export function isEnded(status) {
  return ENDED.has(status);
}

/**
 * Return the state that a document tells of.
 *
 * @param {JobDocument} job
 * @param {number} now milliseconds since 1970
 * @returns {JobState}
 */
export function stateOf(job, now) {
  const count = Math.max(job.settings.count ?? 9, job.pictures.length);
  /** @type {Tile[]} */
  const tiles = Array.from({ length: count }, (_, index) => ({ index, ...WAITING }));
  const positions = job.pictures.map((picture) => picture.index);
  const first = positions.length === count ? Math.min(...positions) : 0;
  for (const tile of tiles) tile.index += first;
  const state = {
    job,
    status: job.status,
    position: job.position,
    etaSeconds: job.eta_s,
    etaAt: now,
    codes: job.progress.codes,
    totalCodes: job.progress.total_codes,
    tiles: job.pictures.reduce((known, picture) => withPicture(known, picture), tiles),
    order: tiles.map((tile) => tile.index),
    lastSeq: 0,
  };
  const ranked = job.pictures.filter((picture) => picture.rank !== null);
  if (ranked.length === count) {
    const byRank = ranked.toSorted((a, b) => Number(a.rank) - Number(b.rank));
    state.order = byRank.map((picture) => picture.index);
  }
  return state;
}

/**
 * Return the state after an event. Events that were seen before change nothing.
 *
 * @param {JobState} state
 * @param {JobEvent} event
 * @param {number} now milliseconds since 1970
 * @returns {JobState}
 */
export function fold(state, event, now) {
  if (event.seq <= state.lastSeq) return state;
  const next = { ...state, lastSeq: event.seq };
  if (isEnded(/** @type {Status} */ (event.type))) return ended(next, event, now);
  if (isEnded(state.status)) return next;
  switch (event.type) {
    case "position":
      return { ...next, position: event.position, ...eta(event, now) };
    case "started":
      return { ...next, status: "drawing", position: null };
    case "progress":
      return {
        ...next,
        status: "drawing",
        position: null,
        codes: Math.max(state.codes, event.codes),
        totalCodes: event.total_codes,
        ...eta(event, now),
      };
    case "preview":
      return { ...next, tiles: withPreview(state.tiles, event) };
    case "picture":
      return { ...next, tiles: withPicture(state.tiles, /** @type {any} */ (event)) };
    case "ranked":
      return { ...next, order: reordered(state.order, event.order) };
    default:
      return next; // a newer service may tell more than this page understands
  }
}

/**
 * @param {JobState} state
 * @param {JobEvent} event
 * @param {number} now
 * @returns {JobState}
 */
function ended(state, event, now) {
  const { type, seq, at, job } = event;
  const whole = job ?? { ...state.job, status: type };
  return { ...stateOf({ ...whole, ended_at: whole.ended_at ?? at }, now), lastSeq: seq };
}

/**
 * @param {JobEvent} event
 * @param {number} now
 */
function eta(event, now) {
  return { etaSeconds: event.eta_s ?? null, etaAt: now };
}

/**
 * @param {Tile[]} tiles
 * @param {JobEvent} event
 */
function withPreview(tiles, event) {
  return tiles.map((tile) => {
    const isOlder = tile.kind === "picture" || tile.kind === "hidden" || tile.codes > event.num_codes;
    if (tile.index !== event.index || isOlder) return tile;
    return { ...tile, kind: /** @type {const} */ ("preview"), url: pathOf(event.url), codes: event.num_codes };
  });
}

/**
 * @param {Tile[]} tiles
 * @param {Picture} picture
 * @returns {Tile[]}
 */
function withPicture(tiles, picture) {
  return tiles.map((tile) => {
    if (tile.index !== picture.index) return tile;
    return {
      ...tile,
      kind: picture.hidden ? "hidden" : "picture",
      url: picture.hidden ? "" : pathOf(picture.url),
      hash: picture.hash,
      reason: picture.hidden_reason ?? "",
      isPrivate: !picture.hidden && picture.audience === "owner",
    };
  });
}

/**
 * Return the path of an address of this service. Pages load from where they came from, whatever
 * name the service thinks it has.
 *
 * @param {string|null} url
 */
export function pathOf(url) {
  if (!url) return "";
  const { pathname, search } = new URL(url, "http://here.invalid");
  return pathname + search;
}

/**
 * Return the path of a picture's smaller file, which looks the same; previews stay as they are.
 * @param {string} url path
 */
export function smallFileOf(url) {
  return url.startsWith("/i/") ? url.replace(/\.png$/, ".webp") : url;
}

/**
 * Return an order that holds every tile once, whatever it was told.
 *
 * @param {number[]} known
 * @param {number[]} told
 */
function reordered(known, told) {
  const wanted = told.filter((index, place) => known.includes(index) && told.indexOf(index) === place);
  return [...wanted, ...known.filter((index) => !wanted.includes(index))];
}

/**
 * Return the tiles as they are shown.
 * @param {JobState} state
 */
export function tilesInOrder(state) {
  return state.order.map((index) => /** @type {Tile} */ (state.tiles.find((tile) => tile.index === index)));
}

/**
 * Return the pictures that can be opened, as they are shown.
 * @param {JobState} state
 */
export function finishedTiles(state) {
  return tilesInOrder(state).filter((tile) => tile.kind === "picture");
}

/**
 * Return how much is drawn, 0 to 1.
 * @param {JobState} state
 */
export function fractionDone(state) {
  if (state.status === "done") return 1;
  return state.totalCodes > 0 ? Math.min(state.codes / state.totalCodes, 1) : 0;
}

/**
 * Return the seconds that are left by now, never below 0; null where nobody knows.
 *
 * @param {JobState} state
 * @param {number} now milliseconds since 1970
 */
export function secondsLeft(state, now) {
  if (state.etaSeconds === null || isEnded(state.status)) return null;
  return Math.max(state.etaSeconds - (now - state.etaAt) / 1000, 0);
}

/**
 * Return the seconds since the job was asked for, until it ended.
 *
 * @param {JobState} state
 * @param {number} now milliseconds since 1970
 */
export function secondsSoFar(state, now) {
  const end = state.job.ended_at ? Date.parse(state.job.ended_at) : now;
  return Math.max((end - Date.parse(state.job.created_at)) / 1000, 0);
}

/**
 * Return what a person should know of a drawing, why others do not see pictures included.
 * @param {JobState} state
 */
export function noticesOf(state) {
  const reasons = tilesInOrder(state).map((tile) => tile.reason);
  return [...new Set([...state.job.notices, ...reasons])].filter(Boolean);
}

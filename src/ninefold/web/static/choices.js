/**
 * Moving through a row of things by keys or swipes. Pure numbers.
 */

/**
 * Return the next place in a row whose end joins its beginning.
 *
 * @param {number} place -1 for none yet
 * @param {number} step 1 or -1
 * @param {number} length at least 1
 */
export function stepAround(place, step, length) {
  if (place < 0) return step > 0 ? 0 : length - 1;
  return (place + step + length) % length;
}

/**
 * Return what a movement of a finger means: -1 back, 1 on, 0 neither.
 *
 * A swipe is wider than it is high and crosses a tenth of the screen, or 40 pixels.
 *
 * @param {{x: number, y: number}} from
 * @param {{x: number, y: number}} to
 * @param {number} width of the screen in pixels
 * @param {boolean} isRightToLeft whether the next thing lies to the left
 */
export function swipeStep(from, to, width, isRightToLeft = false) {
  const [across, down] = [to.x - from.x, to.y - from.y];
  if (Math.abs(across) < Math.max(width / 10, 40) || Math.abs(across) < 2 * Math.abs(down)) return 0;
  return (across < 0) === isRightToLeft ? -1 : 1;
}

/**
 * Return how many columns make a board of so many pictures nearest to a square.
 *
 * @param {number} count
 */
export function columnsFor(count) {
  return Math.min(Math.max(Math.ceil(Math.sqrt(count)), 1), 8);
}

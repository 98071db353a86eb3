/**
 * Makes a prompt fit to be shown: a prompt is hostile text.
 * The server shows prompts by the same rules (`ninefold.pictures.caption_layout.clean`).
 */

/** Characters that are shown of a prompt. */
export const MAX_CHARACTERS = 600;

const MAX_MARKS = 3; // on one letter; Vietnamese and Hebrew need two, vandals use hundreds

// They draw nothing, but say how their neighbours are drawn.
const JOINERS = /\u200C|\u200D|[\uFE00-\uFE0F]|[\u{E0100}-\u{E01EF}]/u;
const OTHERS = /\p{C}/u; // controls, direction changers, unassigned, private use
const MARKS = /[\p{Mn}\p{Me}]/u;

/**
 * Return a prompt as one line that leaves the page in order.
 *
 * @param {string} text any text
 */
export function cleanPrompt(text) {
  const isCut = text.length > MAX_CHARACTERS;
  let kept = "";
  let marks = 0;
  for (const character of text.slice(0, MAX_CHARACTERS).toWellFormed().normalize("NFC")) {
    if (/\s/u.test(character)) {
      kept += " ";
      marks = 0;
    } else if (JOINERS.test(character)) {
      kept += character;
    } else if (MARKS.test(character)) {
      marks += 1;
      if (marks <= MAX_MARKS) kept += character;
    } else if (!OTHERS.test(character)) {
      kept += character;
      marks = 0;
    }
  }
  const line = kept.split(" ").filter(Boolean).join(" ");
  return isCut ? `${line}…` : line;
}

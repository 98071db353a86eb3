/**
 * Words for people: looks a key up in a catalogue and fills in values.
 * Knows no words of its own; the server sends those of the reader's language with the page.
 */

/** @typedef {string | Record<string, string>} Message a text, or one for each plural category */
/** @typedef {Record<string, Message>} Catalogue */
/** @typedef {(key: string, values?: Record<string, string | number>) => string} Say */

/**
 * Return the function that says a message in one language.
 *
 * `{name}` in a message stands for a value. A message with plural forms is chosen by its value
 * `count`. A key that is not in the catalogue is said as it is, so that it is seen and mended.
 *
 * @param {Catalogue} catalogue
 * @param {string} language tag such as "es"
 * @returns {Say}
 */
export function speakerOf(catalogue, language) {
  const plurals = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(language);
  return (key, values = {}) => {
    if (!Object.hasOwn(catalogue, key)) return key;
    const message = catalogue[key];
    const text =
      typeof message === "string"
        ? message
        : (message[plurals.select(Number(values.count))] ?? message.other);
    return text.replace(/\{(\w+)\}/g, (whole, name) => {
      const value = values[name];
      if (value === undefined) return whole;
      return typeof value === "number" ? numbers.format(value) : value;
    });
  };
}

// What is typed, as what the API is asked to say. Pure functions.
//
// The API reads escapes in `text` (`\n`, `\xNN`); who types plain text means a backslash by a backslash, so it is escaped
// here. A line end that is typed becomes the one that was chosen, because nobody sees which one a textarea holds.

/** @type {Record<string, string>} a line end's name, and itself */
export const LINE_ENDS = { none: "", LF: "\n", CRLF: "\r\n" };

const ESCAPES = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

// eslint-disable-next-line no-control-regex
const escape = (text) => text.replace(/[\\\0-\x1f\x7f]/g, (char) => ESCAPES[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);

/**
 * The body of the request, without the side. Throws an Error that says what is wrong with what was typed.
 * @param {string} typed @param {"text" | "escapes" | "hex"} how @param {string} lineEnd a name in LINE_ENDS
 * @returns {{text: string} | {hex: string}}
 */
export function asRequest(typed, how, lineEnd) {
  const end = LINE_ENDS[lineEnd];
  if (how === "hex") return { hex: asHex(typed) };
  const lines = typed.split("\n");
  if (how === "text") return { text: escape(lines.join(end || "\n") + end) };
  const wrong = /\\(?![nrt\\]|x[0-9a-fA-F]{2})(.?)/s.exec(typed.replace(/\\\\/g, ""));
  if (wrong) throw new Error(`there is no escape \\${wrong[1]}: use \\n, \\r, \\t, \\\\ or \\xNN`);
  return { text: lines.map((line) => line.replace(/\t/g, "\\t")).join(escape(end || "\n")) + escape(end) };
}

function asHex(typed) {
  const hex = typed.replace(/0x|[\s,:]/gi, "");
  if (/[^0-9a-f]/i.test(hex)) throw new Error("hexadecimal is 0 to 9 and a to f, two digits a byte");
  if (hex.length % 2) throw new Error("a byte has two hexadecimal digits; one is missing");
  return hex.toLowerCase();
}

// Mail, and whatever else has headers and parts (RFC 5322, 2045–2047, 7578), read for a person to see. Lenient, as all that
// only looks: what is broken stays as it was written.
//
//   readMail(data)      → Part, with its parts        flat(part)   all that carry something, in their order

/** As deep, and as many: what a mail that is a bomb may cost. */
const DEPTH = 8;
const PARTS = 200;

/**
 * @typedef {{headers: [string, string][], media: string, params: Record<string, string>, name: string, isAttached: boolean,
 *            data: Uint8Array, parts: Part[]}} Part
 */

const latin = new TextDecoder("latin1");
const bytesOf = (text) => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** @param {Uint8Array} data @returns {Part} */
export function readMail(data) {
  return readPart(latin.decode(data), DEPTH, { left: PARTS });
}

/** The parts of a `multipart/…` body that has no headers of its own. @param {Uint8Array} data @param {string} media */
export function readParts(data, media) {
  const { value, params } = fieldOf(media);
  const text = latin.decode(data);
  const boundary = params.boundary || /^--([^\r\n]{1,70})\r?\n/.exec(text)?.[1] || "";
  const parts = boundary ? split(text, boundary).map((each) => readPart(each, DEPTH, { left: PARTS })) : [];
  return { headers: [], media: value, params, name: "", isAttached: false, data, parts };
}

/** @param {Part} part @returns {Part[]} */
export const flat = (part) => (part.parts.length ? part.parts.flatMap(flat) : [part]);

/** @param {Part} part @param {string} name */
export const header = (part, name) => part.headers.find(([each]) => each.toLowerCase() === name)?.[1] ?? "";

function readPart(text, depth, budget) {
  budget.left -= 1;
  const end = /^\r?\n|\r?\n\r?\n/.exec(text);
  const head = end ? text.slice(0, end.index) : text;
  const body = end ? text.slice(end.index + end[0].length) : "";
  const headers = readHeaders(head);
  const find = (name) => headers.find(([each]) => each.toLowerCase() === name)?.[1] ?? "";
  const type = fieldOf(find("content-type") || "text/plain");
  const disposition = fieldOf(find("content-disposition"));
  const data = decoded(body, find("content-transfer-encoding").trim().toLowerCase());
  const media = type.value.toLowerCase();
  const name = words(disposition.params.filename ?? type.params.name ?? "");
  const isAttached = disposition.value.toLowerCase() === "attachment" || (name !== "" && !media.startsWith("multipart/"));
  return { headers, media, params: { ...type.params, field: disposition.params.name ?? "" }, name, isAttached, data, parts: inside() };

  function inside() {
    if (depth <= 0 || budget.left <= 0) return [];
    if (media === "message/rfc822") return [readPart(latin.decode(data), depth - 1, budget)];
    if (!media.startsWith("multipart/") || !type.params.boundary) return [];
    return split(body, type.params.boundary).slice(0, budget.left).map((each) => readPart(each, depth - 1, budget));
  }
}

/** What stands between the lines `--boundary`. */
function split(text, boundary) {
  const line = new RegExp(`(?:^|\\r?\\n)--${RegExp.escape?.(boundary) ?? boundary.replace(/[^A-Za-z0-9]/g, "\\$&")}(--)?[ \\t]*(?=\\r?\\n|$)`, "g");
  const parts = [];
  let from = -1;
  for (const found of text.matchAll(line)) {
    if (from >= 0) parts.push(text.slice(from, found.index).replace(/^\r?\n/, ""));
    if (found[1]) return parts;
    from = found.index + found[0].length;
  }
  if (from >= 0) parts.push(text.slice(from).replace(/^\r?\n/, "")); // it was cut off
  return parts;
}

function readHeaders(head) {
  const lines = head.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/);
  const found = lines.map((line) => /^([!-9;-~]+):[ \t]*(.*)$/.exec(line)).filter(Boolean);
  return found.map(([, name, value]) => [name, words(utf8(value))]);
}

/** A header may be UTF-8 (RFC 6532); else it is read as Latin-1. */
function utf8(text) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(text));
  } catch {
    return text;
  }
}

/** A value and its parameters: `text/html; charset=utf-8`, with those that RFC 2231 continues or encodes. */
function fieldOf(text) {
  const [value = "", ...rest] = text.match(/(?:[^;"]|"(?:\\.|[^"\\])*"?)+/g) ?? [];
  const params = {};
  for (const each of rest) {
    const [, name, quoted, plain] = /^\s*([^=\s]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"?|(.*))/s.exec(each) ?? [];
    if (!name) continue;
    const text = quoted === undefined ? plain.trim() : quoted.replace(/\\(.)/g, "$1");
    const plainName = name.toLowerCase().replace(/\*\d*\*?$/, "");
    params[plainName] = (params[plainName] ?? "") + (name.endsWith("*") ? percent(text) : text);
  }
  return { value: value.trim(), params };
}

function percent(text) {
  try {
    return decodeURIComponent(text.replace(/^[^']*'[^']*'/, ""));
  } catch {
    return text;
  }
}

/** Encoded words (RFC 2047), read. @param {string} text */
function words(text) {
  const joined = text.replace(/(\?=)\s+(=\?)/g, "$1$2");
  return joined.replace(/=\?([^?*]+)(?:\*[^?]*)?\?([BbQq])\?([^?]*)\?=/g, (all, charset, how, inner) => {
    const data = how.toUpperCase() === "B" ? base64(inner) : quotedPrintable(inner.replace(/_/g, " "));
    return data ? textIn(data, charset) : all;
  });
}

/** Bytes in some charset, as text. @param {Uint8Array} data @param {string} [charset] */
export function textIn(data, charset = "utf-8") {
  try {
    return new TextDecoder(charset).decode(data);
  } catch {
    return new TextDecoder().decode(data);
  }
}

function decoded(body, encoding) {
  if (encoding === "base64") return base64(body) ?? bytesOf(body);
  if (encoding === "quoted-printable") return quotedPrintable(body);
  return bytesOf(body);
}

function base64(text) {
  try {
    return bytesOf(atob(text.replace(/[^A-Za-z0-9+/]/g, "")));
  } catch {
    return null;
  }
}

function quotedPrintable(text) {
  const soft = text.replace(/=[ \t]*\r?\n/g, "");
  return bytesOf(soft.replace(/=([0-9A-Fa-f]{2})/g, (_all, hex) => String.fromCharCode(parseInt(hex, 16))));
}

// In which ways content can be looked at, by its media type and by what it is. The best is the first.

import { parsed } from "./body-json.js";
import { readMail, readParts } from "./body-mail.js";
import { textOf } from "./body-text.js";

/** What a browser may draw. SVG is left out: it is a document, and is shown as its source. */
const IMAGES = /^image\/(png|jpeg|gif|webp|avif|bmp|x-icon|vnd\.microsoft\.icon)$/;
/** More is not looked at as JSON. */
const MOST_JSON = 8 << 20;

/**
 * @typedef {{name: string, says: string, [more: string]: any}} Way
 * @param {Uint8Array} data @param {string} media @returns {Way[]}
 */
export function waysOf(data, media) {
  const type = media.split(";")[0].trim().toLowerCase();
  const text = IMAGES.test(type) ? null : textOf(data);
  const ways = [special(type, data, text, media)];
  if (text !== null) ways.push({ name: "text", says: ways[0] ? "Source" : "Text", text });
  ways.push({ name: "hex", says: "Bytes" });
  return ways.filter(Boolean);
}

function special(type, data, text, media) {
  if (IMAGES.test(type)) return { name: "image", says: "Image", type };
  if (type === "message/rfc822") return { name: "mail", says: "Mail", part: readMail(data) };
  if (type.startsWith("multipart/")) return multipart(readParts(data, media));
  if (text === null || !text.trim()) return null;
  if (type === "text/html" || type === "application/xhtml+xml") return { name: "page", says: "Page", text };
  if (type === "application/x-www-form-urlencoded") return { name: "form", says: "Form", fields: [...new URLSearchParams(text.trim())] };
  const mayBeJson = /[/+]json$/.test(type) || /^\s*[[{]/.test(text);
  const value = mayBeJson && text.length <= MOST_JSON ? parsed(text) : undefined;
  return value === undefined ? null : { name: "json", says: "JSON", value };
}

function multipart(part) {
  return part.parts.length ? { name: "mail", says: "Parts", part } : null;
}

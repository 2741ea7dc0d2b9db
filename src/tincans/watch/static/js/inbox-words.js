// How mails are named, and which of their parts is shown as what. Pure functions.
//
//   who(mail)            whom it is from, by name:  "Ada" of "Ada <ada@tin.example>"
//   about(mail)          its subject, or that it has none
//   partsOf(read)        { pages, texts, files }:  its HTML, its texts, and all that is a file
//   titleOf(part)        a part's name, or what it is

/** @param {{from: string, sender: string}} mail */
export function who({ from, sender }) {
  const name = /^\s*"?([^"<]*?)"?\s*<[^<>]*>\s*$/.exec(from)?.[1];
  return name || from.replace(/^\s*<([^<>]*)>\s*$/, "$1").trim() || sender || "nobody";
}

/** @param {{subject: string}} mail */
export const about = ({ subject }) => subject || "(no subject)";

/** @param {{parts: {path: string, media: string, role: string}[]}} read */
export function partsOf({ parts }) {
  const body = parts.filter(({ role }) => role === "body");
  return {
    pages: body.filter(({ media }) => media === "text/html"),
    texts: body.filter(({ media }) => media !== "text/html"),
    files: parts.filter(({ role }) => role !== "body"),
  };
}

/** @param {{name: string, path: string, media: string}} part */
export const titleOf = ({ name, path, media }) => name || `${media.split("/")[0]} ${path}`;

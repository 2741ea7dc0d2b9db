// What an address is called on the map, where there is room for a port and not for an address.
//
// A place is `{host, port}`: for `tcp://127.0.0.1:7000` they are that, for `unix:///run/x.sock` the port is `x.sock`, for
// `exec:sort -u` it is `sort -u`. Nothing here knows more of addresses than what tells one socket from another.

/**
 * @typedef {{host: string, port: string}} Place
 */

/** @param {string} address @returns {Place} */
export function placeOf(address) {
  const bare = address.replace(/\?.*$/s, "");
  const network = /:\/\/(\[[^\]]*\]|[^/:]*):(\d+)/.exec(bare);
  if (network) return { host: network[1], port: network[2] };
  const path = bare.replace(/^[a-z+]*:(\/\/)?/, "");
  return { host: "", port: path.startsWith("/") ? path.slice(path.lastIndexOf("/") + 1) : path };
}

/** The port where there is one, and something as short elsewhere. @param {string} address */
export function portOf(address) {
  return address ? placeOf(address).port || "unnamed" : "";
}

/**
 * What a unix socket is called at both ends: one of them has the name, as a rule. Empty for another.
 * @param {string} own @param {string} other
 */
export function pathOf(own, other) {
  const ends = [own, other].filter((address) => /^(tls\+)?unix:/.test(address));
  return ends.length ? ends.map((address) => placeOf(address).port).find(Boolean) ?? "unnamed" : "";
}

/** All of an address but its port: `127.0.0.1`, `tls example.org`, the folder of a socket file. @param {string} address */
export function hostOf(address) {
  const { host } = placeOf(address);
  const scheme = /^([a-z0-9+]*):/.exec(address)?.[1] ?? "";
  if (host) return scheme === "tcp" ? host : `${scheme} ${host}`;
  return scheme === "unix" ? `unix, in ${address.replace(/^unix:(\/\/)?/, "").replace(/[^/]*$/, "") || "."}` : scheme;
}

/** `text` in at most `most` characters, its end cut off and marked. @param {string} text @param {number} most */
export function cut(text, most) {
  return text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1))}…`;
}

/** The program's file alone. @param {{name: string} | null | undefined} program */
export function nameOf(program) {
  return program ? program.name : "";
}

/** `text` in at most `lines` lines of at most `most` characters. @param {string} text @param {number} most @param {number} lines */
export function wrapped(text, most, lines) {
  const found = [""];
  for (const word of text.split(" ")) {
    if (found.at(-1) && found.at(-1).length + word.length + 1 > most) found.push("");
    found[found.length - 1] = `${found.at(-1)} ${word}`.trim();
  }
  if (found.length > lines) found[lines - 1] = found.slice(lines - 1).join(" ");
  return found.slice(0, lines).map((line) => cut(line, most));
}

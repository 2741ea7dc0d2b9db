// The map in words: what a screen reader is told of each part of the picture, and what the legend calls it.

import * as format from "./format.js";
import { nameOf, portOf } from "./map-names.js";

/** The four sockets that a channel may have, in their order: whose it is, its own address and the other end's. */
export const SOCKETS = ["caller", "near", "far", "target"];

/**
 * One socket of a conversation: `{ own, other, whose }`, or null where it has none.
 * @param {any} conversation @param {string} which one of SOCKETS
 */
export function socketOf({ kind, client, near, far, server }, which) {
  const middle = { listen: [client, server], connect: [server, client], relay: [client, near] }[kind];
  if (kind === "connect") {
    return { far: { own: client, other: server, whose: "tincans'" }, target: { own: server, other: client, whose: "the server's" } }[which] ?? null;
  }
  const first = { caller: { own: middle[0], other: middle[1], whose: "the caller's" }, near: { own: middle[1], other: middle[0], whose: "tincans'" } };
  const second = { far: { own: far, other: server, whose: "tincans' second" }, target: { own: server, other: far, whose: "the target's" } };
  return { ...first, ...(kind === "relay" ? second : {}) }[which] ?? null;
}

/** @param {any} station */
export function sayStation(station) {
  const { kind, name, address, answers, row, open } = station;
  const does = { listen: "listens on", relay: "listens on", connect: "calls" }[kind];
  const to = kind === "relay" && answers ? `, passes on to ${answers}` : answers && `, answered by ${answers}`;
  const stopped = row && !row.listening ? ", stopped: it takes no new callers" : "";
  return `${format.title({ kind, name })} ${does} ${address}${to}${stopped}, ${format.plural(open, "open channel")}`;
}

/** @param {any} channel @param {string} look @param {any} [state] @param {{client?: any, server?: any}} [programs] */
export function sayChannel(channel, look, state, programs = {}) {
  const of = channel.conversation;
  const who = (side) => {
    const program = programs[side];
    return `${program ? `${nameOf(program)}, process ${program.pid}, ` : ""}${of[side] || "unnamed"}`;
  };
  const parts = [
    of.number > 0 ? `conversation ${of.number}` : "a conversation that is not recorded",
    of.protocol,
    `${who("client")} to ${who("server")}`,
    sayLook(of, look),
    ...["client", "server"].map((side) => sayVoice(channel, side)),
    look === "stuck" ? state.sentence : "",
  ];
  return parts.filter(Boolean).join("; ");
}

function sayLook(of, look) {
  if (look === "calling") return "the target has not answered yet";
  if (look === "stuck") return "stuck";
  return look === "open" ? format.standing(of) : `${of.how}${of.by ? ` by the ${of.by}` : ""}`;
}

function sayVoice({ conversation, voices }, side) {
  const said = `the ${side} said ${format.bytes(conversation[`${side}_bytes`])}`;
  if (conversation[`${side}_ended`] !== null) return `${said} and has ended`;
  return voices[side].rate ? `${said} and is speaking` : said;
}

/** @param {{own: string, other: string, whose: string}} socket */
export function saySocket({ own, other, whose }) {
  if (!own) return `${whose} socket: there is none yet`;
  return `${whose} socket: ${portOf(own)}, connected with ${portOf(other)} (${own} with ${other || "unnamed"})`;
}

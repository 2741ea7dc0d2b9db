// What a person sees who looks elsewhere: the title counts what was not read, the sign of the tab has a dot, and, where it
// was asked for, the desktop tells when one is called.

import { effect, signal, useLayoutEffect } from "page/dom.js";

const CAN = "Notification" in window && window.isSecureContext;

/** Whether the desktop tells: "off", "on", or "never" where the browser does not let it. */
export const telling = signal(CAN ? "off" : "never");

export async function tellOnDesktop(chat, whether) {
  const allowed = whether && CAN && (await Notification.requestPermission()) === "granted";
  telling.value = !whether ? "off" : allowed ? "on" : "never";
  chat.kept.set("desktop", allowed);
}

/** @param {import("./chat.js").Chat} chat @param {{plain: string, dotted: string} | null} signs of the tab, if it is the chat's own */
export function useBadge(chat, signs) {
  useLayoutEffect(() => {
    if (CAN && chat.kept.get("desktop", false) && Notification.permission === "granted") telling.value = "on";
    chat.onMention = (room, { from, text }) => {
      if (telling.peek() !== "on" || document.hasFocus()) return;
      const told = new Notification(`${from} in ${room.name}`, { body: text.slice(0, 200), tag: `tincans ${room.name}` });
      told.onclick = () => (window.focus(), chat.show(room.isPrivate ? `@${room.name.toLowerCase()}` : room.name.toLowerCase()), told.close());
    };
    if (!signs) return undefined;
    const end = effect(() => {
      const rooms = chat.sorted.value;
      const unread = rooms.reduce((sum, room) => sum + room.unread.value, 0);
      const called = rooms.reduce((sum, room) => sum + room.mentions.value, 0);
      const shown = chat.room.value?.name;
      document.title = `${called ? `(${called}) ` : unread ? "• " : ""}${shown ? `${shown} · ` : ""}${chat.hub.value || "tincans"}`;
      const link = document.querySelector("link[rel=icon]");
      const wanted = unread ? signs.dotted : signs.plain;
      if (link.getAttribute("href") !== wanted) link.setAttribute("href", wanted);
    });
    return () => {
      end();
      document.querySelector("link[rel=icon]").setAttribute("href", signs.plain);
    };
  }, [chat]);
}

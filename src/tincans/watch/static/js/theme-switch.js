// Light, dark, or as the system has it: the switch, and the colours as they are now for what no style sheet reaches. theme.js
// sets what was chosen before anything is painted.

import { signal } from "./dom.js";

export const theme = signal(document.documentElement.dataset.theme ?? "system");

/** @param {"system" | "light" | "dark"} chosen */
export function setTheme(chosen) {
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    localStorage.setItem("tincans.theme", chosen);
  } catch {
    // It holds for as long as the page is open.
  }
  theme.value = chosen;
}

/** Grows when the colours change: a canvas that reads it is drawn again. */
export const painted = signal(0);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (painted.value += 1));

/** @param {Element} element @param {string} name as in "--client" @returns {string} as a canvas takes it */
export function colour(element, name) {
  void (theme.value, painted.value);
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

// The keyboard on the map. The picture is a tree (WAI-ARIA): stations, their channels, and the sockets of each.
//
//   ↑ ↓         the station or channel before or after; on a socket, the same socket of that channel
//   → ←         into a channel's sockets and along them, and out again; from a channel to its station
//   Home End    the first and the last
//   Enter       what a click does

const LEVELS = "[role=treeitem]";

const levelOf = (item) => Number(item.getAttribute("aria-level"));

/**
 * Moves the focus; whether the key was one of these.
 * @param {KeyboardEvent} event @param {Element} tree @param {(item: Element) => void} press
 */
export function moveInTree(event, tree, press) {
  const item = event.target.closest(LEVELS);
  if (!item) return false;
  if (event.key === "Enter" || event.key === " ") {
    press(item);
    return true;
  }
  const to = destination(event.key, item, tree);
  to?.focus();
  to?.scrollIntoView({ block: "nearest" });
  return to !== undefined;
}

/** The element to go to; null where the key moves and there is nothing, undefined where it is another key. */
function destination(key, item, tree) {
  const rows = [...tree.querySelectorAll(LEVELS)].filter((each) => levelOf(each) < 3);
  if (key === "Home") return rows[0];
  if (key === "End") return rows.at(-1);
  if (key === "ArrowUp" || key === "ArrowDown") return beside(item, rows, key === "ArrowDown" ? 1 : -1);
  if (key === "ArrowRight") return inwards(item);
  if (key === "ArrowLeft") return outwards(item);
  return undefined;
}

function beside(item, rows, step) {
  const row = levelOf(item) === 3 ? item.parentElement.closest(LEVELS) : item;
  const next = rows[rows.indexOf(row) + step];
  if (!next || levelOf(item) < 3) return next ?? null;
  const place = siblings(item).indexOf(item);
  const sockets = [...next.querySelectorAll("[aria-level='3']")];
  return levelOf(next) === 2 && sockets.length ? sockets[Math.min(place, sockets.length - 1)] : next;
}

const siblings = (item) => [...item.parentElement.children].filter((each) => each.matches(LEVELS));

function inwards(item) {
  if (levelOf(item) < 3) return item.querySelector(`[aria-level='${levelOf(item) + 1}']`);
  const all = siblings(item);
  return all[all.indexOf(item) + 1] ?? null;
}

function outwards(item) {
  const all = levelOf(item) === 3 ? siblings(item) : [];
  return all[all.indexOf(item) - 1] ?? item.parentElement.closest(LEVELS);
}

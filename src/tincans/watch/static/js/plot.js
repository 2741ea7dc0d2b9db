// One chart over time, drawn on a canvas: a few hundred points are redrawn in about a millisecond, whatever happens.
//
//   <Plot title="Bytes a second" kind="bytes" from to points series mirror text cursor />
//
//   points     [{ at, … }], in order; a step that is missing is a gap, and drawn as none
//   step       microseconds between two of them
//   series     [{ of: (point) => number | null, colour: "--client", says: "client", as: "area" | "line" | "dots" }]
//   mirror     the second series goes down from the line in the middle: what the server said, under what the client said
//   text       (value) => string
//   cursor     a signal with the time that is read off, or null; charts which share one are read together
//
// A canvas says nothing to a screen reader and to a keyboard: the chart is a slider over its points, which says what was
// at each (arrow keys, Home, End), and above it stands in words what there is to see.

import { computed, html, useLayoutEffect, useRef, useState } from "./dom.js";
import { clock, time } from "./format.js";
import { roundUp, stepOf, timeText, timeTicks } from "./scale.js";
import { colour, painted, theme } from "./ui.js";

const LEFT = 62;
const RIGHT = 14;
const TOP = 8;
const BOTTOM = 22;
/** Between the texts of two times, in pixels. */
const BETWEEN = 74;
/** Between two values, in pixels. */
const APART = 48;

/** The colours as they are now: asking the document for them is what is dear. */
const palette = computed(() => {
  void (theme.value, painted.value);
  return Object.fromEntries(["--client", "--server", "--ink", "--faint", "--line", "--edge"].map((name) => [name, colour(document.body, name)]));
});

export function Plot(props) {
  const { title, points, series, text, cursor, summary } = props;
  const canvas = useRef(null);
  const [size, setSize] = useState([0, 0]);
  useLayoutEffect(() => {
    const watcher = new ResizeObserver(([{ contentRect }]) => setSize([contentRect.width, contentRect.height]));
    watcher.observe(canvas.current);
    return () => watcher.disconnect();
  }, []);
  const colours = palette.value;
  const read = nearest(points, cursor.value);
  useLayoutEffect(() => {
    if (size[0]) paint(canvas.current, size, { ...props, colours, read });
  });
  const shown = read ?? points.at(-1);
  const said = shown ? series.map(({ of, says }) => `${says} ${textOf(of(shown), text)}`).join(", ") : "nothing yet";
  return html`
    <figure class="plot">
      <figcaption><h2>${title}</h2>
        <p class="readout">${shown && html`<time>${props.step < 1e6 ? clock(shown.at) : time(shown.at)}</time>`}
          ${shown && series.map(({ of, colour: name, says }) => html`<span key=${says}><i class=${`key ${name.slice(2)}`}></i>${says} <b>${textOf(of(shown), text)}</b></span>`)}
        </p>
      </figcaption>
      <div class="canvas" ref=${canvas} tabindex="0" role="slider" aria-label=${`${title}, point in time`} aria-valuemin="0"
        aria-valuemax=${Math.max(0, points.length - 1)} aria-valuenow=${shown ? points.indexOf(shown) : 0}
        aria-valuetext=${shown ? `${time(shown.at)}: ${said}` : said}
        onPointerMove=${(event) => (cursor.value = timeAt(event, props))} onPointerLeave=${() => (cursor.value = null)}
        onBlur=${() => (cursor.value = null)} onKeyDown=${(event) => step(event, props)}><canvas></canvas></div>
      <p class="summary">${summary}</p>
    </figure>`;
}

const textOf = (value, text) => (value === null || value === undefined ? "–" : text(value));

function timeAt(event, { from, to }) {
  const { left, width } = event.currentTarget.getBoundingClientRect();
  return from + ((event.clientX - left - LEFT) / (width - LEFT - RIGHT)) * (to - from);
}

/** The point at a time; none where the time is far from all. */
function nearest(points, at) {
  if (at === null || !points.length) return null;
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].at < at) low = middle + 1;
    else high = middle;
  }
  const before = points[low - 1];
  return before && at - before.at < points[low].at - at ? before : points[low];
}

function step(event, { points, cursor }) {
  const here = points.indexOf(nearest(points, cursor.peek()) ?? points.at(-1));
  const to = { ArrowLeft: here - 1, ArrowRight: here + 1, PageUp: here - 30, PageDown: here + 30, Home: 0, End: points.length - 1 }[event.key];
  if (to === undefined || !points.length) return;
  event.preventDefault();
  event.stopPropagation();
  cursor.value = points[Math.max(0, Math.min(points.length - 1, to))].at;
}

// ── drawing ────────────────────────────────────────────────────────────────────────────────────────────────

function paint(box, [width, height], { from, to, step, points, series, mirror, kind, axis, colours, read }) {
  const canvas = box.firstChild;
  const dense = devicePixelRatio || 1;
  const pen = canvas.getContext("2d");
  if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(height * dense)) {
    canvas.width = Math.round(width * dense);
    canvas.height = Math.round(height * dense);
  }
  pen.setTransform(dense, 0, 0, dense, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = `11px ${getComputedStyle(box).fontFamily}`;
  const seen = points.filter(({ at }) => at >= from - step && at <= to);
  const floor = height - BOTTOM;
  const most = series.map(({ of }) => Math.max(0, ...seen.map((point) => of(point) ?? 0)));
  const levels = levelsOf(most, mirror, kind, Math.max(2, Math.floor((floor - TOP) / APART)));
  const [least, greatest] = levels.range;
  const x = (at) => LEFT + ((at - from) / (to - from)) * (width - LEFT - RIGHT);
  const y = (value, down) => floor - (((down ? -value : value) - least) / (greatest - least)) * (floor - TOP);
  const zero = y(0);
  drawAxes(pen, { width, floor, from, to, levels: levels.at, axis, colours, x, y });
  pen.save();
  pen.beginPath();
  pen.rect(LEFT, 0, width - LEFT - RIGHT, height);
  pen.clip();
  series.forEach((one, index) => DRAW[one.as ?? "area"](pen, { ...one, colour: colours[one.colour], points: seen, step, x, y: (value) => y(value, mirror && index === 1), zero }));
  pen.restore();
  if (read) drawCursor(pen, { at: x(read.at), floor, read, series, mirror, colours, y });
}

/** Where the axis begins and ends, and its round values: one scale for both sides, so that they can be compared. */
function levelsOf(most, mirror, kind, room) {
  const [up, down] = mirror ? most : [Math.max(...most), 0];
  const step = stepOf(up + down, kind, mirror ? Math.max(2, room - 1) : room);
  const range = [mirror ? -roundUp(down, step) : 0, roundUp(up, step)];
  const at = [];
  for (let level = range[0]; level <= range[1] + step / 2; level += step) at.push(level);
  return { range, at };
}

function drawAxes(pen, { width, floor, from, to, levels, axis, colours, x, y }) {
  pen.lineWidth = 1;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const level of levels) {
    const at = Math.round(y(level)) + 0.5;
    pen.strokeStyle = Math.abs(level) < 1e-9 ? colours["--edge"] : colours["--line"];
    stroke(pen, [LEFT, at], [width - RIGHT, at]);
    pen.fillStyle = colours["--faint"];
    pen.fillText(axis(Math.abs(level)), LEFT - 8, at);
  }
  const { step, times } = timeTicks(from, to, Math.max(1, (width - LEFT - RIGHT) / BETWEEN));
  pen.textBaseline = "top";
  pen.textAlign = "center";
  for (const at of times) {
    pen.strokeStyle = colours["--line"];
    stroke(pen, [Math.round(x(at)) + 0.5, floor], [Math.round(x(at)) + 0.5, floor + 4]);
    if (x(at) > LEFT + 12 && x(at) < width - 22) pen.fillText(timeText(at, step), x(at), floor + 7);
  }
}

function stroke(pen, [x1, y1], [x2, y2]) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

/** Whole pixels: an edge between two is drawn many times slower, and looks washed out. */
const DRAW = {
  /** Each point holds for its whole step: what is drawn has the size of what was said. */
  area(pen, { points, of, colour: ink, step, x, y, zero }) {
    pen.fillStyle = ink;
    const floor = Math.round(zero);
    for (const point of points) {
      const value = of(point);
      if (!value) continue;
      const [left, height] = [Math.round(x(point.at)), Math.round(y(value)) - floor];
      // Something is never drawn as nothing.
      pen.fillRect(left, floor, Math.max(1, Math.round(x(point.at + step)) - left), height || Math.sign(y(value) - zero));
    }
  },

  line(pen, { points, of, colour: ink, step, x, y }) {
    pen.fillStyle = ink;
    let before = null;
    for (const point of points) {
      const [left, right, top] = [Math.round(x(point.at)), Math.round(x(point.at + step)), Math.round(y(of(point)))];
      pen.fillRect(left, top - 1, Math.max(1, right - left), 2);
      const was = before && point.at - before.at < step * 1.5 ? Math.round(y(of(before))) : top;
      if (was !== top) pen.fillRect(left, Math.min(was, top) - 1, 1, Math.abs(was - top) + 2);
      before = point;
    }
  },

  dots(pen, { points, of, colour: ink, step, x, y }) {
    pen.fillStyle = ink;
    for (const point of points) {
      if (of(point) !== null) pen.fillRect(Math.round(x(point.at + step / 2)) - 1, Math.round(y(of(point))) - 1, 3, 3);
    }
  },
};

function drawCursor(pen, { at, floor, read, series, mirror, colours, y }) {
  pen.lineWidth = 1;
  pen.strokeStyle = colours["--ink"];
  stroke(pen, [Math.round(at) + 0.5, TOP], [Math.round(at) + 0.5, floor]);
  series.forEach(({ of, colour: name }, index) => {
    if (of(read) === null) return;
    pen.fillStyle = colours[name];
    pen.beginPath();
    pen.arc(at, y(of(read), mirror && index === 1), 3.5, 0, 7);
    pen.fill();
  });
}

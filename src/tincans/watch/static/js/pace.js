// How often what is told is drawn: as soon as it is told, but after each drawing the page rests for many times as long as
// that took. So a flood takes a small part of a core, which the programs that talk need themselves.
//
//   pace.draw(work)          does `work`, which changes what is shown, in the next frame, once the page has rested
//   await pace.drawn(work)   the same at once, measured; `pace.rest` is how long to rest after it, in milliseconds
//   pace.isFlood             set where more comes than anybody reads: then the page rests longer
//
// What is measured is all that comes of the change on the main thread: components, layout and painting.

/** How many times as long as it took. Rasterizing and the browser's other processes cost about as much again. */
const REST = 10;
const FLOOD_REST = 100;
/** The longest rest, in milliseconds: a picture a second is still live. */
const LONGEST = 1000;
/** A hidden tab draws no frames, and changes what it would show this often. */
const HIDDEN_EVERY = 500;

export class Pace {
  #took = 0;
  #at = -Infinity;

  /** @param {number} least the shortest rest, in milliseconds */
  constructor(least = 0) {
    this.least = least;
    this.isFlood = false;
  }

  get rest() {
    return Math.min(LONGEST, Math.max(this.least, this.#took * (this.isFlood ? FLOOD_REST : REST)));
  }

  /** @param {() => void} work */
  draw(work) {
    if (document.hidden) return void setTimeout(() => this.#measured(work), HIDDEN_EVERY);
    const wait = this.#at + this.rest - performance.now();
    if (wait > 0) setTimeout(() => this.drawn(work), wait);
    else this.drawn(work);
    return undefined;
  }

  /** @param {() => void} work @returns {Promise<void>} once it is drawn */
  drawn(work) {
    return new Promise((done) => {
      const act = () => this.#measured(work, done);
      if (document.hidden) setTimeout(act);
      else requestAnimationFrame(act);
    });
  }

  /** A task that is put off within a frame runs when that frame has been painted. */
  #measured(work, done = () => {}) {
    const began = performance.now();
    work();
    setTimeout(() => {
      this.#at = performance.now();
      this.#took = this.#at - began;
      done();
    });
  }
}

// Threads from the moment on the curve that caused a change, past the sentence, to the bars that it moved.

import { drawing } from "./elements.js";
import { move } from "./motion.js";

/** Draws over the whole day; places are px from its left and top. */
export class Threads {
  #svg;

  constructor(svg) {
    this.#svg = svg;
  }

  /**
   * Draw the threads of one adaptation.
   * @param moments the places on the curves; the first is the one that the thread starts from.
   * @param card {left, top, right, bottom} of the sentence.
   * @param bars the places of the bars.
   */
  draw(kind, moments, card, bars, { animate }) {
    const [start] = moments;
    const rings = moments.map(({ x, y }) => drawing("circle", { class: "ring", cx: x, cy: y, r: 6 }));
    const cardX = start && within(start.x, card.left + 20, card.right - 20);
    const above = start ? [curve(start.x, start.y + 6, cardX, card.top)] : [];
    const beneath = bars.map((bar) => curve(within(bar.x, card.left + 20, card.right - 20), card.bottom, bar.x, bar.y));
    const paths = [...above, ...beneath].map((d) => drawing("path", { class: "thread", d, pathLength: 1 }));
    this.#svg.setAttribute("class", `threads ${kind}`);
    this.#svg.replaceChildren(...paths, ...rings);
    if (!animate) return;
    const dash = { strokeDasharray: "1 1" };
    for (const path of paths) move(path, [{ ...dash, strokeDashoffset: 1 }, { ...dash, strokeDashoffset: 0 }]);
    for (const ring of rings) move(ring, [{ opacity: 0 }, { opacity: 1 }]);
  }

  clear() {
    this.#svg.replaceChildren();
  }
}

function within(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/** A soft curve downwards: it leaves and arrives upright. */
function curve(x0, y0, x1, y1) {
  const middle = (y0 + y1) / 2;
  const [start, leave, arrive, end] = [[x0, y0], [x0, middle], [x1, middle], [x1, y1]].map(
    (place) => place.map((value) => value.toFixed(1)).join(" "),
  );
  return `M${start}C${leave} ${arrive} ${end}`;
}

// What the marks in the curves mean: a line of swatches with words.

import { drawing, element } from "./elements.js";
import { hatching } from "./ribbon.js";

const HEIGHT = 10;
const SWATCHES = {
  dot: { width: 6, mark: () => drawing("circle", { class: "dot", cx: 3, cy: 5, r: 2.5 }) },
  ring: { width: 6, mark: () => drawing("circle", { class: "ring", cx: 3, cy: 5, r: 1.9 }) },
  range: { width: 16, mark: () => drawing("rect", { class: "range", width: 16, height: HEIGHT, rx: 2 }) },
  mean: { width: 16, mark: () => drawing("path", { class: "mean", d: "M0 5H16" }) },
  hatch: {
    width: 16,
    mark: () => drawing("rect", { width: 16, height: HEIGHT, rx: 2, fill: "url(#hatch-legend)" }),
  },
};

/** The legend of the curves. */
export class Legend {
  #list;
  #shown = "[]";

  constructor(list) {
    this.#list = list;
  }

  /** Show the entries, each {swatch: its name or null, text}; tell whether they are others than before. */
  show(entries) {
    const key = JSON.stringify(entries);
    if (key === this.#shown) return false;
    this.#shown = key;
    this.#list.replaceChildren(...entries.map(itemOf));
    return true;
  }
}

function itemOf({ swatch, text }) {
  if (!swatch) return element("li", {}, text);
  const pattern = swatch === "hatch" ? hatching("hatch-legend") : null;
  const { width, mark } = SWATCHES[swatch];
  const looks = { class: "swatch", width, height: HEIGHT, "aria-hidden": "true" };
  return element("li", {}, drawing("svg", looks, pattern, mark()), text);
}

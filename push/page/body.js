// The body's curves: heart rate as a line, HRV as points on its normal range, energy and stress as ribbons.
// Our own SVG, because the threads join the curves to the bars on one scale, and for the sake of the frames: a day of
// minutes is redrawn in 3 ms, where a general chart library took 31 ms, 1.3 s to load, and styles that a strict
// content security policy forbids.

import { drawing, setAttribute } from "./elements.js";
import { HeartLane } from "./heartlane.js";
import { HrvLane } from "./hrvlane.js";
import { Ribbon } from "./ribbon.js";

const SPACE = 12;

/** The chart of one person's day. Its places are px from the left and top of its root. */
export class Body {
  #root;
  #svg;
  #grid;
  #window;
  #lanes = [new HeartLane(), new HrvLane(), new Ribbon("energy_level"), new Ribbon("stress_level")];
  #scale = null;
  #left = 0;

  constructor(root) {
    this.#root = root;
    this.#grid = drawing("g", { class: "grid" });
    this.#window = drawing("rect", { x: 0, y: -8 });
    const clip = drawing("clipPath", { id: "day-window" }, this.#window);
    this.#svg = drawing("svg", { class: "curves", role: "img", "aria-label": "No readings yet" }, clip, this.#grid);
    this.#svg.append(...this.#lanes.map((lane) => lane.group));
    root.append(this.#svg, ...this.#lanes.map((lane) => lane.label));
  }

  /** Lay the lanes out: beside their labels where there is room, else beneath them. Returns the height. */
  layOut(scale, { left, wide }) {
    this.#scale = scale;
    this.#left = left;
    let top = 4;
    for (const lane of this.#lanes) top = lane.layOut(scale, { left, top, wide }) + SPACE;
    const height = top - SPACE + 8;
    this.#svg.setAttribute("width", left + scale.width + 12);
    this.#svg.setAttribute("height", height);
    this.#window.setAttribute("width", scale.width);
    this.#window.setAttribute("height", height);
    this.#root.style.height = `${height}px`;
    this.#drawGrid(height);
    return height;
  }

  /** Draw what is known at `now`. */
  draw(series, now) {
    if (!this.#scale) return;
    for (const lane of this.#lanes) lane.draw(series, now);
    setAttribute(this.#svg, "aria-label", this.#summary(series, now));
  }

  /** Return the place of a value on its curve; null where the measure has no curve here. */
  place(measure, ms, value) {
    if (!this.#scale) return null;
    const x = Math.min(this.#scale.width, Math.max(0, this.#scale.x(ms)));
    for (const lane of this.#lanes) {
      const y = lane.yOf(measure, value);
      if (y !== null) return { x: this.#left + x, y: lane.top + y };
    }
    return null;
  }

  /** Return in words what the curves say at a moment. */
  valuesAt(series, ms) {
    return this.#lanes
      .map((lane) => ({ word: lane.word, value: lane.valueAt(series, ms) }))
      .filter(({ value }) => value !== null);
  }

  /** Return what the marks that are drawn mean, each said once. */
  legend(series) {
    if (!this.#scale) return [];
    const entries = this.#lanes.flatMap((lane) => lane.legend(series));
    return entries.filter(({ text }, index) => entries.findIndex((one) => one.text === text) === index);
  }

  #drawGrid(height) {
    const lines = this.#scale.hours().map(({ x }) =>
      drawing("line", { x1: this.#left + x, x2: this.#left + x, y1: 0, y2: height }),
    );
    this.#grid.replaceChildren(...lines);
  }

  #summary(series, now) {
    const values = this.valuesAt(series, now).map(({ word, value }) => `${word} ${value}`);
    return values.length ? `Curves of the day. Now: ${values.join(", ")}.` : "Curves of the day. No value just now.";
  }
}

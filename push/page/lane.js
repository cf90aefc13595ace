// One lane of the body's curves: its place, its vertical range, and the parts that every kind of lane has.

import { drawing, element, setText } from "./elements.js";
import { measureWord } from "./words.js";

/** A value older than this is no longer "now". */
export const CURRENT_MS = 30 * 60_000;

const LABEL_ROW = 18;
/** A lane has at least this many steps from its lowest to its highest value. */
const STEPS_MIN = 4;
/** The figures on the right edge take so much room; remarks end left of it. */
export const FIGURES_PX = 26;
const REMARK_SPACE_PX = 14;

/**
 * What the kinds of lanes share. A kind has draw(series, now), valueAt(series, ms) in words, yOf(measure, value)
 * and legend(series).
 */
export class Lane {
  #value = element("span", { class: "value" }, "–");
  #ticks = drawing("g", { class: "ticks" });
  #ticksWidth = 0;
  #remark = drawing("text", { class: "remark", "text-anchor": "end" });

  constructor({ name, kind, word = measureWord(name), height }) {
    this.name = name;
    this.word = word;
    this.height = height;
    this.scale = null;
    this.left = 0;
    this.top = 0;
    this.domain = [0, 1];
    this.group = drawing("g", { class: `track ${kind} ${name}` });
    this.ground = this.part("rect", { class: "ground", height, rx: 4 });
    this.label = element("div", { class: "track-label" }, element("span", {}, word), this.#value);
  }

  /** Append a part to the lane's drawing. */
  part(tag, attributes, ...children) {
    const node = drawing(tag, attributes, ...children);
    this.group.append(node);
    return node;
  }

  /** Append a part that is cut off at the edges of the day. */
  clipped(name) {
    return this.part("path", { class: name, "clip-path": "url(#day-window)" });
  }

  /** Append the lines and figures of the range, and the place of remarks, over what is there. */
  writings() {
    this.group.append(this.#ticks, this.#remark);
  }

  /** Take a place below `top`: beside the label where there is room, else beneath it. Returns where it ends. */
  layOut(scale, { left, top, wide }) {
    this.scale = scale;
    this.left = left;
    this.top = wide ? top : top + LABEL_ROW;
    this.group.setAttribute("transform", `translate(${left} ${this.top})`);
    this.label.style.top = `${top}px`;
    this.label.style.height = `${wide ? this.height : LABEL_ROW}px`;
    this.ground.setAttribute("width", scale.width);
    return this.top + this.height;
  }

  /** Say the value of now beside the lane; null where there is none. */
  showValue(text) {
    setText(this.#value, text ?? "–");
  }

  /** Write a remark at the right end, where nothing is drawn yet at `now` and it takes less than `width` px. */
  showRemark(text, { y = this.height / 2 + 4, width, now }) {
    const right = this.scale.width - FIGURES_PX - REMARK_SPACE_PX;
    setText(this.#remark, text && this.scale.x(now) < right - width ? text : "");
    this.#remark.setAttribute("x", right);
    this.#remark.setAttribute("y", Math.min(this.height - 2, Math.max(10, y)).toFixed(1));
  }

  /** Return the height of a value, in px from the lane's top. */
  y(value) {
    const [low, high] = this.domain;
    const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
    return this.height * (1 - share);
  }

  /** Return the path of a piece, a list of [x, value]. */
  line(piece) {
    if (!piece.length) return "";
    // A lone point between two gaps still shows, as a short stroke.
    const places = piece.length > 1 ? piece : [piece[0], [piece[0][0] + 0.1, piece[0][1]]];
    return `M${places.map(([x, value]) => `${x.toFixed(1)} ${this.y(value).toFixed(1)}`).join("L")}`;
  }

  /**
   * Fit the vertical range to the values, in whole steps, so that it seldom moves.
   * @param tickStep(range) the distance of the figures on the right edge.
   */
  fitDomain(values, { room, step, tickStep, digits = 0 }) {
    if (!values.length) return;
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    const from = Math.max(0, Math.floor((low - room) / step) * step);
    const to = Math.max(from + STEPS_MIN * step, Math.ceil((high + room) / step) * step);
    if (this.domain[0] === from && this.domain[1] === to && this.#ticksWidth === this.scale.width) return;
    this.domain = [from, to];
    this.#ticksWidth = this.scale.width;
    this.#drawTicks(tickStep(to - from), digits);
  }

  #drawTicks(step, digits) {
    const [from, to] = this.domain;
    const marks = [];
    for (let value = Math.floor(from / step) * step + step; value < to; value += step) {
      const y = this.y(value).toFixed(1);
      marks.push(drawing("line", { x1: 0, x2: this.scale.width, y1: y, y2: y }));
      const mark = drawing("text", { x: this.scale.width, y: y - 3, "text-anchor": "end" });
      mark.textContent = value.toFixed(digits);
      marks.push(mark);
    }
    this.#ticks.replaceChildren(...marks);
  }
}

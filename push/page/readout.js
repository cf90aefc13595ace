// A line across the curves that reads their values, by pointer or by arrow keys.

import { element, setText } from "./elements.js";
import { timeOfDay } from "./clock.js";

const STEP_MS = 15 * 60_000;

/** The line and its text. It is a slider: its value is a time of day. */
export class Readout {
  #root;
  #line = element("div", { class: "readout-line" });
  #text = element("div", { class: "readout-text" });
  #valuesAt;
  #scale = null;
  #left = 0;
  #ms = null;

  /** `valuesAt(ms)` returns [{word, value}] of that moment; the time may be read up to `until()`. */
  constructor(root, { valuesAt, until }) {
    this.#root = root;
    this.#valuesAt = valuesAt;
    this.until = until;
    root.append(this.#line, this.#text);
    root.addEventListener("pointermove", (event) => this.#show(this.#momentUnder(event)));
    root.addEventListener("pointerdown", (event) => this.#show(this.#momentUnder(event)));
    root.addEventListener("pointerleave", () => this.#hide());
    root.addEventListener("focus", () => root.matches(":focus-visible") && this.#show(this.until()));
    root.addEventListener("blur", () => this.#hide());
    root.addEventListener("keydown", (event) => this.#step(event));
    this.#hide();
  }

  layOut(scale, left) {
    this.#scale = scale;
    this.#left = left;
    this.#root.style.left = `${left}px`;
    this.#root.style.width = `${scale.width}px`;
    this.#root.setAttribute("aria-valuemin", 0);
    this.#root.setAttribute("aria-valuemax", Math.round((scale.to - scale.from) / 60_000));
    this.#tell(this.until());
  }

  #momentUnder(event) {
    return this.#scale.at(event.clientX - this.#root.getBoundingClientRect().left);
  }

  #step(event) {
    const by = { ArrowLeft: -STEP_MS, ArrowRight: STEP_MS, PageDown: -4 * STEP_MS, PageUp: 4 * STEP_MS }[event.key];
    const at = { Home: this.#scale?.from, End: this.until() }[event.key];
    if (!this.#scale || (by === undefined && at === undefined)) return;
    event.preventDefault();
    this.#show(at ?? (this.#ms ?? this.until()) + by);
  }

  #show(ms) {
    if (!this.#scale) return;
    this.#ms = Math.min(this.#scale.to, this.until(), Math.max(this.#scale.from, ms));
    const x = this.#scale.x(this.#ms);
    this.#line.style.transform = `translateX(${x}px)`;
    const isLeft = x > this.#scale.width / 2;
    this.#text.classList.toggle("before", isLeft);
    this.#text.style.transform = `translateX(${x}px)${isLeft ? " translateX(-100%)" : ""}`;
    setText(this.#text, this.#tell(this.#ms));
    this.#root.classList.add("reading");
  }

  #tell(ms) {
    const values = this.#valuesAt(ms).map(({ word, value }) => `${word} ${value}`);
    const text = [timeOfDay(ms, this.#scale.zone), ...(values.length ? values : ["no value"])].join(" · ");
    this.#root.setAttribute("aria-valuenow", Math.round((ms - this.#scale.from) / 60_000));
    this.#root.setAttribute("aria-valuetext", text);
    return text;
  }

  #hide() {
    this.#ms = null;
    this.#root.classList.remove("reading");
  }
}

// The heart rate, a quiet line with its gaps.

import { drawing } from "./elements.js";
import { CURRENT_MS, Lane } from "./lane.js";
import { pieces } from "./series.js";
import { usualText, valueText } from "./words.js";

const GAP_NAMED_PX_MIN = 52;
const DOMAIN = { room: 4, step: 10, tickStep: (range) => (range > 80 ? 40 : 20) };

/** The lane of the heart rate. */
export class HeartLane extends Lane {
  #line;
  #gaps;
  #dot;

  constructor() {
    super({ name: "heart_rate_bpm", kind: "line", height: 74 });
    this.writings();
    this.#line = this.clipped("line");
    this.#gaps = this.part("g", { class: "gaps" });
    this.#dot = this.part("circle", { class: "dot hidden", r: 3.5 });
  }

  draw(series, now) {
    const points = series.points(this.name);
    const found = pieces(points, this.scale);
    this.fitDomain(found.flat().map((place) => place[1]), DOMAIN);
    this.#line.setAttribute("d", found.map((piece) => this.line(piece)).join(""));
    this.#nameGaps(found, Math.min(this.scale.width, this.scale.x(now)));
    const current = points.latest(now, CURRENT_MS);
    this.showValue(current && valueText(this.name, current[1]));
    const isShown = current !== null && this.scale.shows(current[0]);
    this.#dot.classList.toggle("hidden", !isShown);
    if (!isShown) return;
    this.#dot.setAttribute("cx", this.scale.x(current[0]).toFixed(1));
    this.#dot.setAttribute("cy", this.y(found.at(-1)?.at(-1)?.[1] ?? current[1]).toFixed(1));
  }

  valueAt(series, ms) {
    const points = series.points(this.name);
    const point = points.latest(ms, points.gapMs());
    return point && valueText(this.name, point[1]) + usualText(this.name, series.baseline(this.name).latest(ms));
  }

  yOf(measure, value) {
    return measure === this.name ? this.y(value) : null;
  }

  legend() {
    return [];
  }

  #nameGaps(found, nowX) {
    const ends = [...found.map((piece) => [piece[0][0], piece.at(-1)[0]]), [nowX, nowX]];
    const names = ends.slice(1).flatMap(([from], index) => {
      const to = ends[index][1];
      if (from - to < GAP_NAMED_PX_MIN) return [];
      const name = drawing("text", { x: (from + to) / 2, y: this.height / 2 + 4, "text-anchor": "middle" });
      name.textContent = "not worn";
      return [name];
    });
    this.#gaps.replaceChildren(...names);
  }
}

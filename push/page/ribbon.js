// A level from 0 to 1 as a thin ribbon: filled where a device gives it, hatched where Daybeat estimates it.

import { drawing } from "./elements.js";
import { CURRENT_MS, Lane } from "./lane.js";
import { pieces } from "./series.js";
import { ESTIMATED, usualText, valueText } from "./words.js";

const STEP_PX = 2;
const REMARK_PX = 64;

/** The lane of a level. A day that has given values shows those alone: the two are never mixed. */
export class Ribbon extends Lane {
  #band;
  #hatch;
  #line;
  #isEstimated = false;

  constructor(name) {
    super({ name, kind: "ribbon", height: 20 });
    const hatchId = `hatch-${name}`;
    this.group.append(hatching(hatchId));
    this.#band = this.clipped("band");
    this.#hatch = this.clipped("hatch");
    this.#hatch.setAttribute("fill", `url(#${hatchId})`);
    this.#line = this.clipped("line");
    this.writings();
  }

  draw(series, now) {
    const { points, isEstimated } = this.#pointsOf(series);
    this.#isEstimated = isEstimated;
    this.group.classList.toggle("estimated", isEstimated);
    const found = pieces(points, this.scale, { step: STEP_PX });
    const area = found.map((piece) => this.#area(piece)).join("");
    this.#band.setAttribute("d", isEstimated ? "" : area);
    this.#hatch.setAttribute("d", isEstimated ? area : "");
    this.#line.setAttribute("d", found.map((piece) => this.line(piece)).join(""));
    const [, level] = points.latest(now, CURRENT_MS) ?? [now, null];
    this.showValue(level === null ? null : `${isEstimated ? "≈ " : ""}${valueText(this.name, level)}`);
    this.showRemark(isEstimated ? ESTIMATED : "", { width: REMARK_PX, now });
  }

  valueAt(series, ms) {
    const { points, isEstimated } = this.#pointsOf(series);
    const [, level, confidence] = points.latest(ms, points.gapMs()) ?? [ms, null];
    if (level === null) return null;
    const text = valueText(this.name, level);
    if (!isEstimated) return text + usualText(this.name, series.baseline(this.name).latest(ms));
    const sure = confidence === null ? "" : `, confidence ${Math.round(confidence * 100)}%`;
    return `${text} (${ESTIMATED}${sure})`;
  }

  yOf(measure, value) {
    return measure === this.name && !this.#isEstimated ? this.y(value) : null;
  }

  legend(series) {
    return this.#pointsOf(series).isEstimated ? [{ swatch: "hatch", text: ESTIMATED }] : [];
  }

  #pointsOf(series) {
    const given = series.points(this.name);
    const estimates = series.estimated(this.name);
    const isEstimated = !given.isIn(this.scale) && estimates.isIn(this.scale);
    return { points: isEstimated ? estimates : given, isEstimated };
  }

  #area(piece) {
    const [from, to] = [piece[0][0], piece.at(-1)[0]].map((x) => x.toFixed(1));
    return `${this.line(piece)}L${to} ${this.height}L${from} ${this.height}Z`;
  }
}

/** Return a pattern of slanting lines. */
export function hatching(id) {
  const stroke = drawing("line", { class: "hatching", x1: 0, y1: 0, x2: 0, y2: 6, "stroke-width": 3 });
  const looks = { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" };
  return drawing("pattern", looks, stroke);
}

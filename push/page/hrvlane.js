// Heart rate variability: lnRMSSD as points on the person's normal range, with the 7-day mean.

import { CURRENT_MS, FIGURES_PX, Lane } from "./lane.js";
import { learningText, meanText, rangeOf, rangeWord, sourceText } from "./normalrange.js";
import { GOOD, dots } from "./series.js";
import { lnText, msText } from "./words.js";

/** Points closer than this are drawn as their mean, so that single points can be seen. */
const POINT_STEP_PX = 5;
const MEAN_REMARK_PX = 108;
const LEARNING_REMARK_PX = 150;
const MARKER_PX = 4;
const DOMAIN = { room: 0.08, step: 0.2, tickStep: (range) => (range > 2 ? 1 : 0.5), digits: 1 };

/** The lane of HRV. Its values come from one source: computed here from beats, or given by one device. */
export class HrvLane extends Lane {
  #band;
  #mean;
  #marker;
  #low;
  #core;
  #line;
  #source = null;

  constructor() {
    super({ name: "hrv", word: "HRV (ln ms)", kind: "points", height: 66 });
    this.#band = this.clipped("band");
    this.writings();
    this.#mean = this.clipped("mean");
    this.#low = this.clipped("low");
    this.#core = this.clipped("core");
    this.#line = this.clipped("line");
    this.#marker = this.part("path", { class: "marker" });
  }

  draw(series, now) {
    this.#source = series.sources?.hrv ?? null;
    const points = series.hrv();
    const day = series.hrvDays.at(-1) ?? null;
    const range = rangeOf(day);
    const found = dots(points, this.scale, POINT_STEP_PX);
    const edges = range ? [range.low, range.high, range.mean ?? range.low] : [];
    this.fitDomain([...found.map(([, value]) => value), ...edges], DOMAIN);
    this.#line.setAttribute("d", this.#dots(found.filter(([, , isGood]) => isGood)));
    const low = this.#dots(found.filter(([, , isGood]) => !isGood));
    for (const part of [this.#low, this.#core]) part.setAttribute("d", low);
    this.#drawRange(range);
    this.#drawMean(range, now);
    const awaits = range || (!day && !points.isIn(this.scale)) ? "" : learningText(day);
    if (awaits) this.showRemark(awaits, { width: LEARNING_REMARK_PX, now });
    const current = points.latest(now, CURRENT_MS);
    this.showValue(current && lnText(current[1]));
  }

  valueAt(series, ms) {
    const points = series.hrv();
    const point = points.latest(ms, points.gapMs());
    if (!point) return null;
    const range = rangeOf(series.hrvDays.at(-1) ?? null);
    const normal = range ? `, normal ${lnText(range.low)}–${lnText(range.high)}` : "";
    return `${lnText(point[1])} (${msText(point[1])}${normal})`;
  }

  yOf(measure, value) {
    return this.#source?.measure === measure && value > 0 ? this.y(Math.log(value)) : null;
  }

  legend(series) {
    const points = series.hrv();
    const day = series.hrvDays.at(-1) ?? null;
    const hasPoints = points.isIn(this.scale);
    if (!hasPoints && !day) return [];
    const range = rangeOf(day);
    return [
      { swatch: "dot", text: sourceText(series.sources?.hrv) },
      hasPoints && points.all.some(([ms, , quality]) => quality !== GOOD && this.scale.shows(ms))
        ? { swatch: "ring", text: "low quality" } : null,
      { swatch: range ? "range" : null, text: range ? rangeWord(day) : learningText(day) },
      range ? { swatch: "mean", text: meanText(day, this.scale.date) } : null,
    ].filter(Boolean);
  }

  #dots(found) {
    // A stroke without length under round caps is a dot; one path for all of them.
    return found.map(([x, value]) => `M${x.toFixed(1)} ${this.y(value).toFixed(1)}h0`).join("");
  }

  /** The range is that of the whole day: it stands before the first point does. */
  #drawRange(range) {
    const { width } = this.scale;
    const [top, bottom] = range ? [this.y(range.high), this.y(range.low)].map((y) => y.toFixed(1)) : [];
    this.#band.setAttribute("d", range ? `M0 ${top}H${width}V${bottom}H0Z` : "");
  }

  #drawMean(range, now) {
    const hasMean = range !== null && range.mean !== null;
    const y = hasMean ? this.y(range.mean) : 0;
    const end = this.scale.width - FIGURES_PX - MARKER_PX;
    this.#mean.setAttribute("d", hasMean ? `M0 ${y.toFixed(1)}H${end}` : "");
    this.#marker.setAttribute("d", hasMean ? diamond(end, y) : "");
    const text = hasMean && range.status ? `7-day mean: ${range.status}` : "";
    this.showRemark(text, { y: y - 4, width: MEAN_REMARK_PX, now });
  }
}

function diamond(x, y) {
  const [left, right, over, under] = [x - MARKER_PX, x + MARKER_PX, y - MARKER_PX, y + MARKER_PX];
  return `M${left.toFixed(1)} ${y.toFixed(1)}L${x.toFixed(1)} ${over.toFixed(1)}L${right.toFixed(1)} ${y.toFixed(1)}L${x.toFixed(1)} ${under.toFixed(1)}Z`;
}

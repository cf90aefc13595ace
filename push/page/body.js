// The body's curves: heart rate as a line, HRV as points on its baseline band, energy and stress as ribbons.
// Our own SVG, because the threads join the curves to the bars on one scale, and for the sake of the frames: a day of
// minutes is redrawn in 3 ms, where a general chart library took 31 ms, 1.3 s to load, and styles that a strict
// content security policy forbids.

import { drawing, element, setAttribute, setText } from "./elements.js";
import { pieces } from "./series.js";
import { measureWord, numberText, valueText } from "./words.js";

const TRACKS = [
  { name: "heart_rate_bpm", kind: "line", height: 88, room: 4, step: 10 },
  { name: "hrv_rmssd_ms", word: "HRV", kind: "points", height: 62, room: 3, step: 10 },
  { name: "energy_level", kind: "ribbon", height: 22 },
  { name: "stress_level", kind: "ribbon", height: 22 },
];
const SPACE = 12;
const LABEL_ROW = 18;
/** HRV points closer than this are drawn as their mean, so that single points can be seen. */
const POINT_STEP_PX = 5;
const GAP_NAMED_PX_MIN = 52;
const BAND_NAME_PX = 110;
/** A value older than this is no longer "now". */
const CURRENT_MS = 30 * 60_000;

/** The chart of one person's day. Its places are px from the left and top of its root. */
export class Body {
  #root;
  #svg;
  #grid;
  #window;
  #tracks;
  #scale = null;
  #left = 0;

  constructor(root) {
    this.#root = root;
    this.#grid = drawing("g", { class: "grid" });
    this.#window = drawing("rect", { x: 0, y: -8 });
    const clip = drawing("clipPath", { id: "day-window" }, this.#window);
    this.#svg = drawing("svg", { class: "curves", role: "img", "aria-label": "No readings yet" }, clip, this.#grid);
    this.#tracks = TRACKS.map((track) => ({ ...track, ...partsOf(track), domain: [0, 1], top: 0 }));
    for (const track of this.#tracks) this.#svg.append(track.group);
    root.append(this.#svg, ...this.#tracks.map((track) => track.label));
  }

  /** Lay the tracks out: beside their labels where there is room, else beneath them. Returns the height. */
  layOut(scale, { left, wide }) {
    this.#scale = scale;
    this.#left = left;
    let top = 4;
    for (const track of this.#tracks) {
      if (!wide) top += LABEL_ROW;
      track.top = top;
      track.group.setAttribute("transform", `translate(${left} ${top})`);
      track.label.style.top = `${wide ? top : top - LABEL_ROW}px`;
      track.label.style.height = `${wide ? track.height : LABEL_ROW}px`;
      top += track.height + SPACE;
    }
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
    for (const track of this.#tracks) {
      const points = series.points(track.name);
      if (track.kind === "line") this.#drawLine(track, points, now);
      else if (track.kind === "points") this.#drawPoints(track, points, series.baseline(track.name), now);
      else this.#drawRibbon(track, points);
      const current = points.latest(now, CURRENT_MS);
      setText(track.value, current ? valueText(track.name, current[1]) : "–");
    }
    setAttribute(this.#svg, "aria-label", this.#summary(series, now));
  }

  /** Return the place of a value on its curve; null where the measure has no curve here. */
  place(measure, ms, value) {
    const track = this.#tracks.find((one) => one.name === measure);
    if (!track || !this.#scale) return null;
    const x = Math.min(this.#scale.width, Math.max(0, this.#scale.x(ms)));
    return { x: this.#left + x, y: track.top + this.#y(track, value) };
  }

  /** Return in words what the curves say at a moment. */
  valuesAt(series, ms) {
    return this.#tracks.flatMap((track) => {
      const points = series.points(track.name);
      const point = points.latest(ms, points.gapMs());
      if (!point) return [];
      const usual = usualText(track.name, series.baseline(track.name).latest(ms));
      return [{ word: track.word ?? measureWord(track.name), value: valueText(track.name, point[1]) + usual }];
    });
  }

  #y(track, value) {
    const [low, high] = track.domain;
    const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
    return track.height * (1 - share);
  }

  #drawLine(track, points, now) {
    const found = pieces(points, this.#scale);
    this.#fitDomain(track, found.flat().map((place) => place[1]));
    track.path.setAttribute("d", found.map((piece) => this.#line(track, piece)).join(""));
    this.#nameGaps(track, found, Math.min(this.#scale.width, this.#scale.x(now)));
    const current = points.latest(now, CURRENT_MS);
    const isShown = current !== null && this.#scale.shows(current[0]);
    track.dot.classList.toggle("hidden", !isShown);
    if (!isShown) return;
    track.dot.setAttribute("cx", this.#scale.x(current[0]).toFixed(1));
    track.dot.setAttribute("cy", this.#y(track, found.at(-1)?.at(-1)?.[1] ?? current[1]).toFixed(1));
  }

  #drawPoints(track, points, baseline, now) {
    const places = pieces(points, this.#scale, { step: POINT_STEP_PX }).flat().filter(([x]) => x >= 0);
    const band = this.#bandRows(baseline, now);
    const edges = band.flatMap(([, mean, sd]) => [mean - sd, mean + sd]);
    this.#fitDomain(track, [...places.map((place) => place[1]), ...edges]);
    track.path.setAttribute("d", places.map(([x, value]) => dotAt(x, this.#y(track, value))).join(""));
    const upper = band.map(([x, mean, sd]) => [x, mean + sd]);
    const lower = band.map(([x, mean, sd]) => [x, mean - sd]).reverse();
    track.band.setAttribute("d", band.length ? `${this.#line(track, [...upper, ...lower])}Z` : "");
    track.mean.setAttribute("d", this.#line(track, band));
    this.#nameBand(track, band.at(-1));
  }

  #nameBand(track, end) {
    const isNamed = end && end[0] + BAND_NAME_PX < this.#scale.width;
    if (!isNamed) return track.gaps.replaceChildren();
    const name = drawing("text", { x: end[0] + 8, y: this.#y(track, end[1]) + 4 });
    name.textContent = "usual range";
    return track.gaps.replaceChildren(name);
  }

  /** A baseline holds until its next row, at the end until now. */
  #bandRows(baseline, now) {
    const first = Math.max(0, baseline.indexAt(this.#scale.from) - 1);
    const rows = baseline.all.slice(first).filter(([ms]) => ms <= this.#scale.to);
    if (!rows.length) return [];
    const places = rows.map(([ms, mean, sd]) => [Math.max(0, this.#scale.x(ms)), mean, sd]);
    const [, mean, sd] = rows.at(-1);
    const end = Math.min(this.#scale.width, Math.max(0, this.#scale.x(now)));
    return end > places.at(-1)[0] ? [...places, [end, mean, sd]] : places;
  }

  #drawRibbon(track, points) {
    const found = pieces(points, this.#scale, { step: 2 });
    const area = (piece) =>
      `${this.#line(track, piece)}L${piece.at(-1)[0].toFixed(1)} ${track.height}L${piece[0][0].toFixed(1)} ${track.height}Z`;
    track.band.setAttribute("d", found.map(area).join(""));
    track.path.setAttribute("d", found.map((piece) => this.#line(track, piece)).join(""));
    track.ground.setAttribute("width", this.#scale.width);
  }

  #line(track, piece) {
    if (!piece.length) return "";
    // A lone point between two gaps still shows, as a short stroke.
    const places = piece.length > 1 ? piece : [piece[0], [piece[0][0] + 0.1, piece[0][1]]];
    return `M${places.map(([x, value]) => `${x.toFixed(1)} ${this.#y(track, value).toFixed(1)}`).join("L")}`;
  }

  /** Fit the vertical range to the values, in whole steps, so that it seldom moves. */
  #fitDomain(track, values) {
    if (!values.length) return;
    const { room, step } = track;
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    const from = Math.max(0, Math.floor((low - room) / step) * step);
    const to = Math.max(from + 4 * step, Math.ceil((high + room) / step) * step);
    if (track.domain[0] === from && track.domain[1] === to && track.gridWidth === this.#scale.width) return;
    track.domain = [from, to];
    track.gridWidth = this.#scale.width;
    this.#drawTicks(track);
  }

  #drawTicks(track) {
    const [from, to] = track.domain;
    const step = to - from > 80 ? 40 : 20;
    const marks = [];
    for (let value = Math.floor(from / step) * step + step; value < to; value += step) {
      const y = this.#y(track, value).toFixed(1);
      marks.push(drawing("line", { x1: 0, x2: this.#scale.width, y1: y, y2: y }));
      const mark = drawing("text", { x: this.#scale.width, y: y - 3, "text-anchor": "end" });
      mark.textContent = value;
      marks.push(mark);
    }
    track.ticks.replaceChildren(...marks);
  }

  #nameGaps(track, found, nowX) {
    const ends = [...found.map((piece) => [piece[0][0], piece.at(-1)[0]]), [nowX, nowX]];
    const names = ends.slice(1).flatMap(([from], index) => {
      const to = ends[index][1];
      if (from - to < GAP_NAMED_PX_MIN) return [];
      const name = drawing("text", { x: (from + to) / 2, y: track.height / 2 + 4, "text-anchor": "middle" });
      name.textContent = "not worn";
      return [name];
    });
    track.gaps.replaceChildren(...names);
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

function usualText(name, row) {
  if (!row) return "";
  const [, mean, sd] = row;
  return ` (usual ${numberText(name, mean - sd)}–${numberText(name, mean + sd)})`;
}

function dotAt(x, y) {
  // A stroke without length under round caps is a dot; one path for all of them.
  return `M${x.toFixed(1)} ${y.toFixed(1)}h0`;
}

function partsOf(track) {
  const parts = {
    ground: drawing("rect", { class: "ground", height: track.height, rx: 4 }),
    ticks: drawing("g", { class: "ticks" }),
    band: drawing("path", { class: "band", "clip-path": "url(#day-window)" }),
    mean: drawing("path", { class: "mean", "clip-path": "url(#day-window)" }),
    path: drawing("path", { class: "line", "clip-path": "url(#day-window)" }),
    gaps: drawing("g", { class: "gaps" }),
    dot: drawing("circle", { class: "dot hidden", r: 3.5 }),
  };
  const group = drawing("g", { class: `track ${track.kind} ${track.name}` }, ...Object.values(parts));
  const value = element("span", { class: "value" }, "–");
  const label = element("div", { class: "track-label" }, element("span", {}, track.word ?? measureWord(track.name)), value);
  return { ...parts, group, label, value };
}

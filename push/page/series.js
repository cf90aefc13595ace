// A person's measures over time: kept in order, merged as they come, cut at gaps. Nothing here touches the page.

const KEEP_MS = 26 * 3_600_000;
const GAP_MS_MIN = 5 * 60_000;
const GAP_MS_MAX = 60 * 60_000;
/** A pause longer than this many usual intervals is a gap: not worn is not a value. */
const GAP_INTERVALS = 3;
const INTERVALS_LOOKED_AT = 200;

const COMPUTED_HRV = "rmssd_ms";
const GIVEN_HRV = "hrv_rmssd_ms";
/** Quality of an HRV point whose beats leave no doubt; a device's own values come without any other word. */
export const GOOD = "good";

/** The points of one measure, ordered by time; each is [time ms, value, …]. A value of null: nothing can be said. */
export class Points {
  #points = [];

  get all() {
    return this.#points;
  }

  get last() {
    return this.#points.at(-1) ?? null;
  }

  /** Take points in; one at the same time replaces the one that was there. */
  merge(points) {
    for (const point of points) this.#put(point);
    const oldest = (this.last?.[0] ?? 0) - KEEP_MS;
    const kept = this.indexAt(oldest);
    if (kept > 0) this.#points.splice(0, kept);
  }

  /** Return the index of the first point not before a moment. */
  indexAt(ms) {
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#points[middle][0] < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Return the last point at or before a moment that is no older than `withinMs`; null if there is none. */
  latest(ms, withinMs = Infinity) {
    const point = this.#points[this.indexAt(ms + 1) - 1];
    return point && ms - point[0] <= withinMs ? point : null;
  }

  /** Tell whether there is a value in the day shown. */
  isIn(scale) {
    for (let index = this.indexAt(scale.from); index < this.#points.length; index += 1) {
      const [ms, value] = this.#points[index];
      if (ms > scale.to) return false;
      if (value !== null) return true;
    }
    return false;
  }

  /** Return how long a pause must be to count as a gap, in ms. */
  gapMs() {
    const recent = this.#points.slice(-INTERVALS_LOOKED_AT);
    const intervals = recent.slice(1).map((point, index) => point[0] - recent[index][0]);
    intervals.sort((one, other) => one - other);
    const usual = intervals[intervals.length >> 1] ?? GAP_MS_MIN;
    return Math.min(GAP_MS_MAX, Math.max(GAP_MS_MIN, GAP_INTERVALS * usual));
  }

  #put(point) {
    if (!this.last || point[0] > this.last[0]) {
      this.#points.push(point);
      return;
    }
    const index = this.indexAt(point[0]);
    this.#points.splice(index, this.#points[index][0] === point[0] ? 1 : 0, point);
  }
}

/** All that /v1/series says of one person. */
export class Series {
  measures = new Map();
  baselines = new Map();
  /** Which devices are shown: {hrv: {measure, device_id, slot} or null, estimates: device or null}. */
  sources = null;
  /** The latest days of the HRV, oldest first. */
  hrvDays = [];
  #estimates = new Map();
  #windows = new Points();
  #givenHrv = new Points();

  /**
   * Take one answer of /v1/series. Returns false where it shows other devices than before: what was drawn of the
   * earlier ones is gone, and only a whole answer tells the day of the new ones.
   */
  take(answer) {
    const isSame = this.#takeSources(answer.sources ?? null);
    for (const [name, points] of Object.entries(answer.measures ?? {})) this.points(name).merge(points);
    for (const [name, rows] of Object.entries(answer.baselines ?? {})) this.baseline(name).merge(rows);
    for (const [name, points] of Object.entries(answer.estimates ?? {})) this.estimated(name).merge(points);
    this.#windows.merge(answer.windows ?? []);
    this.#givenHrv.merge((answer.measures?.[GIVEN_HRV] ?? []).flatMap(inLogarithm));
    this.hrvDays = answer.hrv_days ?? [];
    return isSame;
  }

  points(name) {
    return pointsOf(this.measures, name);
  }

  baseline(name) {
    return pointsOf(this.baselines, name);
  }

  /** Return estimated levels, each [time ms, level or null, confidence or null]. */
  estimated(name) {
    return pointsOf(this.#estimates, name);
  }

  /** Return the HRV as [time ms, lnRMSSD, quality], all of one source. */
  hrv() {
    return this.sources?.hrv?.measure === COMPUTED_HRV ? this.#windows : this.#givenHrv;
  }

  /** Tell whether anything was measured in the day shown. */
  hasPoints(scale) {
    return [this.#windows, ...this.measures.values()].some((points) => points.isIn(scale));
  }

  #takeSources(sources) {
    const isSame = this.sources === null || JSON.stringify(sources) === JSON.stringify(this.sources);
    this.sources = sources;
    if (isSame) return true;
    this.#estimates.clear();
    this.#windows = new Points();
    this.#givenHrv = new Points();
    this.measures.delete(GIVEN_HRV);
    return false;
  }
}

function inLogarithm([ms, rmssdMs]) {
  return rmssdMs > 0 ? [[ms, Math.log(rmssdMs), GOOD]] : [];
}

function pointsOf(map, name) {
  let points = map.get(name);
  if (!points) map.set(name, (points = new Points()));
  return points;
}

/**
 * Return the pieces of a measure between its gaps, each a list of [x px, mean value], one per `step` px.
 * A day at one reading a second is 86,400 points on some 700 px; drawing the means keeps a frame short.
 */
export function pieces(points, scale, { step = 1, gapMs = points.gapMs() } = {}) {
  const found = [];
  let piece = null;
  let previousMs = -Infinity;
  let bin = null;
  // One point before the left edge is taken along, so that a line that crosses the edge is not cut short.
  const first = Math.max(0, points.indexAt(scale.from) - 1);
  for (let index = first; index < points.all.length; index += 1) {
    const [ms, value] = points.all[index];
    if (ms > scale.to) break;
    if (value === null) {
      previousMs = -Infinity;
      continue;
    }
    if (ms - previousMs > gapMs) {
      if (bin) close(bin, piece);
      found.push((piece = []));
      bin = null;
    }
    const column = Math.floor(scale.x(ms) / step);
    if (bin && bin.column !== column) {
      close(bin, piece);
      bin = null;
    }
    bin ??= { column, x: 0, sum: 0, count: 0 };
    bin.x += scale.x(ms);
    bin.sum += value;
    bin.count += 1;
    previousMs = ms;
  }
  if (bin) close(bin, piece);
  return found;
}

function close(bin, piece) {
  piece.push([bin.x / bin.count, bin.sum / bin.count]);
}

/**
 * Return HRV points as [x px, mean value, whether it is good], one per `step` px of the day. Where both lie in one
 * place the good ones alone make the mean.
 */
export function dots(points, scale, step) {
  const bins = new Map();
  for (let index = points.indexAt(scale.from); index < points.all.length; index += 1) {
    const [ms, value, quality] = points.all[index];
    if (ms > scale.to) break;
    const isGood = quality === GOOD;
    const column = Math.floor(scale.x(ms) / step);
    const known = bins.get(column);
    if (known?.isGood && !isGood) continue;
    const bin = known?.isGood === isGood ? known : { isGood, x: 0, sum: 0, count: 0 };
    bin.x += scale.x(ms);
    bin.sum += value;
    bin.count += 1;
    bins.set(column, bin);
  }
  return [...bins.values()].map(({ isGood, x, sum, count }) => [x / count, sum / count, isGood]);
}

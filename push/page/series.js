// A person's measures over time: kept in order, merged as they come, cut at gaps. Nothing here touches the page.

const KEEP_MS = 26 * 3_600_000;
const GAP_MS_MIN = 5 * 60_000;
const GAP_MS_MAX = 60 * 60_000;
/** A pause longer than this many usual intervals is a gap: not worn is not a value. */
const GAP_INTERVALS = 3;
const INTERVALS_LOOKED_AT = 200;

/** The points of one measure, ordered by time; each is [time ms, …numbers]. */
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

  /** Take one answer of /v1/series. */
  take(answer) {
    for (const [name, points] of Object.entries(answer.measures ?? {})) this.points(name).merge(points);
    for (const [name, rows] of Object.entries(answer.baselines ?? {})) this.baseline(name).merge(rows);
  }

  points(name) {
    return pointsOf(this.measures, name);
  }

  baseline(name) {
    return pointsOf(this.baselines, name);
  }

  /** Tell whether any measure has a point in the day shown. */
  hasPoints(scale) {
    return [...this.measures.values()].some((points) => points.indexAt(scale.from) < points.all.length);
  }
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

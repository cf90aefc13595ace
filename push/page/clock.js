// Daybeat's clock, which may run faster than a watch, and the hours of a person's day.

/** The server's clock, carried on between its answers. Times are milliseconds since 1970 UTC. */
export class Clock {
  #anchorMs = Date.now();
  #readAtMs;
  #monotonicMs;
  speed = 1;

  constructor(monotonicMs = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
    this.#readAtMs = monotonicMs();
  }

  /** Take the moment and the speed (simulated seconds a second) that the server just gave. */
  set(now, speed) {
    this.#anchorMs = Date.parse(now);
    this.#readAtMs = this.#monotonicMs();
    this.speed = speed;
  }

  now() {
    return this.#anchorMs + (this.#monotonicMs() - this.#readAtMs) * this.speed;
  }
}

const formats = new Map();

function formatOf(zone, options) {
  const key = `${zone} ${JSON.stringify(options)}`;
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options })));
  return format;
}

/** Return "14:05" in a zone. */
export function timeOfDay(ms, zone) {
  return formatOf(zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(ms);
}

/** Return "Friday 20 November" in a zone. */
export function longDate(ms, zone) {
  return formatOf(zone, { weekday: "long", day: "numeric", month: "long" }).format(ms).replace(",", "");
}

/** Return the local date, such as "2026-11-20". */
export function localDate(ms, zone) {
  const part = partsOf(ms, zone);
  return `${part.year}-${part.month}-${part.day}`;
}

function partsOf(ms, zone) {
  const options = {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hourCycle: "h23",
  };
  return Object.fromEntries(formatOf(zone, options).formatToParts(ms).map((part) => [part.type, part.value]));
}

/** Return the moment at which a zone's clocks read an hour (0 to 24) of a date. */
export function momentOf(date, hour, zone) {
  const [year, month, day] = date.split("-").map(Number);
  const wanted = Date.UTC(year, month - 1, day, hour);
  // The offset at the wanted wall time is found from a first guess; the second round settles a change of clocks.
  let moment = wanted;
  for (let round = 0; round < 2; round += 1) moment = wanted - offsetOf(moment, zone);
  return moment;
}

function offsetOf(ms, zone) {
  const part = partsOf(ms, zone);
  const wall = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
  return wall - Math.floor(ms / 1000) * 1000;
}

const FIRST_HOUR = 6;
const LAST_HOUR = 24;

/** One local day on a line: 06 to 24 h, from earlier where the plan begins earlier. */
export class DayScale {
  constructor(date, zone, width, firstTaskMs = Infinity) {
    this.date = date;
    this.zone = zone;
    this.width = width;
    let firstHour = FIRST_HOUR;
    while (firstHour > 0 && momentOf(date, firstHour, zone) > firstTaskMs) firstHour -= 1;
    this.firstHour = firstHour;
    this.from = momentOf(date, firstHour, zone);
    this.to = momentOf(date, LAST_HOUR, zone);
  }

  /** Return the place of a moment, in px from the left. */
  x(ms) {
    return ((ms - this.from) / (this.to - this.from)) * this.width;
  }

  /** Return the moment at a place. */
  at(x) {
    return this.from + (x / this.width) * (this.to - this.from);
  }

  /** Tell whether a moment is inside the day shown. */
  shows(ms) {
    return ms >= this.from && ms <= this.to;
  }

  /** Return the even hours with their places, every fourth where there is little room. */
  hours() {
    const step = this.width < 480 ? 3 : 2;
    const hours = [];
    for (let hour = Math.ceil(this.firstHour / step) * step; hour <= LAST_HOUR; hour += step) {
      hours.push({ hour, x: this.x(momentOf(this.date, hour, this.zone)) });
    }
    return hours;
  }
}

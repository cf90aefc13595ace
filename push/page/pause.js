// Pausing everything: for an hour, until tomorrow, for a week; and going on.

import { element, icon, setText } from "./elements.js";
import { localDate, longDate, momentOf, timeOfDay } from "./clock.js";
import { Wish } from "./wish.js";

const HOUR_MS = 3_600_000;
const SPANS = [
  { act: "hour", word: "1 hour", until: (now) => now + HOUR_MS },
  { act: "tomorrow", word: "Until tomorrow", until: (now, zone) => momentOf(localDate(now, zone), 24, zone) },
  { act: "week", word: "A week", until: (now) => now + 7 * 24 * HOUR_MS },
];

/** The control; `moment()` returns {now, zone} of the person. */
export class Pause {
  #moment;
  #wish;
  #title;
  #buttons = element("div", { class: "pause-buttons" });
  #untilMs = null;
  #shown = "";
  #onChange;

  constructor({ send, moment, onChange }) {
    this.#moment = moment;
    this.#onChange = onChange;
    this.#title = element("p", { class: "control-title", id: "pause-title" });
    const note = element("p", { class: "wish" });
    this.#wish = new Wish(note, { send, onSettled: () => this.draw() });
    this.node = element(
      "div", { class: "control pause", role: "group", "aria-labelledby": "pause-title" },
      this.#title,
      element("p", { class: "control-hint" }, "Meanwhile no rule changes, proposes or tells anything."),
      this.#buttons,
      note,
    );
  }

  /** Show what the profile says: an RFC 3339 time, or null. */
  show(pausedUntil) {
    this.#untilMs = pausedUntil === null ? null : Date.parse(pausedUntil);
    this.#wish.meetProfile();
    this.draw();
  }

  /** Forget everything: another person comes. */
  forget() {
    this.#untilMs = null;
    this.#wish.forget();
  }

  /** Return "Paused until 18:40", or null where nothing is paused now. */
  words() {
    const { now, zone } = this.#moment();
    const untilMs = this.#wish.over(this.#untilMs);
    return untilMs !== null && untilMs > now ? `Paused until ${untilText(untilMs, now, zone)}` : null;
  }

  /** Draw anew what has changed: a pause ends with its time. */
  draw() {
    const words = this.words();
    setText(this.#title, words ?? "Pause everything");
    const shown = words === null ? "running" : "paused";
    if (shown !== this.#shown) {
      this.#shown = shown;
      const hadFocus = this.#buttons.contains(document.activeElement);
      this.#buttons.replaceChildren(...(words === null ? this.#spans() : [this.#goOn()]));
      if (hadFocus) this.#buttons.firstElementChild.focus();
    }
    this.#onChange();
  }

  #spans() {
    return SPANS.map(({ act, word, until }) =>
      this.#button(act, null, word, () => {
        const { now, zone } = this.#moment();
        return until(now, zone);
      }),
    );
  }

  #goOn() {
    return this.#button("go-on", "later", "Go on", () => null);
  }

  #button(act, name, word, untilOf) {
    const button = element("button", { type: "button", class: "pill", "data-act": act }, name && icon(name), word);
    button.addEventListener("click", () => {
      const untilMs = untilOf();
      const until = untilMs === null ? null : new Date(untilMs).toISOString();
      this.#wish.express({ type: "adaptation.pause", until }, untilMs);
      this.draw();
    });
    return button;
  }
}

/** A time alone means today, or midnight of the day to come. */
function untilText(untilMs, now, zone) {
  const time = timeOfDay(untilMs, zone);
  const today = localDate(now, zone);
  if (localDate(untilMs, zone) === today) return time;
  if (untilMs === momentOf(today, 24, zone)) return "midnight";
  return `${longDate(untilMs, zone)}, ${time}`;
}

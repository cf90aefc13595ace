// Why the day changed, in one picture: the moment on the curve, the sentence, the bars, and the threads between.

import { Card } from "./card.js";
import { Threads } from "./threads.js";

/** Tells of one adaptation of the day. `view` is how things stand: {scale, zone, wide, left, madeByItself}. */
export class Story {
  #parts;
  #body;
  #timeline;
  #card;
  #threads;
  #answers = new Map();
  #told = "";

  /** `parts` are the elements stage, body, timeline, why, threads. */
  constructor(parts, body, timeline, { onAnswer, onStep }) {
    this.#parts = parts;
    this.#body = body;
    this.#timeline = timeline;
    this.#card = new Card(parts.why, { onAnswer, onStep });
    this.#threads = new Threads(parts.threads);
  }

  /** Forget what was answered and told: another person comes. */
  begin() {
    this.#answers.clear();
    this.#told = "";
  }

  /** Keep what became of the person's answer: {act, state: "sent" | "done" | "refused", reason}; null: nothing. */
  setAnswer(adaptationId, answer) {
    this.#answers.set(adaptationId, answer);
  }

  /**
   * Draw.
   * @param adaptation the one told about; null where there is none.
   * @param shown all that can be stepped through.
   */
  draw(adaptation, shown, view, { animate }) {
    const index = shown.indexOf(adaptation);
    this.#card.show(adaptation, {
      zone: view.zone,
      date: view.scale.date,
      madeByItself: view.madeByItself,
      answer: adaptation ? (this.#answers.get(adaptation.adaptation_id) ?? null) : null,
      index,
      count: index < 0 ? 0 : shown.length,
    });
    if (!adaptation || this.#parts.why.classList.contains("hidden")) {
      this.#threads.clear();
      return;
    }
    const moments = this.#momentsOf(adaptation, view);
    this.#placeCard(moments[0], view);
    const news = `${adaptation.adaptation_id} ${adaptation.status}`;
    this.#drawThreads(adaptation, moments, view, animate && news !== this.#told);
    this.#told = news;
  }

  /** The card stands under the moment that caused it, as far as the day's edges let it. */
  #placeCard(moment, { wide, left }) {
    const card = this.#card.node;
    const room = this.#parts.why.clientWidth - card.offsetWidth;
    const x = moment ? moment.x - card.offsetWidth / 2 : left;
    card.style.transform = wide ? `translateX(${Math.max(0, Math.min(room, x)).toFixed(1)}px)` : "";
  }

  #drawThreads(adaptation, moments, { scale }, animate) {
    const origin = this.#parts.stage.getBoundingClientRect();
    const from = (node) => {
      const box = node.getBoundingClientRect();
      const { left, top } = origin;
      return { left: box.left - left, right: box.right - left, top: box.top - top, bottom: box.bottom - top };
    };
    const body = from(this.#parts.body);
    const plan = from(this.#parts.timeline);
    const starts = moments.map((place) => ({ x: place.x + body.left, y: place.y + body.top }));
    const bars = adaptation.changes
      .filter((change) => change.date === scale.date)
      .map((change) => this.#timeline.place(change.task_id))
      .filter(Boolean)
      .map((place) => ({ x: place.x + plan.left, y: place.y + plan.top }));
    this.#threads.draw(adaptation.kind, starts, from(this.#card.node), bars, { animate });
  }

  /** Return the places of the values that a rule compared, the one of its reading first. */
  #momentsOf({ evidence }, { scale, left }) {
    if (!evidence) return [];
    const readAt = Date.parse(evidence.reading.time);
    const distance = (value) => Math.abs(Date.parse(value.time) - readAt);
    const places = [...evidence.values]
      .sort((one, other) => distance(one) - distance(other))
      .filter((one) => scale.shows(Date.parse(one.time)))
      .map((one) => this.#body.place(one.measure, Date.parse(one.time), one.value))
      .filter(Boolean);
    if (places.length) return places;
    // What the rule looked at has no curve here, such as a night's sleep: the thread starts at its hour.
    const x = Math.min(scale.width, Math.max(0, scale.x(readAt)));
    return [{ x: left + x, y: this.#parts.body.clientHeight - 6 }];
  }
}

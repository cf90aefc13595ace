// The top of the page: live figures, and how the connection is.

import { element, icon, setText } from "./elements.js";
import { countText } from "./words.js";

const CONNECTIONS = {
  live: { word: "Live", icon: "live" },
  connecting: { word: "Connecting", icon: "connecting" },
  waiting: { word: "Reconnecting", icon: "connecting" },
  offline: { word: "Offline", icon: "offline" },
  refused: { word: "Not allowed", icon: "key" },
};
/** A short break is nobody's business: it is shown only once it has lasted this long. */
const SILENT_MS = 1500;
/** A server that has not answered for so long is called offline. */
const OFFLINE_MS = 8000;

/** Name, explanation and text of each figure. */
const FIGURES = [
  ["Readings/s", "readings of these people that arrive in a second, over the last 10 s",
    ({ readings_per_s: rate }) => (rate < 10 ? rate.toFixed(1) : countText(rate))],
  ["Arrival → push", "median / 99th percentile of up to 1,000 events: from a reading's arrival to the sending of its change",
    ({ arrival_to_push_ms: push }) => (push ? `${msText(push.p50)} / ${msText(push.p99)} ms` : "–")],
  ["Rules fired", "for these people, in the last 24 h", ({ rules_fired: count }) => countText(count)],
  ["Plans rewritten", "of these people, in the last 24 h", ({ plans_rewritten: count }) => countText(count)],
];

/** Figures and connection state. */
export class Masthead {
  #figures;
  #connection;
  #shown = "";
  #timer = 0;
  #unreachableSinceMs = null;

  constructor(figures, connection) {
    this.#figures = figures;
    this.#connection = connection;
  }

  /** Show the figures of /v1/people. */
  showFigures(figures) {
    if (!this.#figures.children.length) {
      const places = FIGURES.map(([name, hint]) => element("div", { title: hint }, element("dt", {}, name), element("dd")));
      this.#figures.append(...places);
    }
    FIGURES.forEach(([, , textOf], index) => setText(this.#figures.children[index].lastElementChild, textOf(figures)));
  }

  /** Show the state of the connection: live, connecting, waiting, offline or refused. */
  showConnection(state) {
    const isBreak = state === "connecting" || state === "waiting";
    if (!isBreak) this.#show(state);
    else if (this.#shown === "live") this.#timer ||= setTimeout(() => this.#show("waiting"), SILENT_MS);
    else if (this.#shown === "") this.#show("connecting");
    if (state === "live") this.#unreachableSinceMs = null;
  }

  /** Say that the server did not answer a question. */
  showUnreachable() {
    this.#unreachableSinceMs ??= performance.now();
    const isLong = performance.now() - this.#unreachableSinceMs >= OFFLINE_MS;
    this.showConnection(isLong || this.#shown !== "live" ? "offline" : "waiting");
  }

  /** Say that it answered, and tell whether it had not before. Whether the stream is live is another matter. */
  showReachable() {
    const wasUnreachable = this.#unreachableSinceMs !== null;
    this.#unreachableSinceMs = null;
    if (this.#shown === "offline") this.#show("waiting");
    return wasUnreachable;
  }

  #show(state) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#shown === state) return;
    this.#shown = state;
    const { word, icon: name } = CONNECTIONS[state];
    this.#connection.className = `connection ${state}`;
    this.#connection.replaceChildren(icon(name), word);
  }
}

function msText(value) {
  return value.toFixed(value < 10 ? 1 : 0);
}

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

  /** Show the figures of /v1/people; those that are not given are left out. */
  showFigures(figures = {}) {
    const push = figures.publish_to_push_ms;
    const rows = [
      ["Readings/s", figures.readings_per_s, (value) => (value < 10 ? value.toFixed(1) : countText(value))],
      ["Publish → push", push?.p50 === undefined ? undefined : push, ({ p50, p99 }) => `${msText(p50)} / ${msText(p99)} ms`],
      ["Rules fired", figures.rules_fired, countText],
      ["Plans rewritten", figures.plans_rewritten, countText],
    ].filter(([, value]) => value !== undefined && value !== null);
    if (this.#figures.children.length !== rows.length) {
      this.#figures.replaceChildren(...rows.map(() => element("div", {}, element("dt"), element("dd"))));
    }
    rows.forEach(([name, value, text], index) => {
      const [term, figure] = this.#figures.children[index].children;
      setText(term, name);
      setText(figure, text(value));
      if (value === push) term.title = "median / 99th percentile, from a reading's publication to the change's arrival";
    });
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
  return value === null || value === undefined ? "–" : value.toFixed(value < 10 ? 1 : 0);
}

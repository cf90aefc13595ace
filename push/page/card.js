// Why the day changed, or should: one sentence between the curve that caused it and the bars it moved.

import { element, icon } from "./elements.js";
import { differenceOf } from "./plan.js";
import { timeOfDay } from "./clock.js";
import { KINDS, plainWords, refusalOf } from "./words.js";

/** The card of the adaptation that is told about. */
export class Card {
  #root;
  #onAnswer;
  #onStep;
  #shown = "";

  constructor(root, { onAnswer, onStep }) {
    this.#root = root;
    this.#onAnswer = onAnswer;
    this.#onStep = onStep;
  }

  get node() {
    return this.#root.firstElementChild;
  }

  /**
   * Show an adaptation, or that there is none (null).
   * @param answer what became of the person's answer: null, "sent", or {ok, reason}.
   * @param index its place among the `count` that can be stepped through.
   */
  show(adaptation, { zone, date, answer, index, count }) {
    const key = JSON.stringify([adaptation, zone, date, answer, index, count]);
    if (key === this.#shown) return;
    this.#shown = key;
    const focused = this.#root.contains(document.activeElement) ? document.activeElement.dataset.act : null;
    this.#root.replaceChildren(
      adaptation ? this.#card(adaptation, { zone, date, answer, index, count }) : nothing(),
    );
    if (!focused) return;
    const again = this.#root.querySelector(`[data-act="${focused}"]:not(:disabled)`) ?? this.#root.firstElementChild;
    again.focus();
  }

  #card(adaptation, { zone, date, answer, index, count }) {
    const { word } = KINDS[adaptation.kind];
    const when = adaptation.evidence ? timeOfDay(Date.parse(adaptation.evidence.reading.time), zone) : null;
    const until = untilOf(adaptation, zone);
    const head = element(
      "p", { class: "card-head" },
      element("span", { class: "kind" }, icon(adaptation.kind), word),
      element("span", { class: "rule" }, [plainWords(adaptation.rule), when, until].filter(Boolean).join(" · ")),
      count > 1 ? this.#steps(index, count) : null,
    );
    const text = element(
      "div", { class: "card-text" },
      element("p", { class: "reason" }, adaptation.reason),
      element("p", { class: "effect" }, effectOf(adaptation, date)),
    );
    const looks = { class: `card ${adaptation.kind} ${adaptation.status}`, tabindex: "-1" };
    return element("article", looks, head, text, this.#foot(adaptation, answer));
  }

  #foot(adaptation, answer) {
    if (answer && answer !== "sent" && !answer.ok) {
      return element("p", { class: "outcome", role: "status" }, refusalOf(answer.reason));
    }
    if (adaptation.status === "proposed") return this.#choice(adaptation, answer === "sent");
    if (adaptation.status === "accepted") return outcome("done", "You accepted this.");
    if (adaptation.status === "declined") return outcome("declined", "You declined this. The plan stays as it was.");
    return null;
  }

  #choice(adaptation, isSent) {
    const button = (act, word, name) => {
      const node = element("button", { type: "button", class: `choice ${act}`, "data-act": act }, icon(name), word);
      node.disabled = isSent;
      node.addEventListener("click", () => this.#onAnswer(adaptation, act));
      return node;
    };
    return element(
      "div", { class: "choices" },
      button("accept", isSent ? "Sent …" : "Accept", "done"),
      button("decline", "Decline", "declined"),
    );
  }

  #steps(index, count) {
    const step = (by, name, label) => {
      const node = element("button", { type: "button", class: "step", "aria-label": label, "data-act": name }, icon(name));
      node.disabled = index + by < 0 || index + by >= count;
      node.addEventListener("click", () => this.#onStep(index + by));
      return node;
    };
    return element(
      "span", { class: "steps" },
      step(-1, "earlier", "Earlier change"), `${index + 1}/${count}`, step(1, "later", "Later change"),
    );
  }
}

function untilOf({ status, expires_at: expiresAt }, zone) {
  if (status === "declined" || !expiresAt) return null;
  return `${status === "proposed" ? "open" : "in force"} until ${timeOfDay(Date.parse(expiresAt), zone)}`;
}

function outcome(name, text) {
  return element("p", { class: "outcome", role: "status" }, icon(name), text);
}

function nothing() {
  return element("p", { class: "card none" }, "Nothing had to change so far. The day stands as it was planned.");
}

/** Return in words what an adaptation does to the tasks: "Interval run 50 → 25 min, high → moderate". */
export function effectOf(adaptation, date) {
  const effects = adaptation.changes.map((change) => {
    const other = change.date === date ? "" : " (tomorrow)";
    const name = change.original.title === change.adapted.title ? `${change.original.title} ` : "";
    return `${name}${differenceOf(change.original, change.adapted)}${other}`;
  });
  const lines = effects.length > 3 ? [...effects.slice(0, 3), `and ${effects.length - 3} more`] : effects;
  return lines.join("; ");
}

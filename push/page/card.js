// Why the day changed, or should: one sentence between the curve that caused it and the bars it moved.

import { element, icon } from "./elements.js";
import { confidenceText, evidenceOf } from "./evidence.js";
import { differenceOf } from "./plan.js";
import { timeOfDay } from "./clock.js";
import { KINDS, plainWords, refusalOf } from "./words.js";

const ACCEPT = { act: "accept", word: "Accept", icon: "done" };
const DECLINE = { act: "decline", word: "Decline", icon: "declined" };
const KEEP = { act: "accept", word: "Keep", icon: "done" };
const UNDO = { act: "undo", word: "Undo", icon: "undo" };
/** What a person may answer, by the adaptation's status. */
const CHOICES = { proposed: [ACCEPT, DECLINE], applied: [KEEP, UNDO], accepted: [UNDO] };

/** The card of the adaptation that is told about. */
export class Card {
  #root;
  #onAnswer;
  #onStep;
  #shown = "";
  #opened = null;

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
   * @param madeByItself whether it was made before anybody was asked.
   * @param answer what became of the person's answer: null, or {act, state: "sent" | "done" | "refused", reason}.
   * @param index its place among the `count` that can be stepped through.
   */
  show(adaptation, { zone, date, madeByItself, answer, index, count }) {
    const key = JSON.stringify([adaptation, zone, date, madeByItself, answer, index, count]);
    if (key === this.#shown) return;
    this.#shown = key;
    const focused = this.#root.contains(document.activeElement) ? document.activeElement.dataset.act : null;
    this.#root.replaceChildren(
      adaptation ? this.#card(adaptation, { zone, date, madeByItself, answer, index, count }) : nothing(),
    );
    if (!focused) return;
    const again = this.#root.querySelector(`[data-act="${focused}"]:not(:disabled)`) ?? this.#root.firstElementChild;
    again.focus();
  }

  #card(adaptation, { zone, date, madeByItself, answer, index, count }) {
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
    const foot = this.#foot(adaptation, { madeByItself, answer });
    return element("article", looks, head, text, foot, ...this.#evidence(adaptation, zone));
  }

  #foot(adaptation, { madeByItself, answer }) {
    const said = sayingOf(adaptation.status, madeByItself);
    const refusal = answer?.state === "refused" ? refusalOf(answer.reason) : null;
    return element(
      "div", { class: "card-foot" },
      said ? element("p", { class: "outcome", role: "status" }, icon(said.icon), said.text) : null,
      refusal ? element("p", { class: "refusal", role: "status" }, refusal) : null,
      this.#choices(adaptation, answer),
    );
  }

  #choices(adaptation, answer) {
    const choices = CHOICES[adaptation.status];
    if (!choices) return null;
    const isSent = answer?.state === "sent";
    const buttons = choices.map(({ act, word, icon: name }) => {
      const text = isSent && answer.act === act ? "Sent …" : word;
      const node = element("button", { type: "button", class: `choice ${act}`, "data-act": act }, icon(name), text);
      node.disabled = isSent;
      node.addEventListener("click", () => this.#onAnswer(adaptation, act));
      return node;
    });
    return element("div", { class: "choices" }, ...buttons);
  }

  /** Return the button that opens the evidence, and the evidence. */
  #evidence(adaptation, zone) {
    if (!adaptation.evidence) return [];
    const id = adaptation.adaptation_id;
    const panel = element("div", { class: "card-evidence", id: "card-evidence" }, evidenceOf(adaptation, zone));
    const text = `Evidence · ${confidenceText(adaptation.confidence)}`;
    const toggle = element(
      "button", { type: "button", class: "evidence-toggle", "data-act": "evidence", "aria-controls": panel.id }, text,
    );
    // Drawn anew with every change of its status, the card stays as the person left it.
    const show = () => {
      panel.hidden = this.#opened !== id;
      toggle.setAttribute("aria-expanded", String(!panel.hidden));
    };
    toggle.addEventListener("click", () => {
      this.#opened = this.#opened === id ? null : id;
      show();
    });
    show();
    return [toggle, panel];
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

/** Return what is said of an adaptation that has been answered or is over; null where it is neither. */
function sayingOf(status, madeByItself) {
  // A task that had begun stays changed; a proposal also closes when it is no longer wanted.
  const asItWas = madeByItself ? "Its time was over; what had not begun is as it was." : "No longer open; nothing was changed.";
  const sayings = {
    accepted: { icon: "done", text: madeByItself ? "You kept this." : "You accepted this." },
    declined: { icon: "declined", text: "You declined this. The plan stays as it was." },
    undone: { icon: "undo", text: "You took this back." },
    expired: { icon: "held", text: asItWas },
    noted: { icon: "note", text: "Only noted, as you wanted. Nothing was changed." },
  };
  return sayings[status] ?? null;
}

function untilOf({ status, expires_at: expiresAt }, zone) {
  const words = { proposed: "open until", applied: "in force until" }[status];
  return words && expiresAt ? `${words} ${timeOfDay(Date.parse(expiresAt), zone)}` : null;
}

function nothing() {
  return element("p", { class: "card none" }, "Nothing had to change so far. The day stands as it was planned.");
}

/** Return in words what an adaptation does to the tasks: "Interval run 50 → 25 min, high → moderate". */
export function effectOf(adaptation, date) {
  const effects = adaptation.changes.map((change) => {
    const other = change.date === date ? "" : change.date > date ? " (tomorrow)" : " (an earlier day)";
    const name = change.original.title === change.adapted.title ? `${change.original.title} ` : "";
    return `${name}${differenceOf(change.original, change.adapted)}${other}`;
  });
  const lines = effects.length > 3 ? [...effects.slice(0, 3), `and ${effects.length - 3} more`] : effects;
  const could = adaptation.status === "noted" && lines.length ? "It could have been: " : "";
  return could + lines.join("; ");
}

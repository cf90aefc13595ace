// The stream of decisions, newest first. Each opens its evidence: what was read, what it was compared with; one that
// changed the plan can be taken back from here, also when its day is over.

import { element, icon } from "./elements.js";
import { timeOfDay } from "./clock.js";
import { evidenceOf } from "./evidence.js";
import { changesOf } from "./normalrange.js";
import { changeItemOf, keyOfChange } from "./rangechange.js";
import { QUIET_OUTCOMES, outcomeOf, plainWords, refusalOf, whyOf } from "./words.js";

const SHOWN_MAX = 200;
/** The stream reaches back so far. */
const SPAN_MS = 24 * 3_600_000;
/** Outcomes of a change that is in force, and of one that no longer is. */
const MADE = new Set(["applied", "accepted"]);
const OVER = new Set(["undone", "expired"]);

/** The list of one person's decisions, from stored rows and from events that just came. */
export class Decisions {
  #list;
  #face;
  #items = new Map();
  #zone = "UTC";
  #onUndo;
  /** Ids of changes that are over; what became of the wish to take one back. */
  #over = new Set();
  #answers = new Map();

  /** `onUndo(adaptationId)` takes a change back. */
  constructor(list, face, { onUndo }) {
    this.#list = list;
    this.#face = face;
    this.#onUndo = onUndo;
    this.clear();
  }

  clear() {
    this.#items.clear();
    this.#over.clear();
    this.#answers.clear();
    this.#list.replaceChildren();
    this.#face.hidden = false;
  }

  /** Take the stored rows of one answer of /v1/series. */
  take({ decisions = [], hrv_days: days = [] }, zone, now) {
    this.#setZone(zone);
    for (const decision of decisions) this.#putDecision(decision);
    for (const day of changesOf(days)) if (now - Date.parse(day.time) < SPAN_MS) this.takeRangeChange(day, zone);
  }

  /** Take what an event just told; the stored row replaces it when it comes. */
  takeEvent(event, zone) {
    this.#setZone(zone);
    const { adaptation } = event;
    const outcome = { noted: "fired" }[adaptation.status] ?? adaptation.status;
    this.#putDecision({ ...adaptation, firing_id: adaptation.adaptation_id, time: event.time, outcome, why: "" });
  }

  /** Show what became of an answer: {act, state: "sent" | "done" | "refused", reason}. */
  setAnswer(adaptationId, answer) {
    this.#answers.set(adaptationId, answer);
    this.#drawAgain((one) => one.firingId === adaptationId);
  }

  /** Take a day on which the HRV left its normal range or came back. */
  takeRangeChange(day, zone) {
    this.#setZone(zone);
    const makeItem = () => changeItemOf(day, this.#zone);
    this.#put(keyOfChange(day), { time: day.time, isStored: true, firingId: null, makeItem });
  }

  /** The rows may come before the plan that says the person's zone: their times are then written anew. */
  #setZone(zone) {
    if (zone === this.#zone) return;
    this.#zone = zone;
    this.#drawAgain(() => true);
  }

  #drawAgain(isMeant) {
    for (const one of [...this.#items.values()].filter(isMeant)) {
      const hadFocus = one.item.contains(document.activeElement);
      const item = one.makeItem();
      item.firstElementChild.open = one.item.firstElementChild.open;
      one.item.replaceWith(item);
      one.item = item;
      if (hadFocus) item.querySelector("summary").focus();
    }
  }

  #putDecision(decision) {
    const { firing_id: firingId, outcome, time } = decision;
    const makeItem = () => itemOf(decision, this.#zone, this.#undoOf(decision));
    this.#put(keyOf(decision), { time, isStored: Boolean(decision.decision_id), firingId, makeItem });
    if (!OVER.has(outcome) || this.#over.has(firingId)) return;
    this.#over.add(firingId);
    this.#drawAgain((one) => one.firingId === firingId);
  }

  /** Return the button that takes a change back, null where there is nothing to take back. */
  #undoOf({ firing_id: id, outcome, rule }) {
    if (!MADE.has(outcome) || this.#over.has(id)) return null;
    const { act, state, reason } = this.#answers.get(id) ?? {};
    const isSent = state === "sent" && act === "undo";
    const label = `Undo ${plainWords(rule)}`;
    const button = element(
      "button", { type: "button", class: "undo", "aria-label": isSent ? null : label }, icon("undo"), isSent ? "Sent …" : "Undo",
    );
    button.disabled = state === "sent";
    button.addEventListener("click", () => this.#onUndo(id));
    const refusal = state === "refused" && act === "undo" ? refusalOf(reason) : null;
    return element("div", { class: "undo-row" }, button, refusal && element("span", { role: "status" }, refusal));
  }

  #put(key, { time, isStored, firingId, makeItem }) {
    const known = this.#items.get(key);
    if (known && (known.isStored || !isStored)) return;
    const timeMs = Date.parse(time);
    const isOpen = known?.item.firstElementChild.open ?? false;
    const item = makeItem();
    item.firstElementChild.open = isOpen;
    known?.item.remove();
    this.#items.set(key, { item, timeMs, isStored, firingId, makeItem });
    this.#place(item, timeMs);
    this.#face.hidden = true;
    if (this.#items.size > SHOWN_MAX) this.#forgetOldest();
  }

  #place(item, timeMs) {
    const times = new Map([...this.#items.values()].map((one) => [one.item, one.timeMs]));
    const next = [...this.#list.children].find((other) => times.get(other) <= timeMs);
    this.#list.insertBefore(item, next ?? null);
  }

  #forgetOldest() {
    const oldest = this.#list.lastElementChild;
    for (const [key, one] of this.#items) if (one.item === oldest) this.#items.delete(key);
    oldest.remove();
  }
}

/** An event and the stored row of the same decision share rule, reading and outcome; a firing's id is made of those. */
function keyOf({ rule, outcome, evidence: { reading } }) {
  return [rule, outcome, reading.device, reading.seq, Date.parse(reading.time)].join(" ");
}

function itemOf(decision, zone, undo) {
  const { word, icon: name } = outcomeOf(decision.outcome);
  const isQuiet = QUIET_OUTCOMES.has(decision.outcome);
  const summary = element(
    "summary", {},
    element("span", { class: "decision-head" },
      element("time", { datetime: decision.time }, timeOfDay(Date.parse(decision.time), zone)),
      element("span", { class: "rule" }, plainWords(decision.rule)),
      element("span", { class: "outcome" }, icon(name), word),
    ),
    element("span", { class: "sentence" }, sentenceOf(decision)),
  );
  const details = element("details", {}, summary, evidenceOf(decision, zone), undo);
  return element("li", { class: `decision ${decision.outcome}${isQuiet ? " quiet" : ""}` }, details);
}

function sentenceOf({ reason, why, outcome }) {
  const { word } = outcomeOf(outcome);
  const parts = [reason, why ? `${word}: ${whyOf(why)}.` : ""].filter(Boolean);
  return parts.join(" ") || word;
}

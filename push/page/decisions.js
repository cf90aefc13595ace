// The stream of decisions, newest first. Each opens its evidence: what was read, what it was compared with.

import { element, icon } from "./elements.js";
import { timeOfDay } from "./clock.js";
import { changesOf } from "./normalrange.js";
import { changeItemOf, keyOfChange } from "./rangechange.js";
import { QUIET_OUTCOMES, measureWord, numberText, outcomeOf, plainWords, valueText, whyOf } from "./words.js";

const SHOWN_MAX = 200;
/** The stream reaches back so far. */
const SPAN_MS = 24 * 3_600_000;

/** The list of one person's decisions, from stored rows and from events that just came. */
export class Decisions {
  #list;
  #face;
  #items = new Map();
  #zone = "UTC";

  constructor(list, face) {
    this.#list = list;
    this.#face = face;
    this.clear();
  }

  clear() {
    this.#items.clear();
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
    const isNote = event.type === "adaptation.noted" && adaptation.status !== "declined";
    const outcome = isNote ? "withheld" : adaptation.status;
    this.#putDecision({ ...adaptation, time: event.time, outcome, why: "" });
  }

  /** Take a day on which the HRV left its normal range or came back. */
  takeRangeChange(day, zone) {
    this.#setZone(zone);
    this.#put(keyOfChange(day), day.time, true, () => changeItemOf(day, this.#zone));
  }

  /** The rows may come before the plan that says the person's zone: their times are then written anew. */
  #setZone(zone) {
    if (zone === this.#zone) return;
    this.#zone = zone;
    for (const one of this.#items.values()) {
      const item = one.makeItem();
      item.firstElementChild.open = one.item.firstElementChild.open;
      one.item.replaceWith(item);
      one.item = item;
    }
  }

  #putDecision(decision) {
    this.#put(keyOf(decision), decision.time, Boolean(decision.decision_id), () => itemOf(decision, this.#zone));
  }

  #put(key, time, isStored, makeItem) {
    const known = this.#items.get(key);
    if (known && (known.isStored || !isStored)) return;
    const timeMs = Date.parse(time);
    const isOpen = known?.item.firstElementChild.open ?? false;
    const item = makeItem();
    item.firstElementChild.open = isOpen;
    known?.item.remove();
    this.#items.set(key, { item, timeMs, isStored, makeItem });
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

function itemOf(decision, zone) {
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
  const details = element("details", {}, summary, evidenceOf(decision, zone));
  return element("li", { class: `decision ${decision.outcome}${isQuiet ? " quiet" : ""}` }, details);
}

function sentenceOf({ reason, why, outcome }) {
  const parts = [reason, why ? `${plainWords(outcome)}: ${whyOf(why)}.` : ""].filter(Boolean);
  return parts.join(" ") || plainWords(outcome);
}

function evidenceOf({ evidence, confidence }, zone) {
  const rows = evidence.values.map((one) =>
    element("tr", {},
      element("th", { scope: "row" }, measureWord(one.measure), element("time", {}, timeOfDay(Date.parse(one.time), zone))),
      element("td", {}, valueText(one.measure, one.value)),
      element("td", {}, one.threshold === null ? "–" : valueText(one.measure, one.threshold)),
      element("td", {}, usualOf(one)),
    ),
  );
  const heads = ["Measure", "Value", "Limit", "Usual"].map((text) => element("th", { scope: "col" }, text));
  const { device, seq, time } = evidence.reading;
  const source = [`Read by ${device} at ${timeOfDay(Date.parse(time), zone)}`, seq === null ? "" : `no. ${seq}`];
  return element(
    "div", { class: "evidence" },
    element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)),
    element("p", {}, `${source.filter(Boolean).join(", ")} · confidence ${Math.round(confidence * 100)} %`),
  );
}

/** Return "0.55 ± 0.11", with a remark where the baseline is still young. */
function usualOf({ measure, baseline, baseline_sd: sd, baseline_count: count }) {
  if (baseline === null) return "none yet";
  const spread = sd === null ? "" : `${numberText(measure, baseline)} ± `;
  return `${spread}${valueText(measure, sd ?? baseline)}${count === null ? "" : ` (n ${count})`}`;
}

// The HRV's normal range and 7-day mean in words. Days are as /v1/series and the event baseline.changed give them.

import { longDate } from "./clock.js";
import { lnText, msText } from "./words.js";

const COMPUTED = "rmssd_ms";
const LEARNING = "learning";
const SLOTS = { asleep: { one: "night", many: "nights" }, morning: { one: "morning", many: "mornings" } };
const VERDICTS = { below: "below", above: "above", within: "back within" };

/** Return the range of a day as {low, high, mean, status}; null while it is being learnt. */
export function rangeOf(day) {
  if (!day || day.maturity === LEARNING || day.normal_low === null || day.normal_high === null) return null;
  return { low: day.normal_low, high: day.normal_high, mean: day.mean7, status: day.status };
}

/** Return how far a range has come that is being learnt: "learning: 4 of 7 nights"; null: no day yet. */
export function learningText(day) {
  return day ? `learning: ${countText(day)}` : "learning: no night yet";
}

/** Return what a range is made of. */
export function rangeWord(day) {
  const young = day.maturity === "provisional" ? `, provisional (${day.have} of ${day.need})` : "";
  return `normal range of your ${SLOTS[day.slot].many}${young}`;
}

/** Return the 7-day mean with its verdict, and of which day it is where that is not `date`. */
export function meanText(day, date) {
  const mean = day.mean7 === null ? `too few ${SLOTS[day.slot].many}` : lnText(day.mean7);
  const verdict = day.status ? `, ${day.status}` : "";
  const asOf = day.day < date ? ` (${longDate(Date.parse(day.day), "UTC")})` : "";
  return `7-day mean ${mean}${verdict}${asOf}`;
}

/** Return where HRV values come from. */
export function sourceText(source) {
  if (!source) return "HRV as given by the device";
  return source.measure === COMPUTED
    ? `HRV from beats (${source.device_id})`
    : `HRV as given by ${source.device_id}`;
}

/**
 * Return those of a source's days, oldest first, on which the 7-day mean left the normal range or came back. The
 * first ones before which nothing is known count only where they left it.
 */
export function changesOf(days) {
  let before = null;
  return days.filter((day) => {
    const cameBack = day.status === "within" && before !== null && before !== "within";
    before = day.status ?? before;
    return day.onset || cameBack;
  });
}

/** Return in a sentence where the 7-day mean lies now, and what is normal. */
export function changeSentence(day) {
  const { mean7, normal_low: low, normal_high: high } = day;
  const mean = mean7 === null ? "" : `: the 7-day mean is ${lnText(mean7)} (${msText(mean7)})`;
  const normal = low === null || high === null
    ? "" : `, normal is ${lnText(low)} to ${lnText(high)} (${Math.exp(low).toFixed(0)} to ${msText(high)})`;
  const young = day.maturity === "provisional" ? ` The range is provisional: ${countText(day)}.` : "";
  return `HRV ${VERDICTS[day.status] ?? "near"} your normal range${mean}${normal}.${young}`;
}

function countText({ slot, have, need }) {
  return `${have} of ${need} ${SLOTS[slot].many}`;
}

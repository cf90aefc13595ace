// A line in the stream of decisions: the 7-day HRV left the normal range, or came back into it.

import { element, icon } from "./elements.js";
import { timeOfDay } from "./clock.js";
import { changeSentence, sourceText } from "./normalrange.js";
import { lnText, msText, plainWords } from "./words.js";

/** Return what such a change is known by, whether an event or a stored day tells of it. */
export function keyOfChange({ measure, device_id: device, slot, day }) {
  return ["range", measure, device, slot, day].join(" ");
}

/** Return its line; it opens the figures. */
export function changeItemOf(day, zone) {
  const summary = element(
    "summary", {},
    element("span", { class: "decision-head" },
      element("time", { datetime: day.time }, timeOfDay(Date.parse(day.time), zone)),
      element("span", { class: "rule" }, "Normal range"),
      element("span", { class: "outcome" }, icon("note"), plainWords(day.status ?? "unknown")),
    ),
    element("span", { class: "sentence" }, changeSentence(day)),
  );
  return element("li", { class: "decision range-change" }, element("details", {}, summary, figuresOf(day)));
}

function figuresOf(day) {
  const isNight = day.slot === "asleep";
  const rows = [
    ["7-day mean", valueOf(day.mean7)],
    ["Normal range", `${valueOf(day.normal_low)} to ${valueOf(day.normal_high)}`],
    [isNight ? "Night" : "Morning", valueOf(day.ln_value)],
    ["Days known", `${day.have}, ${day.maturity}`],
  ].map(([name, text]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, text)));
  return element(
    "div", { class: "evidence" },
    element("table", {}, element("tbody", {}, ...rows)),
    element("p", {}, `${sourceText(day)}, ${isNight ? "asleep" : "in the morning"}; values in ln ms`),
  );
}

function valueOf(ln) {
  return ln === null ? "–" : `${lnText(ln)} (${msText(ln)})`;
}

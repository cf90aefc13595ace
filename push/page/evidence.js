// What a rule looked at: each value with its time, window, quality, limit and what is usual.

import { element } from "./elements.js";
import { timeOfDay } from "./clock.js";
import { QUALITIES, measureWord, numberText, spanText, valueText } from "./words.js";

/** Return the table of an adaptation's or a decision's evidence, with its reading and confidence. */
export function evidenceOf({ evidence, confidence }, zone) {
  const rows = evidence.values.map((one) => rowOf(one, zone));
  const heads = ["Measure", "Value", "Limit", "Usual"].map((text) => element("th", { scope: "col" }, text));
  const { device, seq, time } = evidence.reading;
  const source = [`Read by ${device} at ${timeOfDay(Date.parse(time), zone)}`, seq === null ? "" : `no. ${seq}`];
  return element(
    "div", { class: "evidence" },
    element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)),
    element("p", {}, `${source.filter(Boolean).join(", ")} · ${confidenceText(confidence)}`),
  );
}

/** Return "confidence 80 %". */
export function confidenceText(confidence) {
  return `confidence ${Math.round(confidence * 100)} %`;
}

function rowOf(one, zone) {
  const { measure, unit, value, threshold = null, window_minutes: minutes = null, quality = null } = one;
  const when = [timeOfDay(Date.parse(one.time), zone), minutes === null ? "" : `over ${spanText(minutes)}`];
  return element("tr", {},
    element("th", { scope: "row" },
      measureWord(measure),
      element("time", {}, when.filter(Boolean).join(" · ")),
      quality === null ? null : element("span", { class: `quality ${quality}` }, QUALITIES[quality] ?? quality),
    ),
    element("td", {}, valueText(measure, value, unit)),
    element("td", {}, threshold === null ? "–" : valueText(measure, threshold, unit)),
    element("td", {}, usualOf(one)),
  );
}

/** Return "0.55 ± 0.11", with a remark where the baseline is still young. */
function usualOf({ measure, unit, baseline = null, baseline_sd: sd = null, baseline_count: count = null }) {
  if (baseline === null) return "none yet";
  const spread = sd === null ? "" : `${numberText(measure, baseline)} ± `;
  return `${spread}${valueText(measure, sd ?? baseline, unit)}${count === null ? "" : ` (n ${count})`}`;
}

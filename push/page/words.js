// The words and numbers that the page shows for what the server sends as codes.

/** What a person's state is called, and its icon. */
export const STATES = {
  steady: { word: "Steady", icon: "steady" },
  easing: { word: "Easing", icon: "protective" },
  recovering: { word: "Recovering", icon: "recovering" },
  ready: { word: "Ready", icon: "upgrading" },
};

/** The two kinds of change. */
export const KINDS = {
  protective: { word: "Protective", icon: "protective" },
  upgrading: { word: "Upgrading", icon: "upgrading" },
};

const OUTCOMES = {
  fired: { word: "Noted", icon: "note" },
  applied: { word: "Applied", icon: "done" },
  proposed: { word: "Proposed", icon: "question" },
  withheld: { word: "Withheld", icon: "held" },
  suppressed: { word: "Suppressed", icon: "held" },
  accepted: { word: "Accepted", icon: "done" },
  declined: { word: "Declined", icon: "declined" },
  undone: { word: "Undone", icon: "declined" },
  expired: { word: "Expired", icon: "held" },
};

/** Outcomes that left the plan as it was without anybody having chosen so. */
export const QUIET_OUTCOMES = new Set(["withheld", "suppressed", "expired"]);

const WHYS = {
  cooldown: "the rule fired a short while ago and rests",
  outranked: "a more urgent rule fired at the same moment",
  no_plan: "there is no plan it could change",
  daily_cap: "enough was changed today",
  already_proposed: "an earlier proposal still waits for an answer",
  nothing_to_change: "no task of the next hours would really change",
  plan_full: "the changed plan would be too large to store",
};

const REFUSALS = {
  busy: "Daybeat is busy just now. Nothing was changed; try again in a moment.",
  unavailable: "The store cannot be reached just now. Try again in a moment.",
  not_allowed: "This token may not answer for this person.",
  unknown_adaptation: "This proposal no longer waits for an answer.",
  expired: "The time of this proposal is over.",
  not_applicable: "The plan has moved on: a task of this proposal has begun, changed or lost its room.",
};

/** Levels travel as 0 to 1 and are shown in percent, as the rules' sentences say them. */
function levelCalled(word) {
  return { word, unit: "%", digits: 0, scale: 100 };
}

const MEASURES = {
  heart_rate_bpm: { word: "Heart rate", unit: "bpm", digits: 0 },
  hrv_rmssd_ms: { word: "HRV (RMSSD)", unit: "ms", digits: 0 },
  hrv_sdnn_ms: { word: "HRV (SDNN)", unit: "ms", digits: 0 },
  rmssd_ms: { word: "HRV (RMSSD)", unit: "ms", digits: 0 },
  heart_rate_rest_bpm: { word: "Heart rate at rest", unit: "bpm", digits: 0 },
  energy_level: levelCalled("Energy"),
  stress_level: levelCalled("Stress"),
  readiness_score: levelCalled("Readiness"),
  sleep_quality: levelCalled("Sleep quality"),
  sleep_minutes: { word: "Time asleep", unit: "min", digits: 0 },
  steps: { word: "Steps", unit: "", digits: 0 },
};

/** Return a code such as `energy_drop` as words: "Energy drop". */
export function plainWords(code) {
  const words = code.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Return a name to show for a person's id: ids such as `ada` or `ada-k` as names, any other as it is. */
export function nameOf(person) {
  if (person.name) return person.name;
  const id = person.user_id;
  if (!/^[a-z]+([-_][a-z]+)*$/.test(id)) return id;
  return id.split(/[-_]/).map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join(" ");
}

/** Return word and icon of an outcome. */
export function outcomeOf(code) {
  return OUTCOMES[code] ?? { word: plainWords(code), icon: "note" };
}

/** Return why nothing was changed, in words; codes that are not known here in their own. */
export function whyOf(code) {
  return WHYS[code] ?? plainWords(code).toLowerCase();
}

/** Return the sentence for a refused command. */
export function refusalOf(code) {
  return REFUSALS[code] ?? `Refused: ${plainWords(code || "no reason given").toLowerCase()}.`;
}

/** Return what a measure is called. */
export function measureWord(name) {
  return measureOf(name).word;
}

/** Return a value of a measure with its unit, such as "64 bpm" or "55%". */
export function valueText(name, value) {
  const { unit } = measureOf(name);
  return `${numberText(name, value)}${unit && unit !== "%" ? " " : ""}${unit}`;
}

/** Return a value of a measure without its unit. */
export function numberText(name, value) {
  const { digits, scale = 1 } = measureOf(name);
  return (value * scale).toFixed(digits);
}

function measureOf(name) {
  return MEASURES[name] ?? { word: plainWords(name), unit: "", digits: 2 };
}

/** Return a running baseline's row [ms, mean, standard deviation] as a remark: " (usual 60–72)"; "" without one. */
export function usualText(name, row) {
  if (!row) return "";
  const [, mean, sd] = row;
  return ` (usual ${numberText(name, mean - sd)}–${numberText(name, mean + sd)})`;
}

/** What is said of a level that no device gave. */
export const ESTIMATED = "estimated";

/** Return a natural logarithm of ms without its unit: "3.98". */
export function lnText(ln) {
  return ln.toFixed(2);
}

/** Return the ms that a natural logarithm stands for: "54 ms". */
export function msText(ln) {
  return `${Math.exp(ln).toFixed(0)} ms`;
}

/** Return a count with thousands apart: "20,412". */
export function countText(value) {
  return Math.round(value).toLocaleString("en-GB");
}

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

/** What a rule may do by itself, from the least to the most. */
export const LEVELS = {
  off: { word: "Off", icon: "off" },
  note: { word: "Note", icon: "note" },
  propose: { word: "Propose", icon: "question" },
  apply: { word: "Apply", icon: "done" },
};

/** What is known of how good a value is. */
export const QUALITIES = { good: "good quality", low: "low quality", estimated: "estimated" };

const OUTCOMES = {
  fired: { word: "Noted", icon: "note" },
  applied: { word: "Applied", icon: "done" },
  proposed: { word: "Proposed", icon: "question" },
  withheld: { word: "Withheld", icon: "held" },
  suppressed: { word: "Suppressed", icon: "held" },
  accepted: { word: "Accepted", icon: "done" },
  declined: { word: "Declined", icon: "declined" },
  undone: { word: "Undone", icon: "undo" },
  expired: { word: "Expired", icon: "held" },
};

/** Outcomes that left the plan as it was without anybody having chosen so. */
export const QUIET_OUTCOMES = new Set(["withheld", "suppressed", "expired"]);

const WHYS = {
  cooldown: "the rule fired a short while ago and rests",
  outranked: "a more urgent rule went before it",
  no_plan: "there is no plan it could change",
  daily_cap: "enough was changed today",
  already_proposed: "an earlier proposal still waits for an answer",
  nothing_to_change: "no task of the next hours would really change",
  plan_full: "the changed plan would be too large to store",
  late: "its reading came late",
  future: "its reading names a time yet to come",
  not_worn: "the device was not worn",
  exercise: "exercise explains these values",
  low_quality: "the beats were too poor to judge by",
  estimated: "a level was only estimated, and this rule wants a measured one",
  daily_limit: "the rule has fired often enough today",
  paused: "everything was paused",
  off: "you switched this rule off",
  reduce_only: "your day may not become harder",
  protective_in_force: "a protective change is in force",
  by_lot: "it was left out by lot, to learn whether the rule helps",
  undone: "you took it back",
  expired: "its time was over",
  noted: "you only want to be told",
};

const REFUSALS = {
  busy: "Daybeat is busy just now. Nothing was changed; try again in a moment.",
  unavailable: "The store cannot be reached just now. Try again in a moment.",
  not_allowed: "This token may not answer for this person.",
  unknown_adaptation: "This no longer waits for an answer: it was answered already, or its time is over.",
  already_undone: "This change was taken back already.",
  expired: "The time of this proposal is over.",
  not_applicable: "The plan has moved on: a task of this proposal has begun, changed or lost its room.",
  unknown_version: "The plan has changed since you saw it.",
  unknown_rule: "This rule is no longer in force.",
  upgrades_need_consent: "A rule that makes the day harder may propose at most.",
  bad_pause: "A pause must end in the future, and within a year.",
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
  hrv_z: { word: "HRV of the week", unit: "SD", digits: 1 },
  hrv_days: { word: "Days with HRV", unit: "days", digits: 0 },
  resting_heart_rate_bpm: { word: "Resting heart rate", unit: "bpm", digits: 0 },
  strain: { word: "Strain", unit: "TRIMP", digits: 0 },
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

/** Return a value with its unit, such as "64 bpm" or "55%"; `givenUnit` is that of a measure not known here. */
export function valueText(name, value, givenUnit = "") {
  const unit = MEASURES[name]?.unit ?? givenUnit;
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

/** Return a span such as "20 min", "2 h" or "2 days". */
export function spanText(minutes) {
  if (minutes >= 2 * 1440 && minutes % 1440 === 0) return `${minutes / 1440} days`;
  return minutes >= 60 && minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`;
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

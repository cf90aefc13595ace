// The people down the side: name, spark line of the last heart rates, today's state in one word.

import { drawing, element, icon, setAttribute, setText } from "./elements.js";
import { STATES, nameOf } from "./words.js";

const SPARK_WIDTH = 72;
const SPARK_HEIGHT = 22;
const SPARK_GAP_MS = 10 * 60_000;

/** The list of people; `onChoose(userId)` is called for the one that was picked. */
export class People {
  #list;
  #summary;
  #rows = new Map();
  #onChoose;

  constructor(list, summary, { onChoose }) {
    this.#list = list;
    this.#summary = summary;
    this.#onChoose = onChoose;
  }

  /** Show the people of one answer of /v1/people. */
  show(people, chosenId) {
    const rows = people.map((person) => this.#row(person, person.user_id === chosenId));
    const gone = [...this.#rows.keys()].filter((id) => !people.some((person) => person.user_id === id));
    for (const id of gone) this.#rows.delete(id);
    if (rows.length !== this.#list.children.length || rows.some((row, at) => this.#list.children[at] !== row.item)) {
      this.#list.replaceChildren(...rows.map((row) => row.item));
    }
    const chosen = people.find((person) => person.user_id === chosenId);
    setText(this.#summary, chosen ? `${nameOf(chosen)} · ${people.length} people` : `${people.length} people`);
  }

  /** Mark another person as chosen before the next answer comes. */
  choose(chosenId) {
    for (const [id, row] of this.#rows) setAttribute(row.button, "aria-current", id === chosenId ? "true" : null);
  }

  #row(person, isChosen) {
    const row = this.#rows.get(person.user_id) ?? this.#newRow(person);
    this.#rows.set(person.user_id, row);
    setText(row.name, nameOf(person));
    setAttribute(row.button, "aria-current", isChosen ? "true" : null);
    setAttribute(row.line, "d", sparkPath(person.spark ?? []));
    if (row.stateCode !== person.state) {
      row.stateCode = person.state;
      row.state.replaceChildren(...stateParts(person.state));
      row.state.className = `state ${person.state ?? "unknown"}`;
    }
    return row;
  }

  #newRow(person) {
    const name = element("span", { class: "name" });
    const state = element("span", { class: "state" });
    const line = drawing("path", {});
    const spark = drawing(
      "svg", { class: "spark", width: SPARK_WIDTH, height: SPARK_HEIGHT, "aria-hidden": "true" }, line,
    );
    const button = element("button", { type: "button", class: "person", "data-user-id": person.user_id }, name, state, spark);
    button.addEventListener("click", () => this.#onChoose(person.user_id));
    return { item: element("li", {}, button), button, name, state, line, stateCode: undefined };
  }
}

/** Let the list fold away on a narrow screen, where the day comes first. */
export function foldWhenNarrow(panel) {
  const narrow = matchMedia("(max-width: 859px)");
  const fold = () => {
    panel.dataset.folds = narrow.matches;
    panel.open = !narrow.matches;
  };
  narrow.addEventListener("change", fold);
  fold();
}

/** Return the parts that show a state: icon and word. */
export function stateParts(code) {
  const { word, icon: name } = STATES[code] ?? { word: "No data", icon: "unknown" };
  return [icon(name), word];
}

/** Return the path of a spark line, broken where readings are missing. */
function sparkPath(spark) {
  const points = spark.filter(([, value]) => value !== null);
  if (points.length < 2) return "";
  const values = points.map(([, value]) => value);
  const low = Math.min(...values);
  const range = Math.max(8, Math.max(...values) - low);
  const from = points[0][0];
  const span = Math.max(1, points.at(-1)[0] - from);
  return points
    .map(([ms, value], index) => {
      const x = 1 + ((ms - from) / span) * (SPARK_WIDTH - 2);
      const y = SPARK_HEIGHT - 2 - ((value - low) / range) * (SPARK_HEIGHT - 4);
      const isGap = index === 0 || ms - points[index - 1][0] > SPARK_GAP_MS;
      return `${isGap ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join("");
}

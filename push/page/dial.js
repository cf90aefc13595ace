// One rule's dial: what it may do by itself, as a choice of four, or of three where it would make the day harder.

import { element, icon } from "./elements.js";
import { Wish } from "./wish.js";
import { KINDS, LEVELS } from "./words.js";

/** The dial of one rule: `rule` is {name, title, kind, default, when}. */
export class Dial {
  #rule;
  #wish;
  #inputs = new Map();
  #level = null;

  constructor(rule, { send }) {
    this.#rule = rule;
    const note = element("p", { class: "wish" });
    this.#wish = new Wish(note, { send, onSettled: () => this.#draw() });
    const kind = element("span", { class: `kind ${rule.kind}` }, icon(rule.kind), element("span", { class: "visually-hidden" }, KINDS[rule.kind].word));
    const segments = element("div", { class: "segments" }, ...levelsOf(rule).map((level) => this.#segment(level)));
    this.item = element(
      "li", { class: `dial ${rule.kind}`, "data-rule": rule.name },
      element("fieldset", {},
        element("legend", {}, kind, rule.title),
        element("p", { class: "dial-when", title: rule.when }, rule.when),
        segments,
      ),
      note,
    );
  }

  /** Show what the person set; undefined: nothing, so that the default counts. */
  show(level) {
    this.#level = level ?? this.#rule.default;
    this.#wish.meetProfile();
    this.#draw();
  }

  #segment(level) {
    const { word, icon: picture } = LEVELS[level];
    const isDefault = level === this.#rule.default;
    const name = isDefault ? `${word}, default` : word;
    const input = element("input", { type: "radio", name: `dial-${this.#rule.name}`, value: level, "aria-label": name });
    input.addEventListener("change", () => {
      // The default is not set but taken back to, so that the rule's author may still move it.
      const command = { type: "autonomy.set", rule: this.#rule.name, level: isDefault ? "default" : level };
      this.#wish.express(command, level);
    });
    this.#inputs.set(level, input);
    const mark = isDefault ? element("small", {}, "default") : null;
    return element("label", { class: "segment" }, input, icon(picture), element("span", {}, word), mark);
  }

  #draw() {
    const shown = this.#wish.over(this.#level);
    for (const [level, input] of this.#inputs) input.checked = level === shown;
  }
}

/** A rule that makes the day harder may propose at most. */
function levelsOf({ kind }) {
  return Object.keys(LEVELS).filter((level) => kind !== "upgrading" || level !== "apply");
}

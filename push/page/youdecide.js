// "You decide": how far the rules may go by themselves. What it shows is the profile as the server last told it.

import { element, setAttribute, setText } from "./elements.js";
import { Dial } from "./dial.js";
import { Pause } from "./pause.js";
import { Wish } from "./wish.js";

const HINT = "Note: it only tells you. Propose: it asks first. Apply: it changes the day, and you can undo it.";

/** The panel: a `details` element whose summary says how things stand. */
export class YouDecide {
  #root;
  #send;
  #state;
  #pause;
  #switch;
  #switchWish;
  #list = element("ul", { class: "dials" });
  #dials = new Map();
  #rulesShown = "";
  #profile = null;

  /**
   * @param send `send(command, onOutcome)`.
   * @param moment returns {now, zone} of the person.
   * @param onOpen called when the panel is opened: rules may have been loaded meanwhile.
   */
  constructor(root, { send, moment, onOpen }) {
    this.#root = root;
    this.#send = send;
    this.#state = root.querySelector("[data-part=state]");
    this.#pause = new Pause({ send, moment, onChange: () => this.#drawState() });
    const [reduceOnly, button, note] = reduceOnlyControl();
    this.#switch = button;
    this.#switchWish = new Wish(note, { send, onSettled: () => this.#drawSwitch() });
    button.addEventListener("click", () => this.#turnSwitch());
    root.querySelector("[data-part=controls]").append(
      this.#pause.node, reduceOnly,
      element("p", { class: "control-title" }, "What each rule may do"), element("p", { class: "control-hint" }, HINT), this.#list,
    );
    root.addEventListener("toggle", () => root.open && onOpen());
  }

  /** Forget everything: another person comes. */
  clear() {
    this.#profile = null;
    this.#rulesShown = "";
    this.#pause.forget();
    this.#switchWish.forget();
    this.#root.hidden = true;
  }

  /** Show a profile that was asked for after everything that has been answered. */
  show(profile) {
    this.#profile = profile;
    this.#root.hidden = false;
    this.#drawRules(profile.rules);
    for (const [name, dial] of this.#dials) dial.show(profile.autonomy[name]);
    this.#switchWish.meetProfile();
    this.#drawSwitch();
    this.#pause.show(profile.paused_until);
  }

  /** A pause ends with its time. */
  tick() {
    if (this.#profile) this.#pause.draw();
  }

  #drawRules(rules) {
    const shown = JSON.stringify(rules);
    if (shown === this.#rulesShown) return;
    this.#rulesShown = shown;
    this.#dials = new Map(rules.map((rule) => [rule.name, new Dial(rule, { send: this.#send })]));
    this.#list.replaceChildren(...[...this.#dials.values()].map((dial) => dial.item));
  }

  #turnSwitch() {
    const wanted = this.#switch.getAttribute("aria-checked") !== "true";
    this.#switchWish.express({ type: "autonomy.set", reduce_only: wanted }, wanted);
    this.#drawSwitch();
  }

  #drawSwitch() {
    if (!this.#profile) return;
    setAttribute(this.#switch, "aria-checked", String(this.#switchWish.over(this.#profile.reduce_only)));
    this.#drawState();
  }

  /** Say in the summary how things stand, so that a closed panel tells it too. */
  #drawState() {
    if (!this.#profile) return;
    const { autonomy, rules, reduce_only: reduceOnly } = this.#profile;
    const own = rules.filter(({ name, default: level }) => name in autonomy && autonomy[name] !== level).length;
    const words = [
      this.#pause.words(),
      reduceOnly ? "Never harder" : null,
      own ? `${own} of ${rules.length} rules set by you` : null,
    ].filter(Boolean);
    setText(this.#state, words.join(" · ") || "Rules at their defaults");
    this.#root.classList.toggle("paused", this.#pause.words() !== null);
  }
}

function reduceOnlyControl() {
  const note = element("p", { class: "wish" });
  const button = element(
    "button", { type: "button", class: "switch", role: "switch", "aria-checked": "false", "aria-describedby": "reduce-only-hint" },
    element("span", {}, "Never make my day harder"), element("span", { class: "knob", "aria-hidden": "true" }),
  );
  const hint = element("p", { class: "control-hint", id: "reduce-only-hint" }, "Rules may make it easier; none may offer more.");
  return [element("div", { class: "control" }, button, hint, note), button, note];
}

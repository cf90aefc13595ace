// What a person wants of one control, from the command on its way to the answer.

import { icon, setText } from "./elements.js";
import { refusalOf } from "./words.js";

/** "Done" is news for so long. */
const DONE_MS = 4000;

/** Says beside a control what became of its command, and keeps what is wanted until the profile says it too. */
export class Wish {
  #note;
  #send;
  #onSettled;
  #pending = 0;
  #wanted = undefined;
  #timer = 0;

  /**
   * @param note the element that says "Sent …", "Done" or why it was refused.
   * @param send `send(command, onOutcome)`, with {ok, reason} for `onOutcome`.
   * @param onSettled called when the last command on its way has its answer.
   */
  constructor(note, { send, onSettled }) {
    this.#note = note;
    this.#send = send;
    this.#onSettled = onSettled;
    note.setAttribute("role", "status");
  }

  /** Send a command; `wanted` is what the control shows meanwhile. */
  express(command, wanted) {
    this.#wanted = wanted;
    this.#pending += 1;
    this.#say("sent", "Sent …");
    this.#send(command, ({ ok, reason }) => this.#take(ok, reason));
  }

  /** Return what the control shows: what is wanted, else what the profile says. */
  over(known) {
    return this.#wanted === undefined ? known : this.#wanted;
  }

  /** Take notice of a profile that was read after the last answer: from here on it counts. */
  meetProfile() {
    if (this.#pending === 0) this.#wanted = undefined;
  }

  /** Forget everything: another person comes, and no answer will. */
  forget() {
    this.#pending = 0;
    this.#wanted = undefined;
    this.#say("", "");
  }

  #take(ok, reason) {
    this.#pending -= 1;
    if (this.#pending > 0) return;
    if (ok) {
      this.#say("done", "Done");
      this.#timer = setTimeout(() => this.#say("", ""), DONE_MS);
    } else {
      this.#wanted = undefined;
      this.#say("refused", refusalOf(reason));
    }
    this.#onSettled();
  }

  #say(state, text) {
    clearTimeout(this.#timer);
    this.#note.dataset.state = state;
    setText(this.#note, text);
    if (state === "done") this.#note.prepend(icon("done"));
  }
}

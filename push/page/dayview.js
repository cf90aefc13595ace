// The chosen person's day: curves, sentence, bars and the line of now, all on one scale.

import { Adaptations, inOrder } from "./adaptations.js";
import { drawAgenda } from "./agenda.js";
import { Body } from "./body.js";
import { DayScale, localDate, timeOfDay } from "./clock.js";
import { setText } from "./elements.js";
import { noPlanFace, noReadingsFace, readingsAwayFace } from "./faces.js";
import { Legend } from "./legend.js";
import { countOver, firstMoment } from "./plan.js";
import { Readout } from "./readout.js";
import { Series } from "./series.js";
import { Story } from "./story.js";
import { Timeline } from "./timeline.js";

const WIDE_PX = 560;
const GUTTER_PX = 78;
const RIGHT_PX = 14;
const NOW_FLAG_PX = 30;
/** The line of now is moved when it would move by this much. */
const NOW_STEP_PX = 0.25;
const NOW_MS_MAX = 1000;

export class DayView {
  #node;
  #parts;
  #clock;
  #body;
  #legend;
  #timeline;
  #story;
  #readout;
  #series = new Series();
  #readings = "awaited";
  #adaptations = new Adaptations();
  #plan = null;
  #hasPlanAnswer = false;
  #chosen = null;
  #over = 0;
  #scale = null;
  #left = 0;
  #wide = true;
  #zone = "UTC";
  #userId = "";

  /** `onAnswer(adaptation, "accept" | "decline" | "undo")` sends the person's answer. */
  constructor(node, clock, { onAnswer }) {
    this.#node = node;
    this.#clock = clock;
    const parts = [...node.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]);
    this.#parts = Object.fromEntries(parts);
    this.#body = new Body(this.#parts.body);
    this.#legend = new Legend(this.#parts.legend);
    this.#timeline = new Timeline(this.#parts.timeline, { onChoose: (id) => this.choose(id) });
    const onStep = (index) => this.choose(this.#stepped()[index].adaptation_id);
    this.#story = new Story(this.#parts, this.#body, this.#timeline, { onAnswer, onStep });
    this.#readout = new Readout(this.#parts.readout, {
      valuesAt: (ms) => this.#body.valuesAt(this.#series, ms),
      until: () => Math.min(this.#clock.now(), this.#scale?.to ?? Infinity),
    });
    new ResizeObserver(() => this.#layOut()).observe(node);
  }

  get zone() {
    return this.#zone;
  }

  get plan() {
    return this.#plan;
  }

  /** Begin with another person, of whom nothing is known yet. */
  begin(userId, zone) {
    this.#userId = userId;
    this.#zone = zone;
    this.#series = new Series();
    this.#readings = "awaited";
    this.#adaptations = new Adaptations();
    this.#story.begin();
    this.#plan = null;
    this.#hasPlanAnswer = false;
    this.#chosen = null;
    setText(this.#parts.bodyNote, "");
    this.#layOut();
  }

  /** Take a whole plan, null where the day has none, with what waits and what is in force; null: as before. */
  setPlan(plan, proposals = null, inForce = null) {
    this.#plan = plan;
    this.#hasPlanAnswer = true;
    if (plan) this.#zone = plan.time_zone;
    this.#adaptations.beginPlan(plan, proposals, inForce);
    if (!this.#shown().some((one) => one.adaptation_id === this.#chosen)) this.#chosen = null;
    this.#layOut();
  }

  /** Take the person's zone where no plan says it. */
  setZone(zone) {
    this.#zone = zone;
    this.#layOut();
  }

  /** Take a plan that a patch or a person's doing changed; bars go to their new places. */
  changePlan(plan, adaptation) {
    this.#plan = plan;
    if (adaptation) this.#takeAdaptation(adaptation);
    this.#adaptations.takePlan(plan);
    if (adaptation) this.#chosen = adaptation.adaptation_id;
    this.#layOut({ animate: true });
  }

  /** Take an adaptation that an event tells of, and tell of it, unless something waits that matters more. */
  tell(adaptation) {
    const told = this.#toldOf(this.#shown());
    this.#takeAdaptation(adaptation);
    const isTold = told?.adaptation_id === adaptation.adaptation_id;
    if (isTold || !this.#isMinor(adaptation)) this.choose(adaptation.adaptation_id);
    else this.#layOut({ animate: true });
  }

  /** Tell of one adaptation instead of another. */
  choose(adaptationId) {
    this.#chosen = adaptationId;
    this.#layOut({ animate: true });
  }

  /** Take one answer of /v1/series. Returns false where only a whole answer tells the day (see Series). */
  takeSeries(answer) {
    const isWhole = this.#series.take(answer);
    this.#readings = "known";
    const hadNote = this.#parts.bodyNote.textContent !== "";
    setText(this.#parts.bodyNote, "");
    const hasNews = this.#adaptations.takeDecisions(answer.decisions ?? []);
    // What lies beneath the legend moves with its lines.
    if (hasNews || hadNote || this.#drawBody()) this.#layOut();
    return isWhole;
  }

  /** Say that /v1/series gave no answer. What is drawn already stays. */
  missSeries() {
    const { bodyNote } = this.#parts;
    if (this.#readings === "awaited") this.#readings = "away";
    if (this.#readings === "known" && !bodyNote.textContent) {
      const since = timeOfDay(this.#clock.now(), this.#zone);
      setText(bodyNote, `No new readings can be had since ${since}; trying again.`);
      this.#layOut();
    }
    this.#drawBody();
  }

  /** Show what became of an answer: {act, state, reason}. */
  setAnswer(adaptationId, answer) {
    this.#story.setAnswer(adaptationId, answer);
    this.#drawStory({});
  }

  /** Move the line of now. Returns after how many ms it will have moved visibly. */
  tick() {
    if (!this.#scale) return NOW_MS_MAX;
    const now = this.#clock.now();
    if (this.#plan && countOver(this.#plan, now) !== this.#over) this.#layOut();
    const { now: line, nowText } = this.#parts;
    const isShown = this.#scale.shows(now);
    line.classList.toggle("hidden", !isShown);
    if (isShown) {
      const x = this.#left + this.#scale.x(now);
      line.style.transform = `translateX(${x.toFixed(2)}px)`;
      nowText.classList.toggle("before", x > this.#left + this.#scale.width - NOW_FLAG_PX);
      nowText.classList.toggle("after", x < NOW_FLAG_PX);
      setText(nowText, timeOfDay(now, this.#zone));
    }
    const pxPerMs = (this.#scale.width / (this.#scale.to - this.#scale.from)) * this.#clock.speed;
    return Math.min(NOW_MS_MAX, NOW_STEP_PX / pxPerMs);
  }

  #layOut({ animate = false } = {}) {
    const width = this.#node.clientWidth;
    if (!width || !this.#userId) return;
    this.#wide = width >= WIDE_PX;
    this.#left = this.#wide ? GUTTER_PX : 0;
    const now = this.#clock.now();
    const date = this.#plan?.date ?? localDate(now, this.#zone);
    const plotWidth = width - this.#left - (this.#wide ? RIGHT_PX : 0);
    this.#scale = new DayScale(date, this.#zone, plotWidth, this.#plan ? firstMoment(this.#plan) : Infinity);
    this.#over = this.#plan ? countOver(this.#plan, now) : 0;
    this.#node.classList.toggle("wide", this.#wide);
    const height = this.#body.layOut(this.#scale, { left: this.#left, wide: this.#wide });
    this.#parts.readout.style.height = `${height}px`;
    this.#readout.layOut(this.#scale, this.#left);
    this.#drawBody();
    this.#drawPlan(now, { animate });
    this.#drawStory({ animate });
    this.tick();
  }

  /** Draw the curves. Tells whether their legend changed. */
  #drawBody() {
    if (!this.#scale) return false;
    this.#body.draw(this.#series, this.#clock.now());
    const isEmpty = !this.#series.hasPoints(this.#scale);
    this.#showBodyFace(isEmpty ? this.#readings : "drawn");
    this.#parts.body.classList.toggle("empty", isEmpty);
    return this.#legend.show(isEmpty ? [] : this.#body.legend(this.#series));
  }

  #showBodyFace(state) {
    const { bodyFace } = this.#parts;
    if (bodyFace.dataset.state === state) return;
    bodyFace.dataset.state = state;
    const faces = { known: noReadingsFace, away: readingsAwayFace };
    bodyFace.replaceChildren(...(faces[state] ? [faces[state]()] : []));
  }

  #drawPlan(now, { animate }) {
    const { planFace, agenda, timeline } = this.#parts;
    timeline.classList.toggle("loading", !this.#hasPlanAnswer);
    planFace.replaceChildren(...(this.#hasPlanAnswer && !this.#plan ? [noPlanFace(this.#userId)] : []));
    if (!this.#plan) {
      this.#timeline.clear();
      agenda.replaceChildren();
      return;
    }
    const shown = this.#shown();
    const chosen = this.#toldOf(shown)?.adaptation_id ?? null;
    const how = { left: this.#left, wide: this.#wide, shown: preferred(shown, chosen), chosen, animate, now };
    this.#timeline.draw(this.#plan, this.#scale, how);
    if (this.#wide) agenda.replaceChildren();
    else drawAgenda(agenda, this.#plan, this.#scale, { ...how, onChoose: (id) => this.choose(id) });
  }

  #drawStory({ animate = false }) {
    if (!this.#scale) return;
    this.#parts.why.classList.toggle("hidden", !this.#plan);
    const told = this.#toldOf(this.#shown());
    const madeByItself = Boolean(told) && this.#adaptations.wasMadeByItself(told.adaptation_id);
    const view = { scale: this.#scale, zone: this.#zone, wide: this.#wide, left: this.#left, madeByItself };
    this.#story.draw(told, this.#stepped(), view, { animate });
  }

  /** An answer belongs to what was answered: with another status it is over. */
  #takeAdaptation(adaptation) {
    const id = adaptation.adaptation_id;
    if (this.#adaptations.get(id)?.status !== adaptation.status) this.#story.setAnswer(id, null);
    this.#adaptations.take(adaptation);
  }

  /** What is over without the person's doing is no reason to push aside a proposal that waits. */
  #isMinor({ adaptation_id: id, status }) {
    if (status === "expired" && !this.#adaptations.wasMadeByItself(id)) return true;
    const waits = this.#shown().some((one) => one.status === "proposed");
    return waits && (status === "expired" || status === "noted");
  }

  #shown() {
    return this.#adaptations.shown(this.#clock.now());
  }

  /** What can be stepped through: the one told about belongs to it, even where it is over. */
  #stepped() {
    const shown = this.#shown();
    const told = this.#toldOf(shown);
    return !told || shown.includes(told) ? shown : inOrder([...shown, told]);
  }

  /** The one that was chosen, else an open proposal, else the latest change. */
  #toldOf(shown) {
    const chosen = this.#chosen && this.#adaptations.get(this.#chosen);
    if (chosen) return chosen;
    return shown.findLast((one) => one.status === "proposed") ?? shown.at(-1) ?? null;
  }
}

/** Where two changed one task, its bar belongs to the one that is told about, else to the latest. */
function preferred(shown, chosen) {
  const isChosen = (one) => one.adaptation_id === chosen;
  return [...shown].reverse().sort((one, other) => isChosen(other) - isChosen(one));
}

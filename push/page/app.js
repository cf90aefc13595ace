// The page's start: token, people, the chosen person's stream and series, and who is told of what.

import { AnswerError, ask, repeat } from "./api.js";
import { Clock, localDate, longDate, timeOfDay } from "./clock.js";
import { DayView } from "./dayview.js";
import { Decisions } from "./decisions.js";
import { setText } from "./elements.js";
import { noServerFace, noTokenFace, nobodyFace, refusedFace } from "./faces.js";
import { Masthead } from "./masthead.js";
import { newsOf } from "./news.js";
import { changeSentence } from "./normalrange.js";
import { PatchError, applyPatch } from "./patch.js";
import { People, foldWhenNarrow, stateParts } from "./people.js";
import { Stream, newCommandId } from "./stream.js";
import { fragment, takeToken } from "./token.js";
import { nameOf, refusalOf } from "./words.js";
import { YouDecide } from "./youdecide.js";

const PEOPLE_EVERY_MS = 2000;
const SERIES_EVERY_MS = 1000;

class Page {
  #token;
  #clock = new Clock();
  #masthead = new Masthead(byId("figures"), byId("connection"));
  #people = new People(byId("people"), byId("people-summary"), { onChoose: (id) => this.#choose(id) });
  #decisions = new Decisions(byId("decisions"), byId("decisions-face"), { onUndo: (id) => this.#answer(id, "undo") });
  #view = new DayView(byId("day"), this.#clock, { onAnswer: (one, act) => this.#answer(one.adaptation_id, act) });
  #youDecide = new YouDecide(byId("you-decide"), {
    send: (command, onOutcome) => this.#send(command, onOutcome),
    moment: () => ({ now: this.#clock.now(), zone: this.#view.zone }),
    onOpen: () => this.#askProfile(),
  });
  #life = new AbortController();
  #person = null;
  #known = [];
  #stream = null;
  #visit = null;
  /** What to do with the answers that are awaited, by command id. */
  #awaited = new Map();
  #profileIsAwaited = false;
  #profileIsStale = false;
  #dateShown = "";
  #hasPeople = false;

  constructor(token) {
    this.#token = token;
    repeat(() => this.#askPeople(), PEOPLE_EVERY_MS, this.#life.signal);
    addEventListener("online", () => this.#stream?.open());
    this.#tick();
  }

  async #askPeople() {
    try {
      const answer = await ask("/v1/people", this.#token);
      this.#clock.set(answer.now, answer.speed);
      this.#showPeople(answer);
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      if (error.status === 401 || error.status === 403) this.#refuse("");
      else if (!this.#hasPeople) showFace(noServerFace());
      if (error.status === 0) this.#masthead.showUnreachable();
    }
  }

  #showPeople({ people, figures }) {
    this.#known = people;
    this.#hasPeople = people.length > 0;
    this.#masthead.showFigures(figures);
    if (this.#masthead.showReachable()) this.#stream?.open();
    if (!people.length) {
      showFace(nobodyFace());
      this.#masthead.showConnection("live");
      return;
    }
    showFace(null);
    const wanted = this.#person?.user_id ?? fragment().get("person");
    const person = people.find((one) => one.user_id === wanted) ?? people[0];
    this.#people.show(people, person.user_id);
    if (person.user_id !== this.#person?.user_id) this.#choose(person.user_id);
    this.#person = person;
    this.#showPerson();
  }

  #choose(userId) {
    this.#person = this.#known.find((one) => one.user_id === userId);
    history.replaceState(null, "", `#person=${userId}`);
    this.#visit?.abort();
    this.#stream?.close();
    this.#awaited.clear();
    this.#profileIsAwaited = false;
    this.#dateShown = "";
    this.#decisions.clear();
    this.#youDecide.clear();
    this.#people.choose(userId);
    this.#view.begin(userId, this.#person.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
    this.#showPerson();
    this.#stream = new Stream({
      address: `${location.origin.replace(/^http/, "ws")}/v1/stream`,
      token: this.#token,
      userId,
      listener: this.#listener(),
    });
    this.#stream.open();
    this.#visit = new AbortController();
    this.#followSeries(userId, this.#visit.signal);
    if (byId("people-panel").dataset.folds === "true") byId("people-panel").open = false;
  }

  #followSeries(userId, signal) {
    let after = null;
    const visit = async () => {
      const query = new URLSearchParams({ user: userId, ...(after === null ? {} : { after }) });
      try {
        const answer = await ask(`/v1/series?${query}`, this.#token, { signal });
        if (signal.aborted) return;
        this.#clock.set(answer.now, answer.speed);
        after = this.#view.takeSeries(answer) ? answer.next : null;
        this.#decisions.take(answer, this.#view.zone, this.#clock.now());
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof AnswerError)) throw error;
        this.#view.missSeries();
      }
    };
    repeat(visit, SERIES_EVERY_MS, signal);
  }

  #listener() {
    return {
      state: (state, { reason }) => (state === "refused" ? this.#refuse(reason) : this.#masthead.showConnection(state)),
      plan: (plan, message) => {
        this.#view.setPlan(plan, message.proposals, message.adaptations);
        this.#askProfile();
        this.#dateShown = this.#today();
        this.#showPerson();
      },
      event: (event) => this.#takeEvent(event),
      answer: (message) => {
        const take = this.#awaited.get(message.command_id);
        this.#awaited.delete(message.command_id);
        take?.(message);
      },
    };
  }

  /** Send a command or question; `onAnswer` gets the answer. */
  #send(command, onAnswer) {
    const commandId = newCommandId();
    this.#awaited.set(commandId, onAnswer);
    this.#stream.send({ ...command, command_id: commandId });
  }

  /** Ask for the profile. While an answer is awaited, which may be too old already, once more behind it. */
  #askProfile() {
    if (this.#profileIsAwaited) {
      this.#profileIsStale = true;
      return;
    }
    this.#profileIsAwaited = true;
    this.#profileIsStale = false;
    this.#send({ type: "profile.get" }, (message) => {
      this.#profileIsAwaited = false;
      if (this.#profileIsStale) this.#askProfile();
      else if (message.type === "profile") this.#takeProfile(message.profile);
    });
  }

  #takeProfile(profile) {
    this.#youDecide.show(profile);
    if (this.#view.plan !== null) return;
    // A plan says its zone; without one the profile knows which day is today.
    this.#view.setZone(profile.time_zone);
    this.#dateShown = this.#today();
    this.#showPerson();
  }

  #takeEvent(event) {
    const { type, adaptation } = event;
    if (type === "plan.changed") this.#changePlan(event);
    else if (type === "plan.replaced" && event.plan.date === this.#today()) this.#view.setPlan(event.plan);
    else if (type === "task.changed") this.#changeTask(event);
    else if (type === "baseline.changed") this.#tellRange({ ...event.baseline, time: event.time });
    // Whoever sent it, this page's person or another page: it may have moved a dial.
    else if (type === "command.done") this.#askProfile();
    else if (adaptation) this.#tell(event);
  }

  #tellRange(day) {
    this.#decisions.takeRangeChange(day, this.#view.zone);
    setText(byId("announcer"), `${nameOf(this.#person)}: ${changeSentence(day)}`);
  }

  #changePlan(event) {
    const plan = this.#view.plan;
    if (plan?.date !== event.date) return;
    try {
      this.#view.changePlan(applyPatch(plan, event.patch), event.adaptation);
    } catch (error) {
      if (!(error instanceof PatchError)) throw error;
      this.#stream.startAfresh();
    }
  }

  #changeTask({ date, version, task }) {
    const plan = this.#view.plan;
    if (plan?.date !== date) return;
    const blocks = plan.blocks.map((block) => ({
      ...block,
      tasks: block.tasks.map((one) => (one.task_id === task.task_id ? task : one)),
    }));
    this.#view.changePlan({ ...plan, version, blocks }, null);
  }

  #tell(event) {
    const { adaptation } = event;
    this.#decisions.takeEvent(event, this.#view.zone);
    this.#view.tell(adaptation);
    setText(byId("announcer"), newsOf(adaptation, nameOf(this.#person), this.#view.plan?.date));
  }

  #answer(adaptationId, act) {
    const show = (answer) => {
      for (const part of [this.#view, this.#decisions]) part.setAnswer(adaptationId, { act, ...answer });
    };
    show({ state: "sent" });
    this.#send({ type: `adaptation.${act}`, adaptation_id: adaptationId }, ({ ok, reason }) => {
      show({ state: ok ? "done" : "refused", reason });
      if (!ok) setText(byId("announcer"), refusalOf(reason));
    });
  }

  #showPerson() {
    const person = this.#person;
    setText(byId("person-name"), nameOf(person));
    const state = byId("person-state");
    if (state.dataset.code !== String(person.state)) {
      state.dataset.code = person.state;
      state.className = `state ${person.state ?? "unknown"}`;
      state.replaceChildren(...stateParts(person.state));
    }
    document.title = `${nameOf(person)} · Daybeat`;
    this.#view.tick();
    this.#showTime();
  }

  #showTime() {
    const { zone } = this.#view;
    const now = this.#clock.now();
    setText(byId("person-day"), `${longDate(now, zone)} · ${timeOfDay(now, zone)} · ${zone.replaceAll("_", " ")}`);
  }

  #tick() {
    const pauseMs = this.#view.tick();
    if (this.#person) this.#showTime();
    this.#youDecide.tick();
    // At midnight of the person's zone another day begins, and with it another plan.
    if (this.#dateShown && this.#dateShown !== this.#today()) {
      this.#dateShown = this.#today();
      this.#send({ type: "plan.get", date: this.#dateShown }, (message) => {
        if (message.type === "plan" && message.date === this.#today()) this.#view.setPlan(message.plan);
      });
    }
    // The line of now is moved only when it would be seen to move; a real day needs no frame after frame.
    setTimeout(() => requestAnimationFrame(() => this.#tick()), Math.max(0, pauseMs - 16));
  }

  #today() {
    return localDate(this.#clock.now(), this.#view.zone);
  }

  #refuse(reason) {
    this.#life.abort();
    this.#visit?.abort();
    this.#stream?.close();
    this.#masthead.showConnection("refused");
    showFace(refusedFace(reason));
  }
}

function byId(id) {
  return document.getElementById(id);
}

function showFace(face) {
  const place = byId("face");
  place.replaceChildren(...(face ? [face] : []));
  document.body.classList.toggle("faced", face !== null);
  document.body.classList.remove("starting");
}

foldWhenNarrow(byId("people-panel"));
const token = takeToken();
if (token) new Page(token);
else showFace(noTokenFace());
addEventListener("hashchange", () => {
  if (fragment().has("token")) location.reload();
});

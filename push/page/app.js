// The page's start: token, people, the chosen person's stream and series, and who is told of what.

import { AnswerError, ask, repeat } from "./api.js";
import { Clock, localDate, longDate, timeOfDay } from "./clock.js";
import { effectOf } from "./card.js";
import { DayView } from "./dayview.js";
import { Decisions } from "./decisions.js";
import { setText } from "./elements.js";
import { noServerFace, noTokenFace, nobodyFace, refusedFace } from "./faces.js";
import { Masthead } from "./masthead.js";
import { changeSentence } from "./normalrange.js";
import { PatchError, applyPatch } from "./patch.js";
import { People, stateParts } from "./people.js";
import { Stream, newCommandId } from "./stream.js";
import { nameOf, refusalOf } from "./words.js";

const PEOPLE_EVERY_MS = 2000;
const SERIES_EVERY_MS = 1000;
const TOKEN_KEY = "daybeat-token";

class Page {
  #token;
  #clock = new Clock();
  #masthead = new Masthead(byId("figures"), byId("connection"));
  #people = new People(byId("people"), byId("people-summary"), { onChoose: (id) => this.#choose(id) });
  #decisions = new Decisions(byId("decisions"), byId("decisions-face"));
  #view = new DayView(byId("day"), this.#clock, { onAnswer: (adaptation, act) => this.#answer(adaptation, act) });
  #life = new AbortController();
  #person = null;
  #known = [];
  #stream = null;
  #visit = null;
  #answered = new Map();
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
    this.#answered.clear();
    this.#dateShown = "";
    this.#decisions.clear();
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
        this.#view.setPlan(plan, message.proposals);
        // A plan says its zone; without one the profile knows which day is today.
        if (plan === null) this.#stream.send({ type: "profile.get", command_id: newCommandId() });
        this.#dateShown = this.#today();
        this.#showPerson();
      },
      event: (event) => this.#takeEvent(event),
      answer: (message) => this.#takeAnswer(message),
    };
  }

  #takeEvent(event) {
    const { type, adaptation } = event;
    if (type === "plan.changed") this.#changePlan(event);
    else if (type === "plan.replaced" && event.plan.date === this.#today()) this.#view.setPlan(event.plan);
    else if (type === "task.changed") this.#changeTask(event);
    else if (type === "baseline.changed") this.#tellRange({ ...event.baseline, time: event.time });
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
    const { type, adaptation } = event;
    this.#decisions.takeEvent(event, this.#view.zone);
    if (type === "adaptation.noted" && adaptation.status !== "declined") return;
    this.#view.tell(adaptation);
    if (type === "adaptation.noted") return;
    const effect = effectOf(adaptation, this.#view.plan?.date);
    const verb = type === "adaptation.proposed" ? "A change is proposed" : "The plan changed";
    setText(byId("announcer"), `${verb} for ${nameOf(this.#person)}. ${adaptation.reason} ${effect}`);
  }

  #answer(adaptation, act) {
    const command = { type: `adaptation.${act}`, command_id: newCommandId(), adaptation_id: adaptation.adaptation_id };
    this.#answered.set(command.command_id, adaptation.adaptation_id);
    this.#view.setAnswer(adaptation.adaptation_id, "sent");
    this.#stream.send(command);
  }

  #takeAnswer(message) {
    if (message.type === "plan") {
      if (message.date === this.#today()) this.#view.setPlan(message.plan);
      return;
    }
    if (message.type === "profile") {
      this.#view.setZone(message.profile.time_zone);
      this.#dateShown = this.#today();
      this.#showPerson();
      return;
    }
    const adaptationId = this.#answered.get(message.command_id);
    if (!adaptationId) return;
    this.#answered.delete(message.command_id);
    this.#view.setAnswer(adaptationId, { ok: message.ok, reason: message.reason });
    setText(byId("announcer"), message.ok ? "Your answer was taken." : refusalOf(message.reason));
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
    // At midnight of the person's zone another day begins, and with it another plan.
    if (this.#dateShown && this.#dateShown !== this.#today()) {
      this.#dateShown = this.#today();
      this.#stream.send({ type: "plan.get", command_id: newCommandId(), date: this.#dateShown });
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

function fragment() {
  return new URLSearchParams(location.hash.slice(1));
}

function showFace(face) {
  const place = byId("face");
  place.replaceChildren(...(face ? [face] : []));
  document.body.classList.toggle("faced", face !== null);
  document.body.classList.remove("starting");
}

/** The token leaves the address bar at once, so that it is not copied or shown along with it. */
function takeToken() {
  const given = fragment();
  const token = given.get("token");
  if (token) {
    sessionStorage.setItem(TOKEN_KEY, token);
    given.delete("token");
    history.replaceState(null, "", given.size ? `#${given}` : location.pathname);
  }
  return token ?? sessionStorage.getItem(TOKEN_KEY);
}

function foldPeopleWhenNarrow() {
  const narrow = matchMedia("(max-width: 859px)");
  const panel = byId("people-panel");
  const fold = () => {
    panel.dataset.folds = narrow.matches;
    panel.open = !narrow.matches;
  };
  narrow.addEventListener("change", fold);
  fold();
}

foldPeopleWhenNarrow();
const token = takeToken();
if (token) new Page(token);
else showFace(noTokenFace());
addEventListener("hashchange", () => {
  if (fragment().has("token")) location.reload();
});

// The adaptations of the day shown: from the welcome and events, whole; where only the plan's own marks tell of a
// change, stored decisions add the evidence.

const DECISIONS_KEPT = 500;
const IN_FORCE = new Set(["applied", "accepted"]);

/** What is known of them, by id. */
export class Adaptations {
  #byId = new Map();
  #decisions = new Map();
  #madeByThemselves = new Set();
  #date = null;
  #marked = new Set();

  /** Take an adaptation as an event or a welcome carries it: whole. */
  take(adaptation) {
    this.#byId.set(adaptation.adaptation_id, adaptation);
    if (adaptation.status === "applied") this.#madeByThemselves.add(adaptation.adaptation_id);
  }

  /**
   * Begin with a whole plan (null: none).
   * @param proposals those that wait for an answer; null: nothing is said of them, so those that wait live on.
   * @param inForce the changes in force, likewise.
   */
  beginPlan(plan, proposals, inForce = null) {
    const known = [...this.#byId.values()];
    const waiting = proposals ?? known.filter((one) => one.status === "proposed");
    const standing = inForce ?? known.filter((one) => IN_FORCE.has(one.status));
    this.#byId = new Map();
    for (const one of [...waiting, ...standing]) this.take(one);
    this.takePlan(plan);
    this.#takeKnownDecisions();
  }

  /** Take the marks in a plan: they tell which changes are in force, though not by which reading. */
  takePlan(plan) {
    this.#date = plan?.date ?? null;
    const marked = plan ? plan.blocks.flatMap((block) => block.tasks).filter((task) => task.adaptation) : [];
    this.#marked = new Set(marked.map((task) => task.adaptation.adaptation_id));
    for (const task of marked) {
      if (!this.#byId.get(task.adaptation.adaptation_id)?.evidence) this.#takeMark(plan, task);
    }
  }

  /** Take stored decisions; tell whether they told anything new. */
  takeDecisions(decisions) {
    for (const decision of decisions) this.#decisions.set(decision.decision_id, decision);
    const oldest = [...this.#decisions.keys()].slice(0, Math.max(0, this.#decisions.size - DECISIONS_KEPT));
    for (const id of oldest) this.#decisions.delete(id);
    return this.#takeKnownDecisions();
  }

  get(id) {
    return this.#byId.get(id) ?? null;
  }

  /** Tell whether a change was made before anybody was asked, rather than proposed. */
  wasMadeByItself(id) {
    return this.#madeByThemselves.has(id);
  }

  /** Return the open proposals and the changes in force at `now`, oldest first. */
  shown(now) {
    const isShown = (one) => (one.status === "proposed" ? Date.parse(one.expires_at) > now : this.#isInForce(one));
    return inOrder([...this.#byId.values()].filter(isShown));
  }

  /** A change of this day is in force while a task bears its mark; of a later day the plan here says nothing. */
  #isInForce({ adaptation_id: id, status, changes }) {
    if (!IN_FORCE.has(status) || this.#date === null) return false;
    return this.#marked.has(id) || changes.some((change) => change.date > this.#date);
  }

  #takeKnownDecisions() {
    return [...this.#decisions.values()].map((decision) => this.#takeDecision(decision)).includes(true);
  }

  /** A decision brings the evidence that a mark lacks, and tells how a change came to be. */
  #takeDecision({ firing_id: id, outcome, evidence, confidence, time }) {
    const isNews = outcome === "applied" && !this.#madeByThemselves.has(id);
    if (isNews) this.#madeByThemselves.add(id);
    const known = this.#byId.get(id);
    if (!known || known.evidence) return isNews;
    this.take({ ...known, evidence, confidence, created_at: time });
    return true;
  }

  #takeMark(plan, task) {
    const { adaptation_id, rule, reason, expires_at, original } = task.adaptation;
    const others = (this.#byId.get(adaptation_id)?.changes ?? []).filter((one) => one.task_id !== task.task_id);
    const change = { date: plan.date, task_id: task.task_id, original: { ...task, ...original }, adapted: task };
    // A mark without a time was accepted for good.
    this.take({
      adaptation_id, rule, reason, expires_at, status: expires_at === null ? "accepted" : "applied",
      kind: kindOf(change), evidence: null, changes: [...others, change],
    });
  }
}

/** Return adaptations in the order in which they were made; those whose moment is not known first. */
export function inOrder(adaptations) {
  return adaptations.sort((one, other) => createdAt(one) - createdAt(other));
}

function createdAt(adaptation) {
  return adaptation.created_at ? Date.parse(adaptation.created_at) : 0;
}

const INTENSITIES = ["easy", "moderate", "high"];

/** A mark in a plan does not carry its rule's kind; more of a task is upgrading, anything else protective. */
function kindOf({ original, adapted }) {
  const longer = adapted.duration_minutes > original.duration_minutes;
  const harder = INTENSITIES.indexOf(adapted.intensity) > INTENSITIES.indexOf(original.intensity);
  return longer || harder ? "upgrading" : "protective";
}

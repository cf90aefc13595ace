// The adaptations of the day shown: from the welcome and events, whole; after a reload what was changed already from
// the plan's own marks, to which stored decisions add the evidence.

const DECISIONS_KEPT = 500;
const SHOWN_STATUSES = new Set(["proposed", "applied", "accepted"]);

/** What is known of them, by id. */
export class Adaptations {
  #byId = new Map();
  #decisions = new Map();

  /** Take an adaptation as an event or a welcome carries it: whole. */
  take(adaptation) {
    this.#byId.set(adaptation.adaptation_id, adaptation);
  }

  /**
   * Begin with a whole plan (null: none).
   * @param proposals those that wait for an answer; null: nothing is said of them, so those that wait live on.
   */
  beginPlan(plan, proposals) {
    const waiting = proposals ?? [...this.#byId.values()].filter((one) => one.status === "proposed");
    this.#byId = new Map();
    for (const one of waiting) this.take(one);
    if (plan) this.takePlan(plan);
    this.#takeKnownDecisions();
  }

  /** Take the marks in a plan: they tell what was changed, though not by which reading. */
  takePlan(plan) {
    for (const task of plan.blocks.flatMap((block) => block.tasks)) {
      if (task.adaptation && !this.#byId.get(task.adaptation.adaptation_id)?.evidence) this.#takeMark(plan, task);
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

  /** Return the open proposals and the changes in force at `now`, oldest first. */
  shown(now) {
    const isOpen = (one) => one.status !== "proposed" || Date.parse(one.expires_at) > now;
    const open = [...this.#byId.values()].filter((one) => SHOWN_STATUSES.has(one.status) && isOpen(one));
    return open.sort((one, other) => createdAt(one) - createdAt(other));
  }

  #takeKnownDecisions() {
    return [...this.#decisions.values()].map((decision) => this.#takeDecision(decision)).includes(true);
  }

  /** A decision brings the evidence that a mark lacks. */
  #takeDecision({ firing_id, evidence, confidence, time }) {
    const known = this.#byId.get(firing_id);
    if (!known || known.evidence) return false;
    this.take({ ...known, evidence, confidence, created_at: time });
    return true;
  }

  #takeMark(plan, task) {
    const { adaptation_id, rule, reason, expires_at, original } = task.adaptation;
    const others = (this.#byId.get(adaptation_id)?.changes ?? []).filter((one) => one.task_id !== task.task_id);
    const change = { date: plan.date, task_id: task.task_id, original: { ...task, ...original }, adapted: task };
    this.take({
      adaptation_id, rule, reason, expires_at, status: "applied", kind: kindOf(change), evidence: null,
      changes: [...others, change],
    });
  }
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

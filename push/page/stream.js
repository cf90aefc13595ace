// One person's stream: hello, welcome, events in order, commands; reconnects by itself and resumes by the last id.

const PAUSE_MS_FIRST = 400;
const PAUSE_MS_MAX = 15_000;
/** A connection that lasted this long was a good one: the next pause is short again. */
const SETTLED_MS = 10_000;
/** A welcome that does not come within this time will not come. */
const WELCOME_MS_MAX = 10_000;

/** Close codes after which coming back with the same hello cannot help (docs/protocol.md). */
const FINAL_CODES = new Set([1003, 4002, 4003, 4004, 4009]);

/** Return how long to wait before attempt number `attempt` (0 first): full jitter, so that a crowd spreads out. */
export function pauseBefore(attempt, random = Math.random) {
  return random() * Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** attempt);
}

/** Compare two event ids by the order of the feed: below 0, 0, above 0. */
export function compareEventIds(one, other) {
  const [oneMs, oneSequence] = one.split("-").map(BigInt);
  const [otherMs, otherSequence] = other.split("-").map(BigInt);
  if (oneMs !== otherMs) return oneMs < otherMs ? -1 : 1;
  return oneSequence === otherSequence ? 0 : oneSequence < otherSequence ? -1 : 1;
}

/** Return an id for a command. `crypto.randomUUID` is missing on plain http beyond this machine. */
export function newCommandId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The connection of one person. It tells its `listener`:
 * state("connecting" | "live" | "waiting" | "refused", {reason}), plan(plan or null, message), event(event), answer(message).
 */
export class Stream {
  #address;
  #token;
  #userId;
  #listener;
  #socket = null;
  #timer = 0;
  #attempt = 0;
  #openedAtMs = 0;
  #lastEventId = null;
  #resuming = false;
  #welcomed = false;
  #refusal = "";
  #closed = false;
  /** Commands that have no answer yet. They go out again after a reconnect; the id makes a repeat harmless. */
  #unanswered = new Map();

  constructor({ address, token, userId, listener }) {
    this.#address = address;
    this.#token = token;
    this.#userId = userId;
    this.#listener = listener;
  }

  /** Connect, now: at the start, or because the network is said to be back. */
  open() {
    if (this.#closed || this.#welcomed) return;
    clearTimeout(this.#timer);
    this.#leave();
    this.#refusal = "";
    this.#resuming = this.#lastEventId !== null;
    this.#openedAtMs = performance.now();
    this.#listener.state("connecting", {});
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    socket.onopen = () => this.#sayHello(socket);
    socket.onmessage = (message) => this.#take(JSON.parse(message.data));
    socket.onclose = (closing) => this.#wait(closing);
    this.#timer = setTimeout(() => this.#wait({ code: 1006 }), WELCOME_MS_MAX);
  }

  /** End for good. */
  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#leave();
  }

  /** Start afresh: what the page knows no longer fits what comes. The answer is a whole plan. */
  startAfresh() {
    this.#lastEventId = null;
    this.#reconnect();
  }

  /** Send a command, now or as soon as there is a connection. Its answer reaches the listener. */
  send(command) {
    this.#unanswered.set(command.command_id, command);
    if (this.#welcomed) this.#socket.send(JSON.stringify(command));
  }

  #sayHello(socket) {
    const hello = { type: "hello", token: this.#token, last_event_id: this.#lastEventId };
    // A person's own token names its person; only a coach's page has to say who is meant.
    if (this.#userId !== null) hello.user_id = this.#userId;
    socket.send(JSON.stringify(hello));
  }

  #take(message) {
    if (message.type === "welcome" || message.type === "resync") this.#takePlan(message);
    else if (message.event_id) this.#takeEvent(message);
    else this.#takeAnswer(message);
  }

  #takePlan(message) {
    clearTimeout(this.#timer);
    const resumed = message.type === "welcome" && this.#resuming;
    this.#lastEventId = message.event_id;
    if (!this.#welcomed) {
      this.#welcomed = true;
      this.#listener.state("live", {});
      for (const command of this.#unanswered.values()) this.#socket.send(JSON.stringify(command));
    }
    // On a resumption the welcome carries no plan: the page has it, and the events since then follow.
    if (!resumed) this.#listener.plan(message.plan, message);
  }

  #takeEvent(event) {
    if (compareEventIds(event.event_id, this.#lastEventId) <= 0) return;
    if (event.previous_id !== this.#lastEventId) {
      // Something between is missing. Resuming brings it, or a resync where it is gone.
      this.#reconnect();
      return;
    }
    this.#lastEventId = event.event_id;
    this.#listener.event(event);
    if (event.type === "command.done") this.#takeAnswer(event);
  }

  #takeAnswer(message) {
    if (message.type === "error" && !message.command_id) this.#refusal = message.reason;
    if (!this.#unanswered.delete(message.command_id)) return;
    const refused = message.type === "error" ? { ok: false } : {};
    this.#listener.answer({ ...message, ...refused });
  }

  #reconnect() {
    if (this.#closed) return;
    this.#leave();
    // Through the timer, with its pause: a server that keeps sending what does not fit is not hammered.
    this.#wait({ code: 1000 });
  }

  #wait(closing) {
    clearTimeout(this.#timer);
    this.#leave();
    if (FINAL_CODES.has(closing.code)) {
      this.#closed = true;
      this.#listener.state("refused", { reason: this.#refusal || `code_${closing.code}` });
      return;
    }
    if (performance.now() - this.#openedAtMs > SETTLED_MS) this.#attempt = 0;
    this.#listener.state("waiting", {});
    this.#timer = setTimeout(() => this.open(), pauseBefore(this.#attempt));
    this.#attempt += 1;
  }

  #leave() {
    this.#welcomed = false;
    const socket = this.#socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // Closed while it is still connecting, a socket would complain on the console.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
    else socket.close();
    this.#socket = null;
  }
}

// What the page asks the server over HTTP.

/** An answer that could not be had: `status` is HTTP's, or 0 where the server did not answer at all. */
export class AnswerError extends Error {
  constructor(status, path) {
    super(`${path}: ${status || "no answer"}`);
    this.name = "AnswerError";
    this.status = status;
  }
}

const ANSWER_MS_MAX = 10_000;

/** Return the JSON answer of a GET with the token. @throws {AnswerError} */
export async function ask(path, token, { signal } = {}) {
  const timeout = AbortSignal.timeout(ANSWER_MS_MAX);
  let response;
  try {
    response = await fetch(path, {
      headers: { Authorization: `Bearer ${token}` },
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new AnswerError(0, path);
  }
  if (!response.ok) throw new AnswerError(response.status, path);
  return response.json();
}

/**
 * Run `visit` again and again, `everyMs` after it ended, until `signal` aborts. Nothing runs while the page is
 * hidden; coming back to it runs at once.
 */
export async function repeat(visit, everyMs, signal) {
  while (!signal.aborted) {
    await shown(signal);
    if (signal.aborted) return;
    await visit();
    await pause(everyMs, signal);
  }
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

function shown(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true });
    signal.addEventListener("abort", resolve, { once: true });
  });
}

// Plans as data: their tasks, what differs between two versions, and rows for the bars.

/** Return a plan's tasks in order of start, times as milliseconds since 1970 UTC. */
export function tasksOf(plan) {
  const tasks = plan.blocks.flatMap((block) => block.tasks);
  return tasks.map(timed).sort((one, other) => one.from - other.from || one.to - other.to);
}

/** Return a task with `from` and `to`, and what it was before an adaptation as `before` (null: unchanged). */
export function timed(task) {
  const from = Date.parse(task.start);
  const original = task.adaptation?.original ?? null;
  const before = original && { ...original, from, to: Date.parse(original.end) };
  return { ...task, from, to: Date.parse(task.end), before };
}

/**
 * Return the adaptation that a task's bar tells of: the one whose mark it bears, or one that is proposed for it;
 * undefined where there is none. `shown` are candidates, the preferred one first.
 */
export function adaptationOf(task, shown, date) {
  const isMeant = ({ adaptation_id: id, status }) => status === "proposed" || task.adaptation?.adaptation_id === id;
  const touches = ({ changes }) => changes.some((change) => change.task_id === task.task_id && change.date === date);
  return shown.find((one) => isMeant(one) && touches(one));
}

/** Return the moment of the plan's first task or block; Infinity where it has none. */
export function firstMoment(plan) {
  const starts = [...plan.blocks, ...plan.blocks.flatMap((block) => block.tasks)].map((one) => Date.parse(one.start));
  return Math.min(Infinity, ...starts);
}

/** Return in words what differs between two versions of a task, such as "50 → 25 min, high → moderate". */
export function differenceOf(before, after) {
  const parts = [];
  if (before.title !== after.title) parts.push(`${before.title} → ${after.title}`);
  if (before.duration_minutes !== after.duration_minutes) {
    parts.push(`${before.duration_minutes} → ${after.duration_minutes} min`);
  }
  if (before.intensity !== after.intensity) parts.push(`${before.intensity} → ${after.intensity}`);
  return parts.join(", ");
}

/**
 * Return the row of each extent {from, to} in px, so that none comes nearer to another of its row than `space`.
 * Each keeps its earlier row if that has room, else takes the first that has.
 */
export function packRows(extents, space, earlierRows = []) {
  const ends = [];
  const rows = [];
  const hasRoom = (row, extent) => (ends[row] ?? -Infinity) + space <= extent.from;
  // From left to right the first row with room is the best there is: no packing needs fewer rows.
  const order = extents.map((_, index) => index).sort((one, other) => extents[one].from - extents[other].from);
  for (const index of order) {
    let row = earlierRows[index] ?? 0;
    if (!hasRoom(row, extents[index])) for (row = 0; !hasRoom(row, extents[index]); row += 1);
    ends[row] = extents[index].to;
    rows[index] = row;
  }
  return rows;
}

/** Return how many tasks have their time behind them. */
export function countOver(plan, now) {
  return plan.blocks.flatMap((block) => block.tasks).filter((task) => Date.parse(task.end) <= now).length;
}

// The day's plan as rounded bars in their blocks. A bar that was changed leaves its old outline behind.

import { element, icon } from "./elements.js";
import { adaptationOf, differenceOf, packRows, tasksOf, timed } from "./plan.js";
import { timeOfDay } from "./clock.js";
import { move } from "./motion.js";

const WIDE = { row: 34, bar: 26, head: 28, labels: true };
const NARROW = { row: 24, bar: 18, head: 28, labels: false };
const SPACE_PX = 10;
const LABEL_GAP_PX = 7;
const BAR_PX_MIN = 8;
const LENGTHENED_MAX = 1.3;
const ICON_PX = 17;

const ruler = document.createElement("canvas").getContext("2d");

/** The bars of one plan. Its places are px from the left and top of its root. */
export class Timeline {
  #root;
  #blocks = element("div", { class: "blocks", "aria-hidden": "true" });
  #bars = element("ol", { class: "bars" });
  #hours = element("div", { class: "hours", "aria-hidden": "true" });
  #drawn = new Map();
  #onChoose;

  constructor(root, { onChoose }) {
    this.#root = root;
    this.#onChoose = onChoose;
    root.append(this.#blocks, this.#bars, this.#hours);
  }

  /**
   * Draw a plan.
   * @param shown the adaptations in force or proposed; `chosen` is the id of the one told about.
   * @param animate whether bars go from where they were to where they are now.
   * @returns the height in px.
   */
  draw(plan, scale, { left, wide, shown, chosen, animate, now }) {
    const form = wide ? WIDE : NARROW;
    const tasks = tasksOf(plan).filter((task) => task.to > scale.from && task.from < scale.to);
    const rows = tasks.map((task) => rowOf(task, scale, form, { shown, now }));
    const earlierRows = tasks.map((task) => this.#drawn.get(task.task_id)?.place);
    const places = packRows(rows.map((row) => row.extent), SPACE_PX, earlierRows);
    rows.forEach((row, index) => {
      row.place = places[index];
      row.top = form.head + places[index] * form.row;
    });
    const kept = new Map();
    for (const row of rows) kept.set(row.task.task_id, this.#drawRow(row, { left, form, chosen, animate }));
    for (const [id, drawn] of this.#drawn) if (!kept.has(id)) drawn.item.remove();
    this.#drawn = kept;
    this.#order([...kept.values()].map((drawn) => drawn.item));
    this.#bars.setAttribute("aria-hidden", String(!wide));
    const height = form.head + form.row * Math.max(1, ...places.map((place) => place + 1)) + 6;
    this.#drawBlocks(plan, scale, left, height);
    this.#drawHours(scale, left);
    this.#root.style.height = `${height + 24}px`;
    return height;
  }

  /** Take everything away: there is no plan. */
  clear() {
    this.#drawn.clear();
    for (const part of [this.#blocks, this.#bars, this.#hours]) part.replaceChildren();
    this.#root.style.height = "";
  }

  /** Return where a task's bar begins, {x, y} at the top of its middle; null if it is not shown. */
  place(taskId) {
    const drawn = this.#drawn.get(taskId);
    if (!drawn) return null;
    const { left, top, width, form } = drawn;
    return { x: left + Math.min(width / 2, 24), y: top + (form.row - form.bar) / 2 };
  }

  #drawRow(row, { left, form, chosen, animate }) {
    const { task, adaptation } = row;
    const earlier = this.#drawn.get(task.task_id);
    const key = JSON.stringify([row, classOf(row, chosen), left, form]);
    // A bar that stays as it is keeps its element, and with it a motion that is still under way.
    if (earlier?.key === key) return earlier;
    const item = element("li", { class: classOf(row, chosen), "data-task-id": task.task_id });
    const isChanged = Boolean(adaptation);
    const handle = element(isChanged ? "button" : "div", { class: "handle", ...(isChanged ? { type: "button" } : {}) });
    const parts = partsOf(row, form);
    handle.append(...[parts.ghost, parts.preview, parts.bar, parts.label].filter(Boolean));
    if (isChanged) {
      handle.addEventListener("click", () => this.#onChoose(adaptation.adaptation_id));
      handle.setAttribute("aria-pressed", String(adaptation.adaptation_id === chosen));
      handle.tabIndex = form.labels ? 0 : -1;
    }
    item.append(handle);
    item.style.transform = `translate(${left + row.bar.x}px, ${row.top}px)`;
    item.style.height = `${form.row}px`;
    const hadFocus = earlier?.item.contains(document.activeElement);
    earlier?.item.replaceWith(item);
    if (!earlier) this.#bars.append(item);
    if (hadFocus) handle.focus();
    const { x, width } = row.bar;
    const { place, top } = row;
    const ghostOf = row.ghost ? adaptation?.kind ?? "protective" : null;
    const drawn = { key, item, form, place, left: left + x, top, width, ghostOf };
    if (animate && earlier) slide(earlier, drawn, parts);
    return drawn;
  }

  /** Put the items in order of start for readers; one that is in its place is not moved, which would end its motion. */
  #order(items) {
    items.forEach((item, index) => {
      if (this.#bars.children[index] !== item) this.#bars.insertBefore(item, this.#bars.children[index] ?? null);
    });
  }

  #drawBlocks(plan, scale, left, height) {
    const blocks = plan.blocks.map((block) => {
      const from = Math.max(0, scale.x(Date.parse(block.start)));
      const to = Math.min(scale.width, scale.x(Date.parse(block.end)));
      if (to <= from) return null;
      const node = element("div", { class: "block" }, element("span", { class: "block-title" }, block.title));
      node.style.left = `${left + from + 1}px`;
      node.style.width = `${to - from - 2}px`;
      node.style.height = `${height}px`;
      return node;
    });
    this.#blocks.replaceChildren(...blocks.filter(Boolean));
  }

  #drawHours(scale, left) {
    const marks = scale.hours().map(({ hour, x }) => {
      const mark = element("span", { class: "hour" }, String(hour).padStart(2, "0"));
      mark.style.left = `${left + x}px`;
      return mark;
    });
    this.#hours.replaceChildren(...marks);
  }
}

/** Return what is drawn of a task: bar, ghost and preview as {x, width}, label, and the extent of it all. */
function rowOf(task, scale, form, { shown, now }) {
  const adaptation = adaptationOf(task, shown, scale.date);
  const span = ({ from, to }) => {
    const x = Math.max(0, scale.x(from));
    return { x, width: Math.max(BAR_PX_MIN, Math.min(scale.width, scale.x(to)) - x) };
  };
  const change = adaptation?.status === "proposed"
    ? adaptation.changes.find((one) => one.task_id === task.task_id) : null;
  const isOver = task.status === "completed" || task.status === "skipped" || (task.to <= now && !adaptation);
  const row = {
    task, adaptation, isOver,
    bar: span(task),
    ghost: task.before && !change ? span(task.before) : null,
    preview: change ? span(timed(change.adapted)) : null,
    lines: isOver ? { title: task.title } : linesOf(task, change, scale.zone),
  };
  const spans = [row.bar, row.ghost, row.preview].filter(Boolean);
  const from = Math.min(...spans.map((one) => one.x));
  const to = Math.max(...spans.map((one) => one.x + one.width));
  row.reach = to - row.bar.x;
  row.extent = { from, to };
  if (form.labels) placeLabel(row, scale, from, Math.max(to, from + row.bar.width * roomFor(task)));
  return row;
}

/** A task that may still be changed keeps room to grow by the most that a rule lengthens it. */
function roomFor(task) {
  return task.status === "upcoming" && !task.locked && !task.before ? LENGTHENED_MAX : 1;
}

/** A label goes right of its bar, or left of it where the day ends too soon. */
function placeLabel(row, scale, from, to) {
  const style = getComputedStyle(document.body).fontFamily;
  ruler.font = `600 13px ${style}`;
  const title = ruler.measureText(row.lines.title).width;
  ruler.font = `12px ${style}`;
  // Room for the longest usual detail is kept from the start: a change must not push other bars to other rows.
  const details = row.isOver ? [] : [row.lines.detail, "00:00 · 00 → 00 min?"];
  const widths = details.map((text) => ruler.measureText(text).width + ICON_PX);
  const width = Math.ceil(Math.max(title + (row.isOver ? ICON_PX : 0), ...widths)) + 4;
  row.isLeft = to + LABEL_GAP_PX + width > scale.width + 12 && from - LABEL_GAP_PX - width > 0;
  row.extent = row.isLeft
    ? { from: from - LABEL_GAP_PX - width, to }
    : { from, to: to + LABEL_GAP_PX + width };
}

/** Return title and detail of a task's label. What is over has no detail: the axis gives its time. */
function linesOf(task, change, zone) {
  const start = timeOfDay(task.from, zone);
  if (change) return { title: change.adapted.title, detail: `${start} · ${shortDifference(task, change.adapted)}?` };
  if (task.before) return { title: task.title, detail: `${start} · ${shortDifference(task.before, task)}` };
  const state = task.status === "started" ? "now" : task.locked ? "locked" : null;
  return { title: task.title, detail: [start, `${task.duration_minutes} min`, state].filter(Boolean).join(" · ") };
}

/** The length is what a bar shows, so it is what its label says; the card says the rest. */
function shortDifference(before, after) {
  if (before.duration_minutes === after.duration_minutes) return differenceOf(before, after);
  return `${before.duration_minutes} → ${after.duration_minutes} min`;
}

function classOf({ task, adaptation, isOver }, chosen) {
  const names = ["task", task.status, `intensity-${task.intensity}`];
  if (isOver) names.push("over");
  if (task.locked) names.push("locked");
  if (adaptation) names.push("changed", adaptation.kind, adaptation.status === "proposed" ? "offered" : "made");
  if (adaptation && adaptation.adaptation_id === chosen) names.push("chosen");
  return names.join(" ");
}

function partsOf(row, form) {
  const outline = (name, span) => {
    if (!span) return null;
    const node = element("span", { class: name });
    size(node, { x: span.x - row.bar.x, width: span.width }, form);
    return node;
  };
  const bar = outline("bar", row.bar);
  return {
    ghost: outline("ghost", row.ghost),
    preview: outline("preview", row.preview),
    bar,
    label: form.labels ? labelOf(row) : null,
  };
}

function size(node, { x, width }, form) {
  node.style.left = `${x}px`;
  node.style.width = `${width}px`;
  node.style.height = `${form.bar}px`;
  node.style.top = `${(form.row - form.bar) / 2}px`;
}

function labelOf(row) {
  const label = element("span", { class: "label" }, titleOf(row));
  if (!row.isOver) {
    const mark = row.adaptation ? icon(row.adaptation.kind) : null;
    label.append(element("span", { class: "detail" }, mark, row.lines.detail));
  }
  if (row.isLeft) {
    label.classList.add("left");
    label.style.right = `calc(100% + ${LABEL_GAP_PX}px)`;
  } else {
    label.style.left = `${row.reach + LABEL_GAP_PX}px`;
  }
  return label;
}

function titleOf({ task, lines, isOver }) {
  const title = element("span", { class: "title" }, task.status === "completed" ? icon("done") : null, lines.title);
  const word = { completed: "done", skipped: "skipped" }[task.status] ?? "over";
  if (isOver) title.append(element("span", { class: "visually-hidden" }, `, ${word}`));
  return title;
}

/** Slide a bar from where it was to where it is. Its old outline fades in behind it; filled again, it fades out. */
function slide(earlier, drawn, parts) {
  const dx = earlier.left - drawn.left;
  const dy = earlier.top - drawn.top;
  if (dx || dy) {
    const rest = drawn.item.style.transform;
    move(drawn.item, [{ transform: `${rest} translate(${dx}px, ${dy}px)` }, { transform: rest }]);
  }
  if (earlier.width !== drawn.width) {
    move(parts.bar, [{ width: `${earlier.width}px` }, { width: `${drawn.width}px` }]);
  }
  if (parts.ghost && !earlier.ghostOf) move(parts.ghost, [{ opacity: 0 }, { opacity: 1 }]);
  if (earlier.ghostOf && !parts.ghost) letGhostGo(parts.bar, earlier.ghostOf);
}

/** The outline of what a task was stays until its bar has come back into it. */
function letGhostGo(bar, kind) {
  const ghost = bar.cloneNode();
  ghost.className = `ghost leaving ${kind}`;
  const motion = move(ghost, [{ opacity: 1 }, { opacity: 0 }]);
  if (!motion) return;
  bar.before(ghost);
  motion.finished.finally(() => ghost.remove());
}

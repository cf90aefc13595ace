// The same plan as a list, where the screen is too narrow for words beside the bars.

import { element, icon } from "./elements.js";
import { adaptationOf, differenceOf, tasksOf } from "./plan.js";
import { timeOfDay } from "./clock.js";

const STATUS_WORDS = { started: "now", completed: "done", skipped: "skipped", upcoming: "" };

/** Draw the list of a plan's tasks into `root`; a changed one is a button that shows its reason. */
export function drawAgenda(root, plan, scale, { shown, chosen, onChoose }) {
  const focused = root.contains(document.activeElement) ? document.activeElement.dataset.taskId : null;
  const items = tasksOf(plan).map((task) => {
    const adaptation = adaptationOf(task, shown, scale.date);
    return element("li", { class: `entry ${task.status}` }, rowOf(task, adaptation, scale, { chosen, onChoose }));
  });
  root.replaceChildren(...items);
  if (focused) root.querySelector(`button[data-task-id="${focused}"]`)?.focus();
}

function rowOf(task, adaptation, scale, { chosen, onChoose }) {
  const parts = [
    element("span", { class: "when" }, timeOfDay(task.from, scale.zone)),
    element("span", { class: "what" }, task.title),
    element("span", { class: "detail" }, ...detailOf(task, adaptation)),
  ];
  if (!adaptation) return element("div", { class: "entry-row" }, ...parts);
  const pressed = String(adaptation.adaptation_id === chosen);
  const button = element(
    "button",
    { type: "button", class: `entry-row changed ${adaptation.kind}`, "aria-pressed": pressed, "data-task-id": task.task_id },
    ...parts,
  );
  button.addEventListener("click", () => onChoose(adaptation.adaptation_id));
  return button;
}

function detailOf(task, adaptation) {
  if (adaptation?.status === "proposed") {
    const change = adaptation.changes.find((one) => one.task_id === task.task_id);
    return [icon(adaptation.kind), `${differenceOf(task, change.adapted)}?`];
  }
  if (task.before) return [icon(adaptation?.kind ?? "protective"), differenceOf(task.before, task)];
  const words = [`${task.duration_minutes} min`, STATUS_WORDS[task.status] || (task.locked ? "locked" : task.intensity)];
  return [words.join(" · ")];
}

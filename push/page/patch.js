// RFC 6902 (JSON Patch): the operations that plans are changed with: test, add, replace, remove.

/** A patch that does not fit its document. Nothing of it has been applied. */
export class PatchError extends Error {
  constructor(operation, why) {
    super(`${operation.op ?? "operation"} ${JSON.stringify(operation.path ?? null)}: ${why}`);
    this.name = "PatchError";
    this.operation = operation;
  }
}

/**
 * Return the document with all operations applied; the one given stays as it is.
 * @throws {PatchError} one operation does not fit; then none is applied.
 */
export function applyPatch(document, operations) {
  // The copy hangs in a box, so that the whole document (path "") has a parent like everything else.
  const box = { document: structuredClone(document) };
  for (const operation of operations) applyOperation(box, operation);
  return box.document;
}

/** Tell whether two JSON values are equal; objects whatever the order of their keys (RFC 6902, 4.6). */
function isEqual(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isEqual(one[key], other[key]))
  );
}

function applyOperation(box, operation) {
  const steps = stepsOf(operation);
  const last = steps.pop();
  let parent = box;
  for (const step of steps) parent = childOf(parent, step, operation);
  if (typeof parent !== "object" || parent === null) throw new PatchError(operation, "its parent holds nothing");
  if (operation.op === "remove") return removeAt(parent, last, operation);
  if (!Object.hasOwn(operation, "value")) throw new PatchError(operation, "has no value");
  if (operation.op === "add") return addAt(parent, last, operation);
  const present = childOf(parent, last, operation);
  if (operation.op === "replace") return put(parent, last, structuredClone(operation.value));
  if (operation.op !== "test") throw new PatchError(operation, "is not test, add, replace or remove");
  if (!isEqual(present, operation.value)) throw new PatchError(operation, "the value there is another");
  return undefined;
}

/** RFC 6901: "" is the whole document, "~1" a slash, "~0" a tilde. */
function stepsOf(operation) {
  const { path } = operation;
  if (typeof path !== "string" || (path !== "" && path[0] !== "/")) throw new PatchError(operation, "is no path");
  if (/~(?![01])/.test(path)) throw new PatchError(operation, "has a stray tilde");
  const steps = path.split("/").slice(1);
  return ["document", ...steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))];
}

function childOf(parent, step, operation) {
  const there = typeof parent === "object" && parent !== null && isKeyOf(parent, step);
  if (!there) throw new PatchError(operation, "there is nothing at this place");
  return parent[step];
}

function isKeyOf(parent, step) {
  // An array's own keys include "length"; only its indexes count.
  return Array.isArray(parent) ? isIndex(step) && Number(step) < parent.length : Object.hasOwn(parent, step);
}

function isIndex(step) {
  return /^(0|[1-9]\d*)$/.test(step);
}

function addAt(parent, step, operation) {
  const value = structuredClone(operation.value);
  if (!Array.isArray(parent)) return put(parent, step, value);
  const index = step === "-" ? parent.length : Number(step);
  if (step !== "-" && !(isIndex(step) && index <= parent.length)) {
    throw new PatchError(operation, "is outside the array");
  }
  parent.splice(index, 0, value);
  return undefined;
}

function removeAt(parent, step, operation) {
  childOf(parent, step, operation);
  if (Array.isArray(parent)) parent.splice(Number(step), 1);
  else delete parent[step];
}

function put(parent, step, value) {
  // Defined, not assigned: a key named __proto__ is data like any other.
  Object.defineProperty(parent, step, { value, writable: true, enumerable: true, configurable: true });
}

// Motion: at most 400 ms, and none where the person asked for none.

const MOTION_MS = 380;
const EASING = "cubic-bezier(0.22, 0.8, 0.26, 1)";
const reduced = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * Let an element go through keyframes; it rests in the state that the page gave it.
 * @returns the motion, null where there is none.
 */
export function move(node, keyframes) {
  return reduced.matches ? null : node.animate(keyframes, { duration: MOTION_MS, easing: EASING });
}

// What stands where there is nothing to show: why, and the next step.

import { element, icon } from "./elements.js";

/** The address carried no token. */
export function noTokenFace() {
  return face("key", "This page needs its token", [
    "Open the address that daybeat demo or daybeat up printed: it ends in #token=…",
    ["For a person of your own, make one: ", code("daybeat token USER")],
  ]);
}

/** The server does not accept the token. */
export function refusedFace(reason) {
  const why = {
    token_expired: "The token's time is over.",
    not_allowed: "The token does not allow this person.",
    code_4009: "The token's time is over.",
    code_4004: "The token does not allow this person.",
  };
  return face("key", "The token is not accepted", [
    why[reason] ?? "The server did not recognise it.",
    ["Make a new one with ", code("daybeat token USER"), " and open the page with #token=… at its end."],
  ]);
}

/** Nobody has sent anything yet. */
export function nobodyFace() {
  return face("people", "Nobody here yet", [
    "A person appears with the first reading that a device publishes.",
    ["Try it: ", code(`mosquitto_pub -p PORT -q 1 -t v1/ada/watch/readings -m '{"heart_rate_bpm":64}'`)],
  ]);
}

/** The day has no plan. */
export function noPlanFace(userId) {
  return face("plan", "No plan for this day", [
    "Readings are followed all the same; there is just nothing to change yet.",
    ["Put one: ", code(`daybeat plan put ${userId} plan.json`)],
  ]);
}

/** The day has no readings. */
export function noReadingsFace() {
  return face("pulse", "Not worn yet today", ["The curves begin with the first reading of this day."]);
}

/** The day's readings could not be had: they may exist all the same. */
export function readingsAwayFace() {
  return face("offline", "The readings cannot be had just now", [
    "The store of readings does not answer. The plan goes on without it, and the page keeps asking.",
    ["See what is wrong: ", code("daybeat doctor")],
  ]);
}

/** The server does not answer, and never has. */
export function noServerFace() {
  return face("offline", "The server does not answer", [
    "The page keeps trying and goes on by itself once it is back.",
    ["See what is wrong: ", code("daybeat doctor")],
  ]);
}

function face(name, title, lines) {
  const texts = lines.map((line) => element("p", {}, ...(Array.isArray(line) ? line : [line])));
  return element("div", { class: "face" }, icon(name), element("h3", {}, title), ...texts);
}

function code(text) {
  return element("code", {}, text);
}

// What a screen reader is told when a change comes, goes, or asks for an answer.

import { effectOf } from "./card.js";

const VERBS = {
  proposed: "A change is proposed for",
  applied: "The plan changed for",
  accepted: "The change stays for",
  undone: "The change was taken back for",
  expired: "The time of a change is over for",
  declined: "The plan stays as it was for",
  noted: "A rule noted something for",
};

/** Return the sentences for an adaptation that an event tells of. */
export function newsOf(adaptation, name, date) {
  const effect = adaptation.status === "undone" || adaptation.status === "expired" ? "" : effectOf(adaptation, date);
  return [`${VERBS[adaptation.status]} ${name}.`, adaptation.reason, effect].filter(Boolean).join(" ");
}

// Draws turns: plain words, open proposals, what is taken out and what was left.
import { make, t } from "./words.js";

export const FIELDS = ["id", "turn", "start", "end", "kind", "source", "confidence", "verdict", "placeholder"];
const WORD = /[\p{L}\p{N}]+(?:[-'’.@_/][\p{L}\p{N}]+)*/gu;

export function readMasks(rows) {
  return rows.map((row) => Object.fromEntries(FIELDS.map((name, n) => [name, row[n]])));
}

// Cuts a turn's text at its masks. Rejected masks give way to others.
export function pieces(text, masks) {
  const strength = { yes: 0, open: 1, no: 2 };
  const chosen = [];
  for (const mask of [...masks].sort((a, b) => strength[a.verdict] - strength[b.verdict] || b.id - a.id)) {
    if (!chosen.some((other) => mask.start < other.end && other.start < mask.end)) chosen.push(mask);
  }
  chosen.sort((a, b) => a.start - b.start);
  const cut = [];
  let at = 0;
  for (const mask of chosen) {
    if (mask.start > at) cut.push({ start: at, end: mask.start, mask: null });
    cut.push({ start: mask.start, end: mask.end, mask });
    at = mask.end;
  }
  if (at < text.length) cut.push({ start: at, end: text.length, mask: null });
  return cut;
}

export function wordsIn(text) {
  return [...text.matchAll(WORD)].map((found) => ({ start: found.index, end: found.index + found[0].length }));
}

// JavaScript counts UTF-16 units, the server code points. Texts beyond the basic plane are rare
// but must not shift a mask.
export function toUnits(text, point) {
  if (!/[\u{10000}-\u{10FFFF}]/u.test(text)) return point;
  return [...text].slice(0, point).join("").length;
}

export function toPoints(text, unit) {
  return [...text.slice(0, unit)].length;
}

export function clockText(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function turnElement(turn, number, view) {
  const classes = ["turn", turn.speaker];
  if (view.here) classes.push("here");
  if (view.away) classes.push("away");
  const said = make("div", { class: "said" });
  for (const piece of pieces(turn.text, view.masks)) said.append(...drawn(turn.text, piece, view));
  return make(
    "div",
    { class: classes.join(" "), id: `turn-${number}`, "data-turn": number, role: "option", "aria-selected": String(Boolean(view.here)) },
    make("div", { class: "at" }, clockText(turn.start_s)),
    make("div", { class: "speaker" }, t(`speaker_${turn.speaker}`)),
    said,
    make("div", { class: "seen", "aria-hidden": "true" }, view.seen ? "✓" : ""),
  );
}

function drawn(text, piece, view) {
  const { mask } = piece;
  if (mask === null) return words(text, piece, view);
  const here = view.mask === mask.id ? " here" : "";
  const attributes = { class: `m ${mask.verdict} k-${mask.kind}${here}`, "data-mask": mask.id, "data-start": piece.start };
  if (mask.verdict !== "yes") return [make("span", attributes, ...words(text, piece, view))];
  const hidden = text.slice(piece.start, piece.end);
  const shown = view.clean ? [] : [make("del", {}, hidden)];
  if (!view.here && !view.clean) shown.length = 0;
  return [make("span", { ...attributes, title: view.clean ? "" : hidden }, ...shown, mask.placeholder)];
}

// Only the turn in hand has its words apart: six hundred turns of them would be slow.
function words(text, piece, view) {
  const part = text.slice(piece.start, piece.end);
  if (!view.here) return [make("span", { "data-start": piece.start }, part)];
  const found = [];
  let at = 0;
  for (const word of wordsIn(part)) {
    if (word.start > at) found.push(make("span", { "data-start": piece.start + at }, part.slice(at, word.start)));
    const start = piece.start + word.start;
    found.push(make("span", { class: "w", "data-start": start, "data-end": piece.start + word.end }, part.slice(word.start, word.end)));
    at = word.end;
  }
  if (at < part.length) found.push(make("span", { "data-start": piece.start + at }, part.slice(at)));
  return found;
}

// When a place of a turn was said. A piece of several words that has one time is gone through by
// share of letters.
const isPiece = (turn, start, end) => turn.text.slice(start, end).includes(" ");

export function momentOf(turn, at) {
  const timed = turn.words.filter(([start]) => start <= at).at(-1) ?? turn.words[0];
  if (!timed) return turn.start_s;
  const [start, end, start_s, end_s] = timed;
  if (!isPiece(turn, start, end)) return start_s;
  const share = Math.min(1, Math.max(0, (at - start) / (end - start)));
  return start_s + share * (end_s - start_s);
}

export function placeAt(turn, moment) {
  const timed = turn.words.find(([, , start_s, end_s]) => moment >= start_s && moment < end_s);
  if (!timed) return -1;
  const [start, end, start_s, end_s] = timed;
  if (!isPiece(turn, start, end)) return start;
  return Math.round(start + ((moment - start_s) / (end_s - start_s)) * (end - start));
}

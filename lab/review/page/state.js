// What is in hand, and what the server said last. Acts go one after another.
import { drawTop, drawTurns } from "./reading.js";
import { act, Fault, get, Lost, Refused, Stale } from "./server.js";
import { showStep } from "./steps.js";
import { readMasks, toUnits } from "./turns.js";
import { t } from "./words.js";

export const by = (id) => document.getElementById(id);

export const desk = {
  kinds: [], reviewer: "", list: [], chosen: 0,
  session: null, view: null, masks: [], ofTurn: new Map(), read: new Set(), drawn: new Set(), looked: new Set(),
  sound: null, step: "read", turn: 0, mask: null, from: null, to: null, leaks: [], leak: 0, drawnAs: [],
};
let waiting = Promise.resolve();

let noteTimer = 0;
export function note(text, bad = false) {
  clearTimeout(noteTimer);
  by("note").textContent = text;
  by("note").className = bad ? "bad" : "";
  by("note").hidden = !text;
  if (text && !bad) noteTimer = setTimeout(() => note(""), 6000);
}

// One act after another, in the order of the keys; a key pressed meanwhile is not lost.
export function inTurn(work) {
  waiting = waiting.then(work).catch(async (error) => {
    if (error instanceof Stale) {
      await reload();
      note(t("stale"), true);
    } else if (error instanceof Lost) note(t("lost"), true);
    else if (error instanceof Fault) note(t("fault"), true);
    else if (error instanceof Refused) note(error.message, true);
    else throw error;
  });
  return waiting;
}

export async function reload() {
  if (!desk.session) return;
  const view = await get(`api/session/${desk.session}`);
  take(view);
  if (isReading()) drawTurns();
  else await showStep(desk.step);
}

export function take(state) {
  Object.assign(desk.view, { version: state.version, signed: state.signed, can_undo: state.can_undo, waived: state.waived });
  desk.masks = readMasks(state.masks);
  desk.ofTurn = new Map();
  for (const mask of desk.masks) {
    const text = desk.view.turns[mask.turn].text;
    mask.start = toUnits(text, mask.start);
    mask.end = toUnits(text, mask.end);
    if (!desk.ofTurn.has(mask.turn)) desk.ofTurn.set(mask.turn, []);
    desk.ofTurn.get(mask.turn).push(mask);
  }
  desk.read = new Set(state.read);
  desk.drawn = new Set(state.drawn);
  desk.looked = new Set(state.looked);
  if (desk.mask !== null && !desk.masks.some((mask) => mask.id === desk.mask)) desk.mask = null;
  drawTop();
}

export async function doing(wish) {
  if (desk.view.signed && !["reopen", "protect"].includes(wish.do)) { note(t("signed_read_only"), true); return; }
  const before = new Set(desk.drawn);
  take(await act(desk.session, { version: desk.view.version, ...wish }));
  if (desk.drawn.size > before.size && before.size) note(t("look_more"));
}

export const isReading = () => desk.step === "read" || desk.step === "look";
export const masksOf = (turn) => desk.ofTurn.get(turn) ?? [];
export const openOf = (turn) => masksOf(turn).filter((mask) => mask.verdict === "open").sort((a, b) => a.start - b.start);
export const nOpen = () => desk.masks.filter((mask) => mask.verdict === "open").length;
export const toLook = () => [...desk.drawn].filter((turn) => !desk.looked.has(turn)).sort((a, b) => a - b);
export const maskInHand = () => desk.masks.find((mask) => mask.id === desk.mask) ?? null;
export const readAll = () => desk.read.size === desk.view.turns.length && nOpen() === 0;

export function stepToDo() {
  if (desk.view.signed) return "sign";
  if (!readAll()) return "read";
  return toLook().length || !desk.drawn.size ? "look" : "leaks";
}

export function firstToDo() {
  if (desk.step === "look") return { turn: toLook()[0] ?? 0, mask: null };
  for (let turn = 0; turn < desk.view.turns.length; turn += 1) {
    const open = openOf(turn);
    if (open.length || !desk.read.has(turn)) return { turn, mask: open[0]?.id ?? null };
  }
  return { turn: desk.view.turns.length - 1, mask: null };
}

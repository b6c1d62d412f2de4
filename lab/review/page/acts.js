// What a key does about the transcript in hand.
import { drawTurns, goTo, onward } from "./reading.js";
import { desk, doing, isReading, maskInHand, note, openOf, readAll, toLook } from "./state.js";
import { leave, showStep, takeLeak } from "./steps.js";
import { toPoints } from "./turns.js";
import { t } from "./words.js";

export async function enter() {
  if (desk.step === "look") { await lookedAt(); return; }
  if (desk.step === "leaks") { await leave(); return; }
  if (desk.step === "sign") return;
  const mask = maskInHand();
  if (mask && mask.verdict === "no") {
    await doing({ do: "decide", mask: mask.id, yes: true });
    goTo(desk.turn, mask.id);
    return;
  }
  const open = openOf(desk.turn);
  if (open.length) {
    const chosen = mask && mask.verdict === "open" ? mask : open[0];
    await doing({ do: "decide", mask: chosen.id, yes: true });
    const next = openOf(desk.turn)[0];
    goTo(desk.turn, next ? next.id : null);
  } else if (readAll()) await showStep("look");
  else {
    if (!desk.read.has(desk.turn)) await doing({ do: "turn", turn: desk.turn });
    onward();
  }
}

export async function acceptTurn() {
  if (desk.step === "look") { await lookedAt(); return; }
  if (desk.step !== "read") return;
  await doing({ do: "turn", turn: desk.turn });
  onward();
}

export async function reject() {
  const mask = maskInHand();
  if (!mask) return;
  await doing({ do: "decide", mask: mask.id, yes: false });
  goTo(desk.turn, openOf(desk.turn)[0]?.id ?? null);
}

export async function everywhere(yes) {
  const mask = maskInHand();
  if (!mask) return;
  await doing({ do: "everywhere", mask: mask.id, yes });
  note(t("everywhere"));
  goTo(desk.turn, openOf(desk.turn)[0]?.id ?? null);
}

export async function markAs(n) {
  const kind = desk.kinds[n];
  if (!kind) return;
  if (desk.step === "leaks") { await takeLeak(kind); return; }
  const mask = maskInHand();
  const turn = desk.turn;
  const [start, end] = desk.from !== null ? [desk.from, desk.to] : mask ? [mask.start, mask.end] : [null, null];
  if (start === null) return;
  await mark(turn, start, end, kind);
  goTo(turn, openOf(turn)[0]?.id ?? null);
}

export async function mark(turn, start, end, kind) {
  const { text } = desk.view.turns[turn];
  await doing({ do: "mark", turn, start: toPoints(text, start), end: toPoints(text, end), kind });
}

export async function undo() {
  if (!desk.view.can_undo) { note(t("nothing")); return; }
  await doing({ do: "undo" });
  note(t("undone"));
  if (isReading()) drawTurns();
  else await showStep(desk.step);
}

export async function lookedAt() {
  if (!toLook().length) { await showStep(readAll() && desk.drawn.size ? "leaks" : "look"); return; }
  if (toLook().includes(desk.turn)) await doing({ do: "look", turn: desk.turn });
  const next = toLook().find((turn) => turn > desk.turn) ?? toLook()[0];
  if (next !== undefined) goTo(next);
  else { drawTurns(); note(t("look_done")); }
}

// Draws the transcript, moves through it, chooses words.
import { enter, everywhere, markAs, reject } from "./acts.js";
import { listen } from "./hearing.js";
import { by, desk, inTurn, isReading, maskInHand, masksOf, nOpen, note, openOf, readAll, toLook } from "./state.js";
import { showStep } from "./steps.js";
import { clockText, turnElement, wordsIn } from "./turns.js";
import { make, spoken, t } from "./words.js";

export const STEPS = ["read", "look", "leaks", "sign"];
export const DIGIT_NAMES = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "−", "="];

export function drawTop() {
  by("title").replaceChildren(`${t("client")} ${desk.view.client}`, make("small", {}, desk.session.slice(0, 8)));
  const done = { read: readAll(), look: readAll() && desk.drawn.size > 0 && !toLook().length, leaks: desk.view.signed, sign: desk.view.signed };
  by("steps").replaceChildren(...STEPS.map((step) =>
    make("li", {}, make("button", {
      class: [step === desk.step ? "on" : "", done[step] ? "done" : ""].join(" "), tabindex: "-1",
      onclick: () => inTurn(() => showStep(step)),
    }, t(`step_${step}`)))));
  const n = desk.view.turns.length;
  by("progress").firstElementChild.style.width = `${(100 * desk.read.size) / n}%`;
  by("progress").lastElementChild.textContent = t("read_of", { n: desk.read.size, all: n, open: nOpen() });
}

export function viewOf(turn) {
  const clean = desk.step === "look";
  const away = clean && !desk.drawn.has(turn);
  const seen = clean ? desk.looked.has(turn) : desk.read.has(turn);
  const here = turn === desk.turn;
  return { masks: masksOf(turn), here, mask: here ? desk.mask : null, seen, away, clean };
}

// Only what changed is drawn again, so that nothing moves under the reader's eyes.
export function drawTurns() {
  const text = by("text");
  if (desk.drawnAs.length !== desk.view.turns.length) {
    text.replaceChildren();
    desk.drawnAs = desk.view.turns.map(() => "");
    const all = document.createDocumentFragment();
    desk.view.turns.forEach((_, number) => all.append(make("div", { id: `turn-${number}` })));
    text.append(all);
  }
  desk.view.turns.forEach((turn, number) => {
    const view = viewOf(number);
    const as = JSON.stringify(view) + spoken();
    if (as === desk.drawnAs[number]) return;
    desk.drawnAs[number] = as;
    by(`turn-${number}`).replaceWith(turnElement(turn, number, view));
  });
  drawChosen();
  drawNow();
}

export function drawChosen() {
  for (const word of by(`turn-${desk.turn}`)?.querySelectorAll(".w") ?? []) {
    const start = Number(word.dataset.start);
    const end = Number(word.dataset.end);
    const inside = desk.from !== null && start < desk.to && desk.from < end;
    word.classList.toggle("chosen", inside);
  }
}

export function choice(key, text, work, main = false) {
  return make("button", { class: main ? "main" : "", tabindex: "-1", onclick: work }, make("kbd", {}, key), text);
}

export function drawNow() {
  const turn = desk.view.turns[desk.turn];
  const mask = maskInHand();
  const chosen = desk.from === null ? "" : turn.text.slice(desk.from, desk.to);
  const now = by("now");
  now.replaceChildren();
  if (chosen) {
    now.append(make("div", { class: "caption" }, t("now_chosen")), make("div", { class: "what" }, chosen),
      make("div", { class: "choices" }, choice("1 … =", t("do_mark"), () => {}, true)));
  } else if (mask) {
    const caption = { open: "now_proposal", yes: "now_yes", no: "now_no" }[mask.verdict];
    now.append(make("div", { class: "caption" }, t(caption)), make("div", { class: "what" }, turn.text.slice(mask.start, mask.end)),
      make("span", { class: `kind k-${mask.kind}` }, t(`kind_${mask.kind}`)),
      make("div", { class: "why" }, `${t("instead", { text: mask.placeholder })} · ${t(`source_${mask.source}`)}, ${t("sure", { n: Math.round(mask.confidence * 100) })}`));
    if (!desk.view.signed) now.append(make("div", { class: "choices" },
      choice("Enter", t("do_yes"), () => inTurn(enter), true), choice("⌫", t("do_no"), () => inTurn(() => reject())),
      choice("G", t("do_all"), () => inTurn(() => everywhere(true))), choice("Shift G", t("do_all_no"), () => inTurn(() => everywhere(false)))));
  } else {
    now.append(make("div", { class: "caption" }, `${t("now_turn")} ${desk.turn + 1}`), make("div", { class: "why" }, t("now_turn_hint")),
      make("div", { class: "choices" }, choice("Enter", t("do_next"), () => inTurn(enter), true)));
  }
}

export function drawSide() {
  by("kinds").replaceChildren(make("h2", {}, t("mark_as")), make("div", { class: "grid" }, ...desk.kinds.map((kind, n) =>
    make("button", { class: `k-${kind}`, tabindex: "-1", onclick: () => inTurn(() => markAs(n)) }, make("kbd", {}, DIGIT_NAMES[n]), t(`kind_${kind}`)))));
  const keys = [["↑ ↓", "key_turns"], ["Tab", "key_next"], ["A", "key_turn"], ["← →", "key_words"], ["␣", "key_play"], ["U", "key_undo"], ["P", "key_words_list"], ["?", "key_help"]];
  by("keys").replaceChildren(make("h2", {}, t("keys")), make("dl", {}, ...keys.flatMap(([key, word]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, t(word))])));
  by("play").textContent = t(desk.sound?.playing ? "stop" : "play");
  by("back").textContent = t("back");
  by("language").textContent = t("other");
  by("who").textContent = desk.reviewer;
}


export function goTo(turn, mask = null) {
  desk.turn = Math.max(0, Math.min(desk.view.turns.length - 1, turn));
  desk.mask = mask;
  desk.from = desk.to = null;
  drawTurns();
  keepInSight();
  const { start_s, end_s } = desk.view.turns[desk.turn];
  desk.sound.show(start_s, end_s);
  by("clock").textContent = `${clockText(start_s)} / ${clockText(desk.view.sound_s)}`;
}

// The turn in hand stays at one height of the window, so that the eye need not look for it.
export function keepInSight() {
  const text = by("text");
  const box = by(`turn-${desk.turn}`).getBoundingClientRect();
  const frame = text.getBoundingClientRect();
  text.scrollTop += box.top - frame.top - Math.round(frame.height * 0.3);
}

export function goToTurn(step) {
  if (desk.step === "look") {
    const drawn = [...desk.drawn].sort((a, b) => a - b);
    const next = step > 0 ? drawn.find((turn) => turn > desk.turn) : drawn.findLast((turn) => turn < desk.turn);
    if (next !== undefined) goTo(next);
    return;
  }
  const turn = Math.max(0, Math.min(desk.view.turns.length - 1, desk.turn + step));
  goTo(turn, openOf(turn)[0]?.id ?? null);
}

export function goToMask(step) {
  const open = desk.masks.filter((mask) => mask.verdict === "open").sort((a, b) => a.turn - b.turn || a.start - b.start);
  const inHand = maskInHand();
  const here = [desk.turn, inHand ? inHand.start : -1];
  const after = ({ turn, start }) => (turn - here[0] || start - here[1]) * step > 0;
  const next = step > 0 ? open.find(after) : open.findLast(after);
  if (next) goTo(next.turn, next.id);
}

export function onward() {
  const open = openOf(desk.turn);
  if (open.length) { goTo(desk.turn, open[0].id); return; }
  const n = desk.view.turns.length;
  for (let k = 1; k <= n; k += 1) {
    const turn = (desk.turn + k) % n;
    if (!desk.read.has(turn) || openOf(turn).length) { goTo(turn, openOf(turn)[0]?.id ?? null); return; }
  }
  goTo(desk.turn);
  note(`${t("all_read")} ${t("all_read_more")}`);
}


export function moveWord(step, extend) {
  const { text } = desk.view.turns[desk.turn];
  const words = wordsIn(text);
  if (!words.length) return;
  const edge = step > 0 ? desk.to : desk.from;
  const mask = maskInHand();
  let at = desk.from === null ? (mask ? words.findIndex((word) => word.end > mask.start) - step : step > 0 ? -1 : words.length) : words.findIndex((word) => (step > 0 ? word.end === edge : word.start === edge));
  at = Math.max(0, Math.min(words.length - 1, at + step));
  if (!extend || desk.from === null) [desk.from, desk.to] = [words[at].start, words[at].end];
  else if (step > 0) desk.to = words[at].end;
  else desk.from = words[at].start;
  drawChosen();
  drawNow();
}

export function offsetIn(node, offset) {
  const holder = (node.nodeType === Node.TEXT_NODE ? node.parentElement : node).closest("[data-start]");
  const turn = holder?.closest(".turn");
  if (!turn) return null;
  const start = Number(holder.dataset.start);
  const plain = node.nodeType === Node.TEXT_NODE && !holder.classList.contains("yes");
  return { turn: Number(turn.dataset.turn), at: start + (plain ? offset : 0) };
}

export function chooseSelected() {
  const picked = window.getSelection();
  if (!picked || picked.isCollapsed) return false;
  const range = picked.getRangeAt(0);
  const first = offsetIn(range.startContainer, range.startOffset);
  const last = offsetIn(range.endContainer, range.endOffset);
  if (!first || !last || first.turn !== last.turn || last.at <= first.at) return false;
  const words = wordsIn(desk.view.turns[first.turn].text).filter((word) => word.start < last.at && first.at < word.end);
  if (!words.length) return false;
  picked.removeAllRanges();
  if (first.turn !== desk.turn) goTo(first.turn);
  [desk.from, desk.to, desk.mask] = [words[0].start, words.at(-1).end, null];
  drawTurns();
  return true;
}

export function clicked(event) {
  const element = event.target.closest(".turn");
  if (!element || !isReading() || chooseSelected()) return;
  const turn = Number(element.dataset.turn);
  const mask = event.target.closest("[data-mask]");
  if (mask) { goTo(turn, Number(mask.dataset.mask)); return; }
  const caret = document.caretRangeFromPoint?.(event.clientX, event.clientY);
  const place = caret ? offsetIn(caret.startContainer, caret.startOffset) : null;
  const inSaid = event.target.closest(".said");
  if (turn !== desk.turn) goTo(turn, openOf(turn)[0]?.id ?? null);
  if (!place || !inSaid) return;
  const word = wordsIn(desk.view.turns[turn].text).find((one) => one.start <= place.at && place.at <= one.end);
  if (word) { [desk.from, desk.to] = [word.start, word.end]; drawChosen(); drawNow(); }
  listen(word ? word.start : place.at);
}

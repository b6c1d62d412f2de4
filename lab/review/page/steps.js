// The steps after reading: second look, leak test, signature.
import { choice, drawTop, goTo } from "./reading.js";
import { get } from "./server.js";
import { by, desk, doing, firstToDo, inTurn, isReading, masksOf, note, toLook } from "./state.js";
import { toPoints, toUnits } from "./turns.js";
import { make, t } from "./words.js";

export async function showStep(step) {
  desk.sound.stop();
  note("");
  by("kinds").hidden = step === "sign";
  desk.step = step;
  drawTop();
  if (isReading()) {
    if (step === "look" && !desk.drawn.size) { desk.step = "read"; drawTop(); note(t("look_wait"), true); }
    desk.drawnAs = [];
    const first = firstToDo();
    goTo(first.turn, desk.step === "read" ? first.mask : null);
    if (desk.step === "look" && toLook().length) note(t("look_text"));
  } else {
    desk.drawnAs = [];
    const told = await get(`api/session/${desk.session}/leaks`);
    desk.leaks = told.leaks;
    desk.leak = Math.min(desk.leak, Math.max(0, desk.leaks.length - 1));
    by("text").scrollTop = 0;
    if (step === "leaks") drawLeaks();
    else drawSign(told);
  }
  by("text").focus({ preventScroll: true });
}

export function drawLeaks() {
  const text = by("text");
  const top = text.scrollTop;
  const rows = desk.leaks.map((leak, n) => leakRow(leak, n));
  text.replaceChildren(make("div", { class: "panel" }, make("h2", {}, t("leaks_title")), make("p", {}, desk.leaks.length ? t("leaks_text") : t("leaks_none"))), ...rows);
  text.scrollTop = top;
  if (desk.leak > 0) text.querySelector(".leak.here")?.scrollIntoView({ block: "nearest" });
  const leak = desk.leaks[desk.leak];
  if (leak) { desk.turn = leak.turn; desk.sound.show(desk.view.turns[leak.turn].start_s, desk.view.turns[leak.turn].end_s); }
  drawLeakInHand(leak);
}

function drawLeakInHand(leak) {
  by("now").replaceChildren();
  if (!leak) return;
  by("now").append(make("div", { class: "caption" }, t(`leak_${leak.code}`)), make("div", { class: "what" }, leak.text),
    make("div", { class: "choices" }, choice("Enter", t("leave"), () => inTurn(leave), true), choice("1 … =", t("take"), () => {})));
}

export function leakRow(leak, n) {
  const { text } = desk.view.turns[leak.turn];
  const [start, end] = [toUnits(text, leak.start), toUnits(text, leak.end)];
  const before = text.slice(Math.max(0, start - 60), start);
  const after = text.slice(end, end + 60);
  const said = make("div", { class: "said" }, start > 60 ? "…" : "", ...hiddenIn(leak.turn, Math.max(0, start - 60), before), make("mark", {}, text.slice(start, end)), ...hiddenIn(leak.turn, end, after), end + 60 < text.length ? "…" : "");
  const times = leak.times > 1 ? ` · ${t("leak_times", { n: leak.times })}` : "";
  return make("div", { class: n === desk.leak ? "leak here" : "leak", onclick: () => { desk.leak = n; drawLeaks(); } },
    make("div", {}, make("span", { class: "tag red" }, t(`leak_${leak.code}`)), make("small", {}, times)), said,
    make("div", { class: "acts" }, make("button", { class: "quiet", tabindex: "-1", onclick: (event) => { event.stopPropagation(); desk.leak = n; inTurn(leave); } }, t("leave"))));
}

// What is taken out already is not shown again beside a leak.
export function hiddenIn(turn, from, part) {
  let shown = "";
  for (let k = 0; k < part.length; k += 1) {
    const covered = masksOf(turn).some((mask) => mask.verdict === "yes" && mask.start <= from + k && from + k < mask.end);
    shown += covered ? "▮" : part[k];
  }
  return [shown.replace(/▮+/g, "▮")];
}

export async function leave() {
  const leak = desk.leaks[desk.leak];
  if (!leak) { await showStep("sign"); return; }
  await doing({ do: "waive", leak: leak.id });
  desk.leaks.splice(desk.leak, 1);
  desk.leak = Math.min(desk.leak, Math.max(0, desk.leaks.length - 1));
  drawLeaks();
}

export async function takeLeak(kind) {
  const leak = desk.leaks[desk.leak];
  if (!leak) return;
  const wish = { do: "mark", turn: leak.turn, start: leak.start, end: leak.end, kind };
  await doing(wish);
  const placed = desk.masks.find((mask) => mask.turn === leak.turn && mask.verdict === "yes" && mask.kind === kind && toPoints(desk.view.turns[leak.turn].text, mask.start) === leak.start);
  if (leak.times > 1 && placed) await doing({ do: "everywhere", mask: placed.id, yes: true });
  await showStep("leaks");
  if (toLook().length) note(t("look_more"));
}

export function drawSign(told) {
  const count = (verdict) => desk.masks.filter((mask) => mask.verdict === verdict).length;
  const panel = make("div", { class: "panel" }, make("h2", {}, t("sign_title")));
  const left = [["not_open", told.open], ["not_read", told.unread], ["not_look", told.to_look], ["not_leaks", told.leaks.length]].filter(([, n]) => n > 0);
  if (!desk.drawn.size && !desk.view.signed && !left.length) left.push(["not_look", 0]);
  const facts = [["n_turns", desk.view.turns.length], ["n_out", count("yes")], ["n_left", count("no")], ["n_away", desk.view.waived]];
  panel.append(make("dl", { class: "facts" }, ...facts.flatMap(([key, n]) => [make("dt", {}, t(key)), make("dd", {}, String(n))])));
  if (desk.view.signed) {
    panel.append(make("p", {}, make("span", { class: "tag green" }, t("signed")), " ", t("sign_done")), make("p", {}, t("reopen_text")),
      make("button", { class: "quiet", onclick: () => inTurn(async () => { await doing({ do: "reopen" }); await showStep("sign"); }) }, t("reopen")));
  } else if (left.length) {
    panel.append(make("p", {}, t("sign_not")), make("ul", {}, ...left.map(([key, n]) => make("li", {}, t(key, { n })))));
  } else {
    panel.append(make("p", {}, t("sign_ready")), make("button", { id: "sign-button", onclick: () => inTurn(sign) }, make("kbd", {}, "S"), " ", t("sign_button", { name: desk.reviewer })));
  }
  by("text").replaceChildren(panel);
  by("text").scrollTop = 0;
  by("now").replaceChildren();
}

// A key of its own: whoever holds Enter down through the leak test must not sign by it.
export async function sign() {
  if (!by("sign-button")) return;
  await doing({ do: "sign" });
  await showStep("sign");
}

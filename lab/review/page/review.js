// The review page: keys by their place on the keyboard, so that the Russian layout works as well.
import { acceptTurn, enter, everywhere, markAs, reject, undo } from "./acts.js";
import { showHelp, showWords } from "./dialogs.js";
import { atMoment, heard, playOrStop } from "./hearing.js";
import { drawList, openSession, showList } from "./list.js";
import { clicked, drawSide, drawTop, drawTurns, goToMask, goToTurn, moveWord } from "./reading.js";
import { get } from "./server.js";
import { by, desk, inTurn, isReading } from "./state.js";
import { drawLeaks, leave, showStep, sign } from "./steps.js";
import { Sound } from "./wave.js";
import { speak, spoken } from "./words.js";

const DIGITS = ["Digit1", "Digit2", "Digit3", "Digit4", "Digit5", "Digit6", "Digit7", "Digit8", "Digit9", "Digit0", "Minus", "Equal"];

const READING = {
  Enter: () => inTurn(enter), NumpadEnter: () => inTurn(enter), Backspace: () => inTurn(reject), Delete: () => inTurn(reject),
  KeyA: () => inTurn(acceptTurn), KeyG: (event) => inTurn(() => everywhere(!event.shiftKey)),
  Tab: (event) => inTurn(() => goToMask(event.shiftKey ? -1 : 1)), ArrowDown: () => inTurn(() => goToTurn(1)), ArrowUp: () => inTurn(() => goToTurn(-1)),
  PageDown: () => inTurn(() => goToTurn(10)), PageUp: () => inTurn(() => goToTurn(-10)),
  ArrowRight: (event) => inTurn(() => moveWord(1, event.shiftKey)), ArrowLeft: (event) => inTurn(() => moveWord(-1, event.shiftKey)), Space: () => playOrStop(),
};
const LEAKS = {
  Enter: () => inTurn(leave), NumpadEnter: () => inTurn(leave), Space: () => playOrStop(),
  ArrowDown: () => { desk.leak = Math.min(desk.leaks.length - 1, desk.leak + 1); drawLeaks(); }, ArrowUp: () => { desk.leak = Math.max(0, desk.leak - 1); drawLeaks(); },
};
const SIGN = { KeyS: () => inTurn(sign) };
const EVERYWHERE = {
  KeyU: () => inTurn(undo), KeyP: () => inTurn(showWords), KeyH: showHelp, F1: showHelp, Slash: showHelp,
  F2: () => inTurn(() => showStep("read")), F3: () => inTurn(() => showStep("look")), F4: () => inTurn(() => showStep("leaks")), F5: () => inTurn(() => showStep("sign")),
};

function pressed(event) {
  if (by("dialog").open || event.altKey || event.metaKey || event.target.matches("input, select, textarea")) return;
  if (event.ctrlKey) {
    if (event.code === "KeyZ" && desk.session) { event.preventDefault(); inTurn(undo); }
    return;
  }
  if (!desk.session) { pressedInList(event); return; }
  if (event.code === "Escape") {
    event.preventDefault();
    if (desk.from !== null) { desk.from = desk.to = null; drawTurns(); } else inTurn(showList);
    return;
  }
  const digit = DIGITS.indexOf(event.code);
  const local = isReading() ? READING : desk.step === "leaks" ? LEAKS : SIGN;
  const work = digit >= 0 && !event.shiftKey ? () => inTurn(() => markAs(digit)) : local[event.code] ?? EVERYWHERE[event.code];
  if (!work) return;
  event.preventDefault();
  work(event);
}

function pressedInList(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.code];
  if (step) desk.chosen = Math.max(0, Math.min(desk.list.length - 1, desk.chosen + step));
  else if (event.key === "Enter" && desk.list[desk.chosen]) inTurn(() => openSession(desk.list[desk.chosen].session));
  else return;
  event.preventDefault();
  if (step) drawList();
}

function switchLanguage() {
  speak(spoken() === "ru" ? "en" : "ru");
  drawSide();
  if (!desk.session) { drawList(); return; }
  drawTop();
  if (isReading()) drawTurns();
  else inTurn(() => showStep(desk.step));
}

async function start() {
  const told = await get("api/start");
  Object.assign(desk, { kinds: told.kinds, reviewer: told.reviewer });
  speak(told.language);
  desk.sound = new Sound(by("near"), by("far"), heard);
  drawSide();
  document.addEventListener("keydown", pressed);
  document.addEventListener("moment", atMoment);
  by("text").addEventListener("click", clicked);
  by("back").addEventListener("click", () => inTurn(showList));
  by("language").addEventListener("click", switchLanguage);
  by("help-button").addEventListener("click", showHelp);
  by("play").addEventListener("click", playOrStop);
  window.addEventListener("resize", () => desk.sound.draw());
  await showList();
}

inTurn(start);

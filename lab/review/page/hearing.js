// Hears the turn in hand, from a word or a moment on.
import { goTo } from "./reading.js";
import { by, desk, isReading, openOf } from "./state.js";
import { clockText, momentOf, placeAt } from "./turns.js";
import { t } from "./words.js";

export function listen(at = 0) {
  const turn = desk.view.turns[desk.turn];
  desk.sound.play(at ? momentOf(turn, at) : turn.start_s, turn.end_s);
}

export function playOrStop() {
  if (desk.sound.playing) desk.sound.stop();
  else listen(desk.from ?? 0);
}

let heardWord = null;
export function heard(moment, playing) {
  by("play").textContent = t(playing ? "stop" : "play");
  if (desk.view) by("clock").textContent = `${clockText(moment ?? desk.view.turns[desk.turn]?.start_s ?? 0)} / ${clockText(desk.view.sound_s)}`;
  heardWord?.classList.remove("heard");
  heardWord = null;
  if (moment === null || !isReading()) return;
  const at = placeAt(desk.view.turns[desk.turn], moment);
  if (at < 0) return;
  heardWord = [...(by(`turn-${desk.turn}`)?.querySelectorAll(".w") ?? [])].find((word) => Number(word.dataset.start) <= at && at < Number(word.dataset.end)) ?? null;
  heardWord?.classList.add("heard");
}

export function atMoment(event) {
  const moment = event.detail;
  if (!desk.view || !isReading()) return;
  const turns = desk.view.turns;
  let number = turns.findIndex((turn) => moment >= turn.start_s && moment < turn.end_s);
  if (number < 0) number = Math.max(0, turns.findLastIndex((turn) => turn.start_s <= moment));
  if (number !== desk.turn) goTo(number, openOf(number)[0]?.id ?? null);
  desk.sound.play(Math.max(moment, turns[number].start_s), turns[number].end_s);
}

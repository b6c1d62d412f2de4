// The list of sessions, and opening one.
import { goTo } from "./reading.js";
import { get } from "./server.js";
import { by, desk, firstToDo, inTurn, isReading, note, stepToDo, take } from "./state.js";
import { showStep } from "./steps.js";
import { toUnits } from "./turns.js";
import { make, t } from "./words.js";

export async function showList() {
  desk.sound?.stop();
  desk.session = null;
  desk.list = await get("api/sessions");
  by("desk").hidden = by("steps").hidden = by("progress").hidden = by("back").hidden = by("help-button").hidden = true;
  by("list").hidden = false;
  drawList();
}

export function stateTag(row) {
  if (row.problem) return ["red", row.problem];
  if (row.found_since) return ["red", t("found_since")];
  if (row.signed) return ["green", t("signed")];
  if (row.read === 0) return ["", t("fresh")];
  if (row.read < row.turns || row.open) return ["yellow", t("to_read")];
  return ["yellow", row.to_look ? t("second") : t("to_sign")];
}

export function drawList() {
  by("title").replaceChildren("Fieldrec");
  const list = by("list");
  list.replaceChildren(make("h1", {}, t("title")), make("p", {}, desk.list.length ? t("list_intro") : t("none")));
  if (!desk.list.length) return;
  const head = make("tr", {}, ...["client", "session", "length", "progress", "state"].map((key) => make("th", {}, t(key))));
  const rows = desk.list.map((row, n) => {
    const [colour, text] = stateTag(row);
    const share = row.turns ? Math.round((100 * row.read) / row.turns) : 0;
    const bar = make("i");
    bar.style.width = `${share}%`;
    return make("tr", { class: n === desk.chosen ? "here" : "", onclick: () => inTurn(() => openSession(row.session)) },
      make("td", {}, make("b", {}, row.client ?? "")), make("td", {}, make("code", {}, row.session.slice(0, 8)), ` ${row.made ?? ""}`),
      make("td", {}, row.minutes === undefined ? "" : `${row.minutes} ${t("minutes")}`),
      make("td", {}, make("div", { class: "bar" }, bar), `${row.read ?? 0} / ${row.turns ?? 0}`),
      make("td", {}, make("span", { class: `tag ${colour}` }, text)));
  });
  list.append(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

export async function openSession(session) {
  const view = await get(`api/session/${session}`);
  Object.assign(desk, { session, view, turn: 0, mask: null, from: null, to: null, step: "read", drawnAs: [] });
  for (const turn of view.turns) turn.words = turn.words.map(([a, b, c, d]) => [toUnits(turn.text, a), toUnits(turn.text, b), c, d]);
  by("list").hidden = true;
  by("desk").hidden = by("steps").hidden = by("progress").hidden = by("back").hidden = by("help-button").hidden = false;
  take(view);
  desk.sound.load(session, view.sound_s).catch(() => note(t("fault"), true));
  by("text").replaceChildren();
  desk.step = stepToDo();
  await showStep(desk.step);
  const first = firstToDo();
  if (isReading()) goTo(first.turn, first.mask);
  note(view.signed ? t("signed_read_only") : view.provenance.guessed.length ? t("guessed") : "");
  by("text").focus({ preventScroll: true });
}

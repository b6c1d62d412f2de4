// The keys, and the client's protected words.
import { drawTurns } from "./reading.js";
import { get } from "./server.js";
import { by, desk, doing, inTurn, isReading } from "./state.js";
import { make, t } from "./words.js";

export function showDialog(...content) {
  const dialog = by("dialog");
  dialog.replaceChildren(...content);
  if (!dialog.open) dialog.showModal();
}

export function showHelp() {
  const keys = [["Enter", "key_enter"], ["⌫", "key_back"], ["A", "key_turn"], ["G", "key_all"], ["Tab", "key_next"], ["↑ ↓", "key_turns"], ["← →", "key_words"], ["1 … =", "mark_as"], ["␣", "key_play"], ["U", "key_undo"], ["P", "key_words_list"], ["F2 … F5", "key_steps"], ["S", "do_sign"], ["Esc", "key_list"]];
  showDialog(make("h2", {}, t("help")), make("dl", {}, ...keys.flatMap(([key, word]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, t(word))])),
    make("p", {}, t("key_click")), make("div", { class: "row" }, make("button", { onclick: () => by("dialog").close() }, t("close"))));
}

export async function showWords() {
  const words = await get(`api/session/${desk.session}/words`);
  const text = make("input", { maxlength: "100", id: "new-word", autocomplete: "off", spellcheck: "false" });
  const kind = make("select", {}, ...desk.kinds.map((one) => make("option", { value: one }, t(`kind_${one}`))));
  const add = () => inTurn(async () => {
    if (!text.value.trim()) return;
    await doing({ do: "protect", text: text.value, kind: kind.value });
    if (isReading()) drawTurns();
    await showWords();
  });
  text.addEventListener("keydown", (event) => { if (event.code === "Enter") { event.preventDefault(); add(); } });
  showDialog(make("h2", {}, t("words_title", { client: desk.view.client })), make("p", {}, t("words_text")),
    words.length ? make("ul", {}, ...words.map((word) => make("li", {}, `${word.text} `, make("span", { class: "tag" }, t(`kind_${word.kind}`))))) : make("p", {}, t("words_none")),
    make("div", { class: "row" }, text, kind, make("button", { onclick: add }, t("words_add"))),
    make("div", { class: "row" }, make("button", { class: "quiet", onclick: () => by("dialog").close() }, t("close"))));
  text.focus();
}

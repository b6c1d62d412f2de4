// Every word on the page, in Russian and English.
const WORDS = {
  ru: {
    title: "Проверка расшифровок", other: "English", back: "← Сессии",
    list_intro: "Выберите сессию: ↑ ↓ и Enter. Ничего с этой страницы никуда не отправляется.",
    none: "Расшифровок пока нет. Их делает команда fieldrec-lab transcribe.",
    client: "Клиент", session: "Сессия", length: "Длина", progress: "Прочитано", state: "Состояние",
    minutes: "мин", signed: "подписана", found_since: "открыть снова: есть защищённые слова", to_read: "читается", fresh: "не начата", second: "второй взгляд", to_sign: "ждёт подписи",
    step_read: "Чтение", step_look: "Второй взгляд", step_leaks: "Проверка на утечки", step_sign: "Подпись",
    read_of: "{n} из {all} · решить: {open}",
    speaker_client: "клиент", speaker_therapist: "терапевт", speaker_someone: "кто-то",
    kind_name: "имя", kind_city: "город", kind_place: "адрес, место", kind_org: "организация", kind_date: "дата", kind_phone: "телефон",
    kind_mail: "почта", kind_link: "ссылка", kind_id: "документ", kind_age: "возраст 90+", kind_number: "число", kind_other: "другое",
    source_rule: "по форме", source_finder: "нашла модель", source_dictionary: "по словарю", source_context: "по соседним словам",
    source_protected: "защищённое слово", source_person: "отмечено вручную", sure: "уверенность {n} %",
    now_proposal: "Предлагается скрыть", now_yes: "Скрыто", now_no: "Оставлено", now_chosen: "Выделено", now_turn: "Реплика", instead: "вместо этого: {text}",
    now_turn_hint: "В этой реплике решать больше нечего. Прочитайте её и нажмите Enter.",
    do_yes: "скрыть", do_no: "оставить", do_all: "скрыть везде у клиента", do_all_no: "везде оставить",
    do_next: "прочитано, дальше", do_mark: "отметить как …", mark_as: "Отметить или сменить вид",
    keys: "Клавиши", key_turns: "соседняя реплика", key_next: "следующее нерешённое", key_words: "слово; с Shift — выделить", key_play: "слушать реплику",
    key_undo: "отменить", key_enter: "скрыть или дальше", key_back: "оставить", key_all: "везде; с Shift — оставить везде", key_turn: "реплика целиком верна", key_words_list: "защищённые слова клиента", key_help: "все клавиши",
    key_steps: "шаги: чтение … подпись", key_list: "все сессии", key_click: "щелчок по слову: слушать с него",
    play: "▶ Слушать", stop: "■ Стоп",
    stale: "В другом окне что-то изменили. Показано так, как есть сейчас; повторите последнее действие.", lost: "Программа не отвечает. Ваши решения сохранены; запустите её снова.",
    fault: "Сбой программы. Все показанные решения сохранены.", undone: "Отменено.", nothing: "Отменять нечего.", everywhere: "Решено во всех сессиях этого клиента, которые ещё проверяются.",
    all_read: "Всё прочитано и решено.", all_read_more: "Теперь взгляните ещё раз на случайную десятую часть реплик — уже так, как их увидят другие. Enter — начать.",
    look_more: "Раз что-то нашлось, жребий добавил реплики для второго взгляда (F3).", look_text: "Эти реплики выбраны жребием. Прочитайте их так, как прочтёт чужой человек: можно ли по ним узнать клиента? Если что-то осталось — выделите и отметьте; тогда жребий добавит ещё десятую часть.",
    look_wait: "Сначала прочитайте все реплики и решите обо всех предложениях.", look_done: "Второй взгляд окончен. Enter — проверка на утечки.",
    leaks_title: "Проверка на утечки", leaks_text: "Что ещё осталось в тексте. Про каждое место решите: скрыть (цифра вида) или оставить (Enter). Оставленное вы подписываете своим именем.",
    leaks_none: "Проверка ничего не нашла. Enter — к подписи.", leak_times: "раз: {n}",
    leak_protected: "защищённое слово", leak_mail: "почта или ссылка", leak_phone: "похоже на телефон", leak_digits: "цифры", leak_capital: "заглавная буква", leak_rare: "редкое слово",
    leave: "оставить", take: "скрыть как …",
    sign_title: "Подпись", do_sign: "подписать", sign_ready: "Я прочитал(а) все реплики. В этом тексте не осталось того, по чему можно узнать клиента или других людей.",
    sign_button: "Подписать именем {name}", sign_not: "Подписать пока нельзя:", not_open: "не решено предложений: {n}", not_read: "не прочитано реплик: {n}", not_look: "ждут второго взгляда: {n}", not_leaks: "найдено проверкой на утечки: {n}",
    sign_done: "Расшифровка подписана. Теперь её можно включать в выпуски данных.", reopen: "Открыть снова", reopen_text: "Подпись будет снята, и проверку можно будет продолжить. Это записывается в журнал лаборатории.",
    signed_read_only: "Эта расшифровка подписана: изменить ничего нельзя, пока её не откроют снова (шаг «Подпись»).",
    n_turns: "реплик", n_out: "скрыто мест", n_left: "оставлено предложений", n_away: "оставлено при проверке на утечки",
    words_title: "Защищённые слова клиента {client}", words_text: "Имена, места и другое, чего никогда не должно быть в расшифровках этого клиента. Скрываются в любой форме и во всех его сессиях.",
    words_add: "Добавить", words_none: "Пока нет ни одного.", close: "Закрыть", help: "Клавиши", guessed: "Кто и когда говорит, отчасти угадано по звуку: слушайте внимательно.",
  },
  en: {
    title: "Review of transcripts", other: "Русский", back: "← Sessions",
    list_intro: "Choose a session: ↑ ↓ and Enter. Nothing on this page is sent anywhere.",
    none: "There are no transcripts yet. The command fieldrec-lab transcribe makes them.",
    client: "Client", session: "Session", length: "Length", progress: "Read", state: "State",
    minutes: "min", signed: "signed", found_since: "open again: it holds protected words", to_read: "being read", fresh: "not begun", second: "second look", to_sign: "to be signed",
    step_read: "Read", step_look: "Second look", step_leaks: "Leak test", step_sign: "Sign",
    read_of: "{n} of {all} · to decide: {open}",
    speaker_client: "client", speaker_therapist: "therapist", speaker_someone: "someone",
    kind_name: "name", kind_city: "city", kind_place: "place", kind_org: "organisation", kind_date: "date", kind_phone: "phone",
    kind_mail: "mail", kind_link: "link", kind_id: "document", kind_age: "age 90+", kind_number: "number", kind_other: "other",
    source_rule: "by its form", source_finder: "found by the model", source_dictionary: "by a dictionary", source_context: "by its neighbours",
    source_protected: "protected word", source_person: "marked by hand", sure: "{n} % sure",
    now_proposal: "Proposed to be taken out", now_yes: "Taken out", now_no: "Left", now_chosen: "Selected", now_turn: "Turn", instead: "in its place: {text}",
    now_turn_hint: "Nothing is left to decide in this turn. Read it and press Enter.",
    do_yes: "take out", do_no: "leave", do_all: "take out everywhere", do_all_no: "leave everywhere",
    do_next: "read, go on", do_mark: "mark as …", mark_as: "Mark, or change the kind",
    keys: "Keys", key_turns: "the turn before or after", key_next: "next open proposal", key_words: "word; with Shift select", key_play: "hear the turn",
    key_undo: "undo", key_enter: "take out, or go on", key_back: "leave", key_all: "everywhere; with Shift leave", key_turn: "the whole turn is right", key_words_list: "the client's protected words", key_help: "all keys",
    key_steps: "steps: read … sign", key_list: "all sessions", key_click: "click a word: hear from there",
    play: "▶ Listen", stop: "■ Stop",
    stale: "Something was changed in another window. This is how it stands now; do your last step again.", lost: "The program does not answer. Your decisions are saved; start it again.",
    fault: "A fault of the program. All decisions shown are saved.", undone: "Undone.", nothing: "There is nothing to undo.", everywhere: "Decided in all of this client's sessions that are still under review.",
    all_read: "Everything is read and decided.", all_read_more: "Now look once more at a random tenth of the turns, the way others will read them. Enter begins.",
    look_more: "Since something was found, the lot added turns for a second look (F3).", look_text: "These turns were drawn by lot. Read them as a stranger would: could one tell who the client is? If something is left, select and mark it; the lot then adds another tenth.",
    look_wait: "First read all turns and decide all proposals.", look_done: "The second look is done. Enter goes to the leak test.",
    leaks_title: "Leak test", leaks_text: "What is still in the text. Decide about each place: take it out (digit of its kind) or leave it (Enter). What you leave you sign for with your name.",
    leaks_none: "The test found nothing. Enter goes on to the signature.", leak_times: "times: {n}",
    leak_protected: "protected word", leak_mail: "mail or link", leak_phone: "like a phone number", leak_digits: "digits", leak_capital: "capital letter", leak_rare: "rare word",
    leave: "leave", take: "take out as …",
    sign_title: "Sign", do_sign: "sign", sign_ready: "I have read every turn. Nothing is left in this text by which the client or other people could be recognised.",
    sign_button: "Sign as {name}", sign_not: "It can't be signed yet:", not_open: "proposals to decide: {n}", not_read: "turns to read: {n}", not_look: "turns for a second look: {n}", not_leaks: "found by the leak test: {n}",
    sign_done: "The transcript is signed. It can go into releases now.", reopen: "Open again", reopen_text: "The signature is taken back and the review can go on. The lab's log notes it.",
    signed_read_only: "This transcript is signed: nothing can be changed until it is opened again (step “Sign”).",
    n_turns: "turns", n_out: "places taken out", n_left: "proposals left in", n_away: "left at the leak test",
    words_title: "Protected words of client {client}", words_text: "Names, places and whatever else must never stand in this client's transcripts. They are taken out in any form, in all sessions.",
    words_add: "Add", words_none: "None yet.", close: "Close", help: "Keys", guessed: "Who speaks when was partly guessed from the sound: listen closely.",
  },
};

let language = "ru";

export function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
  document.title = `Fieldrec · ${t("title")}`;
}

export function spoken() { return language; }

export function t(key, figures = {}) {
  const text = WORDS[language][key];
  if (text === undefined) throw new Error(`no words for ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(figures[name]));
}

// Pieces of the page, made without ever reading text as markup.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

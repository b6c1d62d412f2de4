"""Report, board and consent forms are whole pages: both languages, sorted, printed."""

from __future__ import annotations

import base64
import json
import re
import threading
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import msgspec
import pytest
from selenium.webdriver.common.by import By

import lab.cli
from lab.board.gather import gather
from lab.board.page import board_page, serve_board
from lab.consent_forms import print_forms
from lab.dataset.settings import read_study
from lab.quality import Level, judge_facts, worst
from lab.session_facts import SessionFacts
from recorder.errors import FormatError, LabError
from recorder.identifiers import device_id
from tests.browser import running_browser
from tests.compressed import Who, recording
from tests.dataset_world import World, make_world
from tests.house import exit_code

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver.chrome.webdriver import WebDriver

NOW = datetime(2026, 12, 24, 12, tzinfo=UTC)
GOOD = SessionFacts(
    client="K7QX3",
    started_utc=NOW - timedelta(days=30),
    clock_state="synchronised",
    mode="in-person",
    outcome="complete",
    reason="",
    scopes=("eeg", "audio", "sharing"),
    form="2026-1",
    signed_on="",
    codebook="1",
    software="0.1.0",
    board="CYTON_BOARD",
    microphone="alsa",
    simulated=False,
    continues="",
    length_s=3100,
    eeg_s=3000,
    audio_s=3000,
    lost_samples=0,
    xruns=0,
    erased_parts=0,
    fine_share=0.95,
    good_at_start=1.0,
    fit_overridden=False,
    battery_percent=70,
)
BAD = msgspec.structs.replace(GOOD, fine_share=0.2)
SKIPPED = msgspec.structs.replace(
    GOOD, outcome="skipped", reason="client_absent", length_s=0, eeg_s=0, audio_s=0
)


@pytest.fixture(scope="module")
def browser() -> Iterator[WebDriver]:
    with running_browser() as running:
        yield running


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made, codes = make_world(tmp_path_factory.mktemp("pages") / "w", n_boxes=1, n_clients=1)
    with recording(made.box(1), Who(codes[0]), channels=2, part_length_s=4) as session:
        session.go(1)
        session.score(3, 3, 3, 3, 3, 0, 3, 3)
        for kind in ("eyes_open", "eyes_closed"):
            session.mark(kind, "on", source="machine")
            session.go(16)
            session.mark(kind, "off", source="machine")
        session.mark("emotion", "on")
        session.go(5)
        session.mark("emotion", "off")
        session.pause(3)
        session.go(5)
    made.pull()
    return made


@pytest.fixture(scope="module")
def report(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report on the one session, written by the command."""
    out = tmp_path_factory.mktemp("reports")
    words = ("report", "--all", "--lab", world.lab.root, "--out", out, "--lang", "ru")
    assert exit_code(lab.cli.main, *words) == 0
    (page,) = out.glob("*.html")
    return page


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the board of a made-up month: every kind of box, client and alarm."""
    root = tmp_path_factory.mktemp("board")
    world, codes = make_world(root / "w", n_boxes=0, n_clients=2)
    world.archive.make()
    with world.catalogue() as catalogue:
        stories = {
            device_id(1): (codes[0], [GOOD, BAD, BAD], NOW - timedelta(days=9)),
            device_id(2): (codes[1], [GOOD, SKIPPED, GOOD, GOOD, GOOD, GOOD], NOW),
        }
        for device, (client, sessions, seen) in stories.items():
            catalogue.see_device(device, seen)
            for n, facts in enumerate(sessions):
                add(catalogue._database, device, n, client)
                day = facts.started_utc + timedelta(days=n)
                whose = msgspec.structs.replace(facts, client=client, started_utc=day)
                catalogue.study.put_facts(device, session_name(device, n), whose)
        made = gather(world.lab, catalogue, at=NOW)
        reports = frozenset({session_name(device_id(1), 0)})
    study = read_study(world.lab)
    page = root / "index.html"
    page.write_bytes(board_page(made, study, reports=reports, language="ru"))
    return page


def session_name(device: str, number: int) -> str:
    return f"7e57ab1e-0000-4000-8000-{device[4:8]}{number:08x}"


def add(database: object, device: str, number: int, client: str) -> None:
    """Write a verified session of a chain without a gap."""
    del client
    digest = f"{device}{number + 1}".encode().hex().ljust(64, "0")
    before = f"{device}{number}".encode().hex().ljust(64, "0") if number else ""
    row = (
        *(device, session_name(device, number), digest, "chain", number + 1, before),
        *(1, 0, 50, 10, "2026-12-01T00:00:00Z", "verified", "[]", "[]"),
        "2026-12-01T00:00:00Z",
    )
    marks = ", ".join("?" * len(row))
    database.execute(f"INSERT INTO sessions VALUES ({marks})", row)  # type: ignore[attr-defined]  # noqa: S608 - only question marks


def visible(browser: WebDriver) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


def show(browser: WebDriver, page: Path, language: str) -> str:
    """Open a page afresh in a language; return what can be read on it."""
    browser.get(page.as_uri())
    browser.execute_script("localStorage.clear()")
    browser.get(page.as_uri())
    if language == "en":
        browser.find_element(By.CSS_SELECTOR, "[data-switch]").click()
    return visible(browser)


def asked_for(browser: WebDriver) -> set[str]:
    """Return what the page asked for, beyond itself and pictures inside it."""
    wanted = set()
    for entry in browser.get_log("performance"):  # type: ignore[no-untyped-call]  # it has no types
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            wanted.add(message["params"]["request"]["url"])
    # The browser's own pages are no business of ours.
    return {url for url in wanted if not url.startswith(("file:", "data:", "chrome:"))}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ru", ["Отчёт о", "Ход сессии", "Целостность", "Сильная эмоция", "пауза"]),  # noqa: RUF001 - Russian
        ("en", ["Report on a session", "Integrity", "Strong emotion", "paused"]),
    ],
)
def test_a_report_reads_in_both_languages_and_asks_for_nothing(
    browser: WebDriver, report: Path, language: str, words: list[str]
) -> None:
    text = show(browser, report, language)
    assert [word for word in words if word not in text] == []
    other = "Report on" if language == "ru" else "Отчёт"
    assert other not in text
    assert asked_for(browser) == set()
    said = browser.get_log("browser")  # type: ignore[no-untyped-call]  # it has no types
    assert [entry for entry in said if entry["level"] == "SEVERE"] == []


def test_a_report_draws_everything_and_says_why(browser: WebDriver, report: Path) -> None:
    show(browser, report, "en")
    pictures = browser.find_elements(By.TAG_NAME, "img")
    assert len(pictures) == 4
    assert all(int(p.get_property("naturalWidth")) > 100 for p in pictures)  # type: ignore[arg-type]  # a number
    verdict = browser.find_element(By.ID, "verdict")
    assert "yellow" in str(verdict.get_attribute("class"))
    assert "A short recording" in verdict.text
    rows = {
        str(row.get_attribute("data-row")): len(row.find_elements(By.TAG_NAME, "rect"))
        for row in browser.find_elements(By.CSS_SELECTOR, "svg[data-row]")
    }
    assert rows["bars_missing"] >= 1
    assert rows["P8"] >= 1
    assert rows["emotion"] == 1
    assert rows["bars_client"] >= 1
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= 1240


def test_pages_print_on_paper(browser: WebDriver, report: Path, board: Path) -> None:
    for page in (report, board):
        show(browser, page, "ru")
        pdf = base64.b64decode(browser.print_page())
        n_pages = len(re.findall(rb"/Type\s*/Page[^s]", pdf))
        assert 1 <= n_pages <= 5


def test_the_board_shows_what_needs_a_person(browser: WebDriver, board: Path) -> None:
    show(browser, board, "en")
    alarms = {
        str(alarm.get_attribute("data-alarm")): alarm.text
        for alarm in browser.find_elements(By.CSS_SELECTOR, "[data-alarm]")
    }
    assert set(alarms) == {"alarm_silent", "alarm_red_twice"}
    assert alarms["alarm_silent"] == f"{device_id(1)}: silent for 9 d"
    cells = browser.find_elements(By.CSS_SELECTOR, "#clients a.cell")
    assert [str(cell.get_attribute("href")).split("/")[-2] for cell in cells] == ["reports"]
    text = visible(browser)
    assert "5 of 5+" in text
    assert "The client did not come" in text
    assert asked_for(browser) == set()


def test_the_board_sorts_and_searches(browser: WebDriver, board: Path) -> None:
    show(browser, board, "ru")

    def boxes() -> list[str]:
        rows = browser.find_elements(By.CSS_SELECTOR, "#boxes tbody tr")
        return [str(r.get_attribute("data-box")) for r in rows if r.is_displayed()]

    assert boxes() == [device_id(1), device_id(2)]
    head = browser.find_elements(By.CSS_SELECTOR, "#boxes th[data-sort]")[3]
    head.click()
    assert boxes() == [device_id(1), device_id(2)]
    head.click()
    assert boxes() == [device_id(2), device_id(1)]
    assert head.get_attribute("aria-sort") == "descending"
    browser.find_element(By.CSS_SELECTOR, "[data-filter=boxes]").send_keys("0002")
    assert boxes() == [device_id(2)]


def test_the_board_is_served_to_this_computer_alone(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "one.html").write_text("a report")
    (tmp_path / "secret.html").write_text("a secret")
    told: list[str] = []
    ready = threading.Event()

    def tell(address: str) -> None:
        told.append(address)
        ready.set()

    threading.Thread(
        target=serve_board,
        args=(tmp_path, lambda: b"the board"),
        kwargs={"port": 0, "ready": tell},
        daemon=True,
    ).start()
    assert ready.wait(60)
    (address,) = told
    assert address.startswith("http://127.0.0.1:")

    def get(path: str) -> bytes:
        with urllib.request.urlopen(address + path, timeout=60) as answer:  # noqa: S310 - our own server
            content: bytes = answer.read()
        return content

    assert get("") == b"the board"
    assert get("reports/one.html") == b"a report"
    for path in ("secret.html", "reports/../secret.html", "reports/two.html"):
        with pytest.raises(HTTPError, match="404"):
            get(path)


@pytest.mark.parametrize(
    ("changes", "level", "codes"),
    [
        ({}, Level.GREEN, set()),
        ({"fine_share": 0.7}, Level.YELLOW, {"contact"}),
        ({"fine_share": 0.4}, Level.RED, {"contact"}),
        ({"fine_share": None}, Level.YELLOW, {"contact_unknown"}),
        ({"lost_samples": 20_000}, Level.YELLOW, {"lost"}),
        ({"lost_samples": 60_000}, Level.RED, {"lost"}),
        ({"audio_s": 0}, Level.RED, {"no_sound"}),
        ({"audio_s": 0, "microphone": "none"}, Level.GREEN, set()),
        ({"eeg_s": 0}, Level.RED, {"no_eeg"}),
        ({"eeg_s": 0, "outcome": "skipped"}, Level.GREEN, set()),
        ({"eeg_s": 300}, Level.YELLOW, {"short"}),
        ({"battery_percent": 5}, Level.YELLOW, {"battery"}),
        ({"xruns": 2, "fit_overridden": True}, Level.YELLOW, {"xruns", "fit_overridden"}),
    ],
)
def test_a_verdict_has_its_reasons(
    changes: dict[str, object], level: Level, codes: set[str]
) -> None:
    facts = msgspec.structs.replace(GOOD, **changes)
    reasons = judge_facts(facts, status="verified", clean=True)
    assert worst(reasons) == level
    assert {reason.code for reason in reasons} == codes


def test_what_is_not_verified_or_crashed_says_so() -> None:
    reasons = judge_facts(GOOD, status="damaged", clean=False)
    assert {reason.code for reason in reasons} == {"not_verified", "crashed"}


def test_consent_forms_are_three_pages_whose_version_never_changes(
    browser: WebDriver, world: World, tmp_path: Path
) -> None:
    with world.catalogue() as catalogue:
        paths, digest = print_forms(world.lab, catalogue, tmp_path / "a", version="2026-1")
        assert (
            print_forms(world.lab, catalogue, tmp_path / "b", version="2026-1")[1] == digest
        )
        assert catalogue.study.forms() == {"2026-1": digest}
        facts = world.lab.root / "consent.toml"
        facts.write_text(facts.read_text().replace('operator = ""', 'operator = "НИИ"'))
        with pytest.raises(LabError, match="other words"):
            print_forms(world.lab, catalogue, tmp_path / "c", version="2026-1")
        with pytest.raises(FormatError, match="version"):
            print_forms(world.lab, catalogue, tmp_path / "c", version="../1")
    assert len(paths) == 3
    scopes: list[str] = []
    for path in paths:
        browser.get(path.as_uri())
        text = visible(browser)
        assert "Согласие" in text
        assert "версия 2026-1" in text
        scopes += (
            str(choice.get_attribute("data-scope"))
            for choice in browser.find_elements(By.CSS_SELECTOR, "[data-scope]")
        )
        pdf = base64.b64decode(browser.print_page())
        assert 1 <= len(re.findall(rb"/Type\s*/Page[^s]", pdf)) <= 2
    assert scopes == ["eeg", "audio", "transcript", "sharing"]

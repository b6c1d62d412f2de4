"""Only the browser that showed the token is answered; nothing leaves the computer."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.review_server import RunningReview

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.spoken import SpokenBench

OURS = {"x-fieldrec": "1"}


@pytest.fixture(scope="module")
def server(
    first_taken: SpokenBench, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningReview]:
    bench = first_taken.copy(tmp_path_factory.mktemp("served") / "bench")
    with RunningReview.of(bench) as running:
        yield running


@pytest.fixture(scope="module")
def browser(server: RunningReview) -> Iterator[httpx.Client]:
    """Return what has the cookie."""
    with httpx.Client(base_url=server.base, trust_env=False) as client:
        answer = client.get(server.address)
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        home = answer.headers["location"]
        assert f"Path={home};" in cookie
        client.base_url = httpx.URL(server.base + home)
        yield client


@pytest.fixture(scope="module")
def session(browser: httpx.Client) -> str:
    found = browser.get("api/sessions", headers=OURS).json()
    return str(found[0]["session"])


def test_the_address_works_once(server: RunningReview, browser: httpx.Client) -> None:
    assert browser.get("").status_code == 200
    with httpx.Client(trust_env=False) as other:
        assert other.get(server.address).status_code == 403
        assert other.get(server.base).status_code == 403
        wrong = server.address[:-4] + "AAAA"
        assert other.get(wrong).status_code == 403


@pytest.mark.parametrize("path", ["", "api/sessions", "review.js", "sound/x?from=0&to=1"])
def test_without_the_cookie_nothing_is_answered(
    browser: httpx.Client, server: RunningReview, path: str
) -> None:
    for home in (str(browser.base_url), f"{server.base}/"):
        answer = httpx.get(home + path, headers=OURS, trust_env=False)
        assert answer.status_code == 403
        assert "K7QX3" not in answer.text


@pytest.mark.parametrize("path", ["/", "/api/sessions", "/x/api/sessions", "//", "/é"])
def test_the_cookie_counts_below_its_own_path_only(
    browser: httpx.Client, server: RunningReview, path: str
) -> None:
    """Another program's port is the same place to a cookie, unless the path differs."""
    name, value = next(iter(browser.cookies.items()))
    given = {**OURS, "cookie": f"{name}={value}"}
    answer = httpx.get(server.base + path, headers=given, trust_env=False)
    assert answer.status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1"])
def test_another_name_for_this_computer_is_refused(
    browser: httpx.Client, host: str
) -> None:
    """DNS rebinding: a page of evil.example that points its name here."""
    answer = browser.get("api/sessions", headers={**OURS, "host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_page_can_neither_ask_nor_do(
    browser: httpx.Client, session: str, headers: dict[str, str]
) -> None:
    both = {**OURS, **headers}
    assert browser.get("api/sessions", headers=both).status_code == 403
    wish = {"do": "turn", "version": 0, "turn": 0}
    done = browser.post(f"api/session/{session}/do", json=wish, headers=both)
    assert done.status_code == 403


def test_a_form_or_a_picture_of_another_page_carries_no_header_of_ours(
    browser: httpx.Client, session: str
) -> None:
    assert browser.get("api/sessions").status_code == 403
    assert browser.post(f"api/session/{session}/do", json={}).status_code == 403


def test_every_answer_forbids_keeping_framing_and_reaching_out(
    browser: httpx.Client, session: str
) -> None:
    paths = ["", "review.js", "nowhere", "api/sessions", f"sound/{session}?from=0&to=1"]
    for path in paths:
        headers = browser.get(path, headers=OURS).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_the_page_names_no_other_place() -> None:
    from importlib import resources  # noqa: PLC0415 - beside its one use

    for path in resources.files("lab.review.page").iterdir():
        if path.name.endswith((".html", ".js", ".css")):
            text = path.read_text("utf-8")
            assert "http" not in text
            assert '="/' not in text
            assert "localStorage" not in text
            assert "innerHTML" not in text


def test_it_listens_on_loopback_only(server: RunningReview) -> None:
    port = int(server.base.rpartition(":")[2])
    with socket.socket() as other:
        other.settimeout(60)
        # Whoever listens on all addresses is found at this one too.
        with pytest.raises(ConnectionRefusedError):
            other.connect(("127.0.0.2", port))


def test_what_can_not_be_done_is_told_without_what_was_said(
    browser: httpx.Client, session: str, server: RunningReview
) -> None:
    address = f"api/session/{session}/do"

    def post(content: bytes) -> httpx.Response:
        return browser.post(address, content=content, headers=OURS)

    assert post(b"{").status_code == 400
    assert post(b'{"do": "fly", "version": 0}').status_code == 422
    assert post(b'{"do": "turn", "version": 0, "turn": 999}').status_code == 422
    assert post(b'{"do": "turn", "version": 77}').json()["stale"]
    assert post(b"x" * 70_000).status_code == 413
    assert browser.get("api/session/none", headers=OURS).status_code == 422
    assert browser.get("api/session/..%2F..%2Fsecret", headers=OURS).status_code in (
        404,
        422,
    )
    for moment in ("x", "", "nan", "inf"):
        asked = f"sound/{session}?from={moment}&to=1"
        assert browser.get(asked).status_code == 400
    assert server.log == b""


def test_a_piece_of_the_sound_is_what_was_said_then(
    browser: httpx.Client, session: str
) -> None:
    import io  # noqa: PLC0415 - beside its one use

    import soundfile  # noqa: PLC0415 - beside its one use

    answer = browser.get(f"sound/{session}?from=4.4&to=6.4")
    frames, rate_hz = soundfile.read(io.BytesIO(answer.content))
    assert len(frames) / rate_hz == pytest.approx(2, abs=0.01)
    assert abs(frames).max() > 0.1
    silent = browser.get(f"sound/{session}?from=0&to=0.8")
    frames, _ = soundfile.read(io.BytesIO(silent.content))
    assert abs(frames).max() < 0.02
    peaks = browser.get(f"api/session/{session}/peaks", headers=OURS)
    assert peaks.headers["x-channels"] == "2"

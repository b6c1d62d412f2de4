"""The review's web server: the page, what it asks for, and what it does.

Every answer to an act comes after the act is on the disk. Errors tell what failed, never
what anybody said.
"""

from __future__ import annotations

import logging
import math
import threading
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.deidentify.kinds import KINDS, Kind
from lab.deidentify.protected import ProtectedWord
from lab.review.cases import Case, Cases, StaleError
from lab.review.desk import Desk
from lab.review.guard import Guard, GuardedApp
from lab.review.signing import reopen, sign_off
from lab.review.sound import PEAKS_HZ, SessionSound
from lab.review.views import case_view, leak_view, session_list, state_view
from lab.transcripts.keeping import SOUND, Keeping
from recorder.errors import FieldrecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from lab.settings import Lab

_log = logging.getLogger(__name__)
_PAGE: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/review.css": ("review.css", "text/css; charset=utf-8"),
    **{
        f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8")
        for name in (
            *("review", "list", "state", "reading", "hearing", "acts", "steps", "dialogs"),
            *("turns", "wave", "words", "server"),
        )
    },
}
_MAX_BODY_BYTES: Final = 65_536
_SOUNDS_KEPT: Final = 2


class _Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a page asks to be done; ``version`` is what it saw."""

    do: str
    version: int
    mask: int = 0
    turn: int = 0
    start: int = 0
    end: int = 0
    kind: Kind = "other"
    yes: bool = True
    leak: str = ""
    text: str = ""


class ReviewServer:
    """One reviewer's server over one lab."""

    def __init__(self, lab: Lab, who: str, key: Ed25519PrivateKey, language: str) -> None:
        self.guard = Guard()
        self._cases = Cases(Keeping(lab), who)
        self._desk = Desk(self._cases)
        self._key = key
        self._language = language
        self._sounds: dict[str, SessionSound] = {}
        self._lock = threading.Lock()

    def app(self) -> ASGIApp:
        """Return the application to be served."""
        routes = [
            Route("/enter", self.guard.enter),
            *(Route(path, _page_file(*file)) for path, file in _PAGE.items()),
            Route("/favicon.ico", lambda _: Response(status_code=204)),
            Route("/api/start", self._answer(self._start)),
            Route("/api/sessions", self._answer(self._sessions)),
            Route("/api/session/{session}", self._answer(self._session)),
            Route("/api/session/{session}/leaks", self._answer(self._leaks)),
            Route("/api/session/{session}/peaks", self._peaks),
            Route("/api/session/{session}/words", self._answer(self._words)),
            Route("/api/session/{session}/do", self._do, methods=["POST"]),
            Route("/sound/{session}", self._sound),
        ]
        return GuardedApp(Starlette(routes=routes), self.guard)

    def _start(self, _: Request) -> object:
        return {"reviewer": self._cases.who, "language": self._language, "kinds": KINDS}

    def _sessions(self, _: Request) -> object:
        return session_list(self._cases)

    def _session(self, request: Request) -> object:
        return case_view(self._cases, self._case(request))

    def _leaks(self, request: Request) -> object:
        return leak_view(self._cases, self._case(request))

    def _words(self, request: Request) -> object:
        words = self._cases.words(self._case(request).transcript.client).words
        return [{"text": word.text, "kind": word.kind} for word in words]

    def _case(self, request: Request) -> Case:
        return self._cases.read(request.path_params["session"])

    async def _do(self, request: Request) -> Response:
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _MAX_BODY_BYTES:
                return JSONResponse({"error": "too long"}, status_code=413)
        try:
            wish = msgspec.json.decode(body, type=_Wish)
        except msgspec.MsgspecError:
            return JSONResponse({"error": "not understood"}, status_code=400)
        session = request.path_params["session"]
        return await run_in_threadpool(
            lambda: self._answered(lambda: self._act(session, wish))
        )

    def _act(self, session: str, wish: _Wish) -> object:
        """Do what a page asks, and tell how the review stands then."""
        desk, seen = self._desk, wish.version
        acts: dict[str, Callable[[], object]] = {
            "decide": lambda: desk.decide(session, seen, wish.mask, yes=wish.yes),
            "everywhere": lambda: desk.decide_everywhere(
                session, seen, wish.mask, yes=wish.yes
            ),
            "turn": lambda: desk.accept_turn(session, seen, wish.turn),
            "mark": lambda: desk.mark(
                session, seen, wish.turn, wish.start, wish.end, wish.kind
            ),
            "look": lambda: desk.look(session, seen, wish.turn),
            "waive": lambda: desk.waive(session, seen, wish.leak),
            "undo": lambda: desk.undo(session, seen),
            "protect": lambda: self._protect(session, wish),
            "sign": lambda: sign_off(self._cases, session, seen, self._key),
            "reopen": lambda: reopen(self._cases, session),
        }
        if wish.do not in acts:
            raise FieldrecError("not understood")
        done = acts[wish.do]()
        after = done if isinstance(done, Case) else self._cases.read(session)
        return state_view(self._cases, after)

    def _protect(self, session: str, wish: _Wish) -> None:
        client = self._cases.read(session).transcript.client
        text = " ".join(wish.text.split())
        if text:
            self._desk.protect(client, [ProtectedWord(text[:100], wish.kind)])

    async def _peaks(self, request: Request) -> Response:
        def peaks() -> Response:
            sound = self._loaded(request.path_params["session"])
            headers = {"x-channels": str(sound.peaks.shape[1]), "x-rate": str(PEAKS_HZ)}
            return Response(sound.peaks.tobytes(), 200, headers, "application/octet-stream")

        return await run_in_threadpool(lambda: self._guarded(peaks))

    async def _sound(self, request: Request) -> Response:
        def piece() -> Response:
            sound = self._loaded(request.path_params["session"])
            asked = (request.query_params.get(name, "") for name in ("from", "to"))
            moments_s = [_number(text) for text in asked]
            if not all(map(math.isfinite, moments_s)):
                return PlainTextResponse("not understood", status_code=400)
            return Response(sound.piece(*moments_s), media_type="audio/wav")

        return await run_in_threadpool(lambda: self._guarded(piece))

    def _loaded(self, session: str) -> SessionSound:
        with self._lock:
            if session not in self._sounds:
                if len(self._sounds) >= _SOUNDS_KEPT:
                    self._sounds.pop(next(iter(self._sounds)))
                packed = self._cases.keeping.get(session, SOUND)
                self._sounds[session] = SessionSound.of(packed)
            return self._sounds[session]

    def _answer(self, ask: Callable[[Request], object]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(lambda: self._answered(lambda: ask(request)))

        return endpoint

    def _answered(self, ask: Callable[[], object]) -> Response:
        return self._guarded(
            lambda: Response(msgspec.json.encode(ask()), media_type="application/json")
        )

    def _guarded(self, respond: Callable[[], Response]) -> Response:
        try:
            return respond()
        except StaleError as error:
            return JSONResponse({"stale": True, "error": error.message}, status_code=409)
        except FieldrecError as error:
            content = {"error": error.message, "hint": error.hint}
            return JSONResponse(content, status_code=422)
        except Exception as error:  # noqa: BLE001 - the outermost loop of a request
            # Neither the log nor the page may see what an error quotes of a transcript.
            _log.error("a request failed: %s", type(error).__name__)
            return JSONResponse({"error": "a fault of the program"}, status_code=500)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _page_file(name: str, media_type: str) -> Callable[[Request], Response]:
    content = resources.files("lab.review.page").joinpath(name).read_bytes()

    def endpoint(_: Request) -> Response:
        return Response(content, media_type=media_type)

    return endpoint

"""Who may talk to the review's server: one browser that showed the one-time token.

The server listens on loopback only. Any page in that browser can still send requests to
it, and a name server can point any name at it: so the Host must be ours, whatever changes
something must come from our own page, and nothing is answered without the cookie. The
cookie alone is not enough for data: it must be asked for by our own script.

Browsers keep cookies by name of computer, not by port: another program on 127.0.0.1 would
be sent ours. So everything lies below a path that nobody can guess, and the cookie is for
that path only.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from typing import TYPE_CHECKING, Final

from starlette.responses import PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "fieldrec_review"
SCRIPT_HEADER: Final = "x-fieldrec"
_TOKEN_BYTES: Final = 32
_ENTRANCE: Final = "/enter"
# Nothing from elsewhere, nothing to elsewhere, nothing in a frame, nothing kept.
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self'; media-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), clipboard-read=()",
}


class Guard:
    """The token, the cookie it buys, and the checks of every request."""

    def __init__(self) -> None:
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._cookie = secrets.token_urlsafe(_TOKEN_BYTES)
        self._home = f"/{secrets.token_urlsafe(_TOKEN_BYTES)}"
        self._used = False
        self._lock = threading.Lock()
        self.host = ""

    def entrance(self) -> str:
        """Return the address to open, once."""
        return f"http://{self.host}{_ENTRANCE}?token={self._token}"

    def enter(self, request: Request) -> Response:
        """Take the token once and give the cookie for it."""
        given = request.query_params.get("token", "")
        with self._lock:
            fine = not self._used and hmac.compare_digest(
                given.encode(), self._token.encode()
            )
            self._used = self._used or fine
        if not fine:
            return PlainTextResponse(
                "Эта ссылка уже использована или неверна: запустите программу ещё раз.\n"
                "This link was used already, or is wrong: start the program again.\n",
                status_code=403,
            )
        home = f"{self._home}/"
        response = RedirectResponse(home, status_code=303)
        response.set_cookie(
            COOKIE, self._cookie, httponly=True, samesite="strict", path=home
        )
        return response

    def inner_path(self, path: str) -> str:
        """Return what a path that may be answered means to the application."""
        return path.removeprefix(self._home)

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return why a request is not answered; None where it is."""
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        if headers.get("host", "") != self.host:
            return 421, "wrong host"
        site = headers.get("sec-fetch-site", "none")
        origin = headers.get("origin", f"http://{self.host}")
        if origin != f"http://{self.host}" or site not in ("none", "same-origin"):
            return 403, "another page asked"
        if scope["path"] == _ENTRANCE:
            return None
        return self._of_browser(headers, scope)

    def _of_browser(self, headers: dict[str, str], scope: Scope) -> tuple[int, str] | None:
        ours = self._is_home(scope["path"])
        if not (self._has_cookie(headers.get("cookie", "")) and ours):
            return 403, "open the address that the program printed"
        path = self.inner_path(scope["path"])
        for_script = path.startswith("/api/") or scope["method"] != "GET"
        if for_script and headers.get(SCRIPT_HEADER) != "1":
            return 403, "only the page itself may ask this"
        return None

    def _is_home(self, path: str) -> bool:
        begin = path[: len(self._home) + 1].encode()
        return hmac.compare_digest(begin, f"{self._home}/".encode())

    def _has_cookie(self, cookies: str) -> bool:
        pairs = (pair.strip().partition("=") for pair in cookies.split(";"))
        return any(
            name == COOKIE and hmac.compare_digest(value.encode(), self._cookie.encode())
            for name, _, value in pairs
        )


class GuardedApp:
    """Answers only what the guard lets in, and puts its headers on every answer."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        refusal = self._guard.refusal(scope)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(k, v) for k, v in message["headers"] if k.decode() not in HEADERS]
                ours = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
                message = {**message, "headers": [*kept, *ours]}
            await send(message)

        if refusal is not None:
            response = PlainTextResponse(refusal[1], status_code=refusal[0])
            await response(scope, receive, send_safely)
            return
        path = self._guard.inner_path(scope["path"])
        await self._app({**scope, "path": path}, receive, send_safely)

"""The board as a page, and as a small site that is made anew with every look."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from lab.board.gather import gather
from lab.dataset.settings import read_study
from lab.pages.render import Words, render
from recorder.errors import LabError
from recorder.files import PRIVATE, write_atomic
from recorder.format.registers import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lab.board.gather import Board
    from lab.catalogue import Catalogue
    from lab.pages.render import Language
    from lab.settings import Lab
    from recorder.format.study import Study

_SYMBOLS: Final = {
    "green": "●",
    "yellow": "◐",
    "red": "○",
    "skipped": "",
    "discarded": "",
}
_LOOPBACK: Final = "127.0.0.1"


def write_board(
    lab: Lab, catalogue: Catalogue, out: Path, *, language: Language, at: datetime
) -> Board:
    """Write ``out/index.html``; reports in ``out/reports`` are linked."""
    board = gather(lab, catalogue, at=at)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    page = board_page(board, read_study(lab), reports=_reports(out), language=language)
    write_atomic(out / "index.html", page, mode=PRIVATE)
    return board


def board_page(
    board: Board, study: Study, *, reports: frozenset[str], language: Language
) -> bytes:
    """Return the page of ``board``."""
    return render(
        "board.html",
        language=language,
        board=board,
        at=board.at.strftime("%Y-%m-%d %H:%M UTC"),
        reports=reports,
        symbols=_SYMBOLS,
        scopes=SCOPES,
        reason_names=functools.partial(_reason, study),
    )


def serve_board(
    folder: Path, make: Callable[[], bytes], *, port: int, ready: Callable[[str], None]
) -> None:
    """Serve the board to this computer alone until Ctrl-C; ``make`` gives a fresh page."""

    class Handler(_Handler):
        make_page = staticmethod(make)
        reports = folder / "reports"

    try:
        server = ThreadingHTTPServer((_LOOPBACK, port), Handler)
    except OSError as error:
        raise LabError(
            f"port {port} can't be used: {error.strerror}", hint="give another --port"
        ) from error
    with server:
        ready(f"http://{_LOOPBACK}:{server.server_port}/")
        server.serve_forever()


class _Handler(BaseHTTPRequestHandler):
    """Answers with the board or with a report, and nothing else."""

    make_page: Callable[[], bytes]
    reports: Path

    def do_GET(self) -> None:
        """Answer one request."""
        path = self.path.partition("?")[0]
        if path in ("/", "/index.html"):
            self._answer(self.make_page())
            return
        name = path.removeprefix("/reports/")
        # Only names that the folder lists: no path from outside reaches the disk.
        known = {found.name: found for found in self.reports.glob("*.html")}
        if path.startswith("/reports/") and name in known:
            self._answer(known[name].read_bytes())
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, *_: object) -> None:
        """Say nothing: paths hold sessions' names."""

    def _answer(self, page: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(page)


def now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def _reports(out: Path) -> frozenset[str]:
    return frozenset(path.stem for path in (out / "reports").glob("*.html"))


def _reason(study: Study, reason: str) -> Markup:
    """Return a reason's words in both languages; an outcome's where none was given."""
    names: Mapping[str, tuple[str, str]] = {r.id: (r.ru, r.en) for r in study.reason}
    if reason in names:
        both = zip(("ru", "en"), names[reason], strict=True)
        spans = (Markup('<span class="{0}" lang="{0}">{1}</span>').format(*s) for s in both)
        return Markup("").join(spans)
    key = f"outcome_{reason.replace(' ', '_')}"
    return Words()(key) if Words().has(key) else Markup("{}").format(reason)

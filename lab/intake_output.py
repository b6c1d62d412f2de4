"""What the intake's commands print: lines for people, or JSON lines, and progress."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lab.joining import Step
    from lab.judge import Verdict
    from lab.pull import PullReport


@contextmanager
def progress(*, as_json: bool) -> Iterator[Callable[[Step], None]]:
    """Yield what shows progress: one changing line, and only on a terminal."""
    shown = sys.stderr.isatty() and not as_json
    done = 0

    def tell_step(step: Step) -> None:
        nonlocal done
        done += step.what == "done"
        if shown:
            text = f"\r\x1b[K{done} done; {step.what} {step.device} {step.session}"
            typer.echo(text, err=True, nl=False)

    yield tell_step
    if shown:
        typer.echo("\r\x1b[K", err=True, nl=False)


def print_pull(report: PullReport, *, as_json: bool) -> None:
    """Print what a pull brought: a line for each session, and one for all."""
    for verdict in report.judged:
        print_verdict(verdict, as_json=as_json)
    for row in report.quarantined:
        facts = {
            "device": row.device,
            "session": row.session,
            "copy": row.copy,
            "status": "quarantined",
            "reason": row.reason,
        }
        text = f"{row.device}  {row.copy}  quarantined  {row.reason}"
        say(facts, text, as_json=as_json)
    summary = {
        "known": report.known,
        "judged": len(report.judged),
        "quarantined": len(report.quarantined),
        "failed": len(report.failures),
    }
    text = ", ".join(f"{n} {word}" for word, n in summary.items())
    say(summary, text, as_json=as_json)
    for copy, error in report.failures:
        tell(f"{copy.device} {copy.name}: {error}")


def print_verdict(verdict: Verdict, *, as_json: bool) -> None:
    """Print the verdict on one session in one line."""
    device = verdict.manifest.device if verdict.manifest else ""
    facts = {
        "device": device,
        "session": verdict.manifest.session if verdict.manifest else verdict.folder.name,
        "path": str(verdict.folder),
        "status": verdict.status,
        "files": verdict.files,
        "reason": verdict.reason,
    }
    text = f"{device or '-':<9}  {facts['session']}  {verdict.status:<11}  {verdict.reason}"
    say(facts, text.rstrip(), as_json=as_json)


def say(facts: Mapping[str, object], text: str, *, as_json: bool) -> None:
    """Print ``facts`` as a line of JSON, or ``text`` for people."""
    typer.echo(json.dumps(facts) if as_json else text)


def tell(text: str) -> None:
    """Tell people something beside the output."""
    typer.echo(f"fieldrec-lab: {text}", err=True)

"""Runs inside the machine: asks its recorder for what a screen would, one word a step.

Usage: python3 drive.py SOCKET begin CODE SECONDS | end | state
       python3 drive.py FILE beat      prints the host clock and FILE's last line, for ever
``begin`` prepares, waits for the gate or its override, and records. It prints lines
"SAVED seconds-saved marks".
"""

from __future__ import annotations

import json
import sys
import time
import tomllib
from pathlib import Path

from recorder.clock import NS_PER_S, read_host_ns
from recorder.protocol import calls
from recorder.protocol.client import RecorderClient
from recorder.protocol.replies import ClientList, Finished, Papers


def begin(recorder: RecorderClient, code: str, seconds: float) -> None:
    """Record with ``code``; mark every few seconds and tell what is saved."""
    papers = recorder.ask(calls.ReadPapers(), Papers)
    study = tomllib.loads(papers.study) if papers.study else {}
    known = {one.code for one in recorder.ask(calls.ListClients(), ClientList).clients}
    is_new = code not in known
    recorder.do(
        calls.Prepare(
            client=code,
            mode="in-person",
            only_consented=True,
            scopes=("audio", "eeg") if is_new else None,
            form="1" if is_new else None,
            signed_on="2026-01-31" if is_new else "",
            confirmed=tuple(one["id"] for one in study.get("eligibility", ())),
        )
    )
    recorder.do(calls.Subscribe())
    gate = recorder.next_news().gate
    while not gate.open and gate.override_in_s > 0:
        gate = recorder.next_news().gate
    recorder.do(calls.Record(override=not gate.open))
    marks = 0
    while True:
        state = recorder.next_news()
        session = state.session
        if session is None or state.phase != "recording":
            continue
        print(
            "SAVED",
            round(session.written_s - (session.saved_ago_s or 0), 2),
            marks,
            flush=True,
        )
        if session.written_s > seconds:
            return
        if session.written_s > 2 * (marks + 1):
            recorder.do(calls.Mark(id="insight", act="point", key_ns=read_host_ns()))
            marks += 1


def beat(file: Path) -> None:
    """Tell what time it is on the clock that stamps what is recorded."""
    while True:
        lines = file.read_text().splitlines()
        print("BEAT", read_host_ns() / NS_PER_S, lines[-1], flush=True)
        time.sleep(0.05)


def main() -> None:
    """Do what the command line says."""
    socket, what, *rest = sys.argv[1:]
    if what == "beat":
        beat(Path(socket))
    with RecorderClient(Path(socket), patience_s=240) as recorder:
        if what == "begin":
            begin(recorder, rest[0], float(rest[1]))
        elif what == "end":
            recorder.do(calls.Stop())
            done = recorder.ask(calls.Finish(outcome="complete"), Finished)
            print(json.dumps({"session": done.session, "clean": done.clean}))
        else:
            recorder.do(calls.Subscribe())
            print(recorder.next_news())


if __name__ == "__main__":
    main()

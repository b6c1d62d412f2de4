"""How fast the box sends, beside OpenSSH's `sftp`, and what cut links cost it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from uuid import uuid4

from lab.server.local import HOST, LocalServer, LocalSettings
from recorder.box import Box, Server
from recorder.clock import NS_PER_S, read_wall_pair
from recorder.format.fleet import FleetServer
from recorder.store.disk import RealDisk
from recorder.store.signing import Signer, sign_session
from recorder.upload.fleet import with_server
from recorder.upload.pace import Patience
from recorder.upload.sftp import connect
from scripts.benchmarks.figures import Figure, Result
from scripts.benchmarks.house import make_boxes, program
from scripts.benchmarks.links import bench_link

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIB = 1 << 20
_MB = 1_000_000
_DELAY_S = 0.05  # each way
_CUT_FILE_BYTES = 10 * _MB
_CUT_AFTER_BYTES = 3 * _MB
_AS_FAST_AS = 0.9
_CUT_COST = 1.5
_REQUESTS = Patience(max).requests  # what a box begins with that no cut has taught


@dataclass(frozen=True, slots=True)
class Rig:
    """A box that the running ``server`` lets in."""

    box: Box
    server: LocalServer

    @property
    def up(self) -> Path:
        """Where the box's uploads arrive."""
        return self.server.folder.up(self.box.device.lower())

    def reach(self, port: int) -> None:
        """Enter the server into the box, to be reached through ``port``."""
        line = self.server.known_hosts_line.replace(f":{self.server.port} ", f":{port} ")
        self.box.known_hosts_path.write_text(line, "utf-8")
        settings = self.box.root / "box.toml"
        before = settings.read_text("utf-8")
        there = FleetServer(host=HOST, port=port, user=self.server.user)
        settings.write_text(with_server(before, there) or before, "utf-8")


def run(*, scratch: Path, mebibytes: int, rounds: int) -> Result:
    """Send a file ``rounds`` times in each way, in turns; then one over cut links."""
    with tempfile.TemporaryDirectory(prefix="run-", dir=scratch.absolute()) as name:
        file = Path(name) / "sealed"
        with file.open("wb") as out:
            for _ in range(mebibytes):
                out.write(os.urandom(_MIB))
        with _rig(Path(name)) as rig:
            direct = _compare(rig, file, rig.server.port, rounds)
            with bench_link(rig.server.port, delay_s=_DELAY_S) as link:
                far = _compare(rig, file, link.port, rounds)
            cost = _send_over_cuts(rig)
    figures = (
        _figure("upload, no delay", *direct),
        _figure("upload, 100 ms round trip", *far),
        Figure("bytes sent / size, cut every 3 MB", cost, "", at_most=_CUT_COST),
    )
    details = {
        "mebibytes": mebibytes,
        "no_delay": dict(zip(("ours", "sftp"), direct, strict=True)),
        "round_trip_100_ms": dict(zip(("ours", "sftp"), far, strict=True)),
    }
    return Result("upload", figures, details)


def _figure(name: str, ours: list[float], peer: list[float]) -> Figure:
    return Figure(
        name, median(ours), "MB/s", median(peer), "sftp", least_of_peer=_AS_FAST_AS
    )


@contextmanager
def _rig(root: Path) -> Iterator[Rig]:
    (made,) = make_boxes(root, [root / "box"])
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    server = LocalServer(LocalSettings(root / "server", root / "fleet" / "public", port))
    server.prepare()
    server.start()
    try:
        yield Rig(Box.load(made.folder), server)
    finally:
        server.stop()


def _compare(
    rig: Rig, file: Path, port: int, rounds: int
) -> tuple[list[float], list[float]]:
    """Return MB/s of ours and of `sftp`, log-in and fsync on the server included."""
    rig.reach(port)
    ours: list[float] = []
    peer: list[float] = []
    for _ in range(rounds):
        for send, found in ((_ours, ours), (_stock, peer)):
            began_s = time.perf_counter()
            send(rig, file, port)
            took_s = time.perf_counter() - began_s
            arrived = rig.up / file.name
            if arrived.stat().st_size != file.stat().st_size:
                raise RuntimeError(f"{send.__name__} did not send the whole file")
            arrived.unlink()
            found.append(file.stat().st_size / _MB / took_s)
    return ours, peer


def _ours(rig: Rig, file: Path, port: int) -> None:
    server = Server(host=HOST, port=port, user=rig.server.user)
    wall_s = read_wall_pair().wall_ns // NS_PER_S
    with connect(rig.box, server, wall_s=wall_s) as link, file.open("rb") as content:
        link.write(
            f"up/{file.name}",
            content.read,
            start=0,
            requests=_REQUESTS,
            confirmed=lambda _: None,
        )


def _stock(rig: Rig, file: Path, port: int) -> None:
    """Put with 64 requests of 32 KiB, its defaults; -f has it end with an fsync too."""
    options = {
        "IdentityFile": rig.box.key_path,
        "CertificateFile": rig.box.certificate_path,
        "UserKnownHostsFile": rig.box.known_hosts_path,
        "GlobalKnownHostsFile": os.devnull,
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
    }
    words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    place = ("-P", str(port), f"{rig.server.user}@{HOST}")
    stock = shutil.which("sftp") or "sftp"
    subprocess.run(
        [stock, "-q", "-F", "none", "-B", "32768", "-b", "-", *words, *place],
        input=f"put -f {file} up/{file.name}\n",
        text=True,
        check=True,
        capture_output=True,
    )


def _send_over_cuts(rig: Rig) -> float:
    """Let the real command send a session; return what it sent over what it had to."""
    box = rig.box
    session = box.sessions / str(uuid4())
    session.mkdir(mode=0o700)
    (session / "session.json.age").write_bytes(os.urandom(_CUT_FILE_BYTES))
    signer = Signer(box.device, box.chain, box.signing_key(), box.recipients)
    sign_session(RealDisk(), signer, session, clean=True, discarded=False)
    with bench_link(rig.server.port, cut_after_bytes=_CUT_AFTER_BYTES) as link:
        rig.reach(link.port)
        command = [program("fieldrec"), "sync", "--once", "--box", box.root]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return link.sent_bytes / _CUT_FILE_BYTES

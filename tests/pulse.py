"""A real sound server for tests: PulseAudio, alone on a private socket, with a null sink.

What is played into the sink can be captured from its monitor through ALSA's pulse plugin,
as PCM `PCM`: a real-time microphone that needs no hardware.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PCM = "desk_microphone"
_SINK = "desk"
_CONFIG = """\
</usr/share/alsa/alsa.conf>
pcm.{pcm} {{
    type pulse
    server "unix:{socket}"
    device "{sink}.monitor"
    hint {{ show on description "Microphone on the desk" }}
}}
"""


class PulseServer:
    """The server: may be killed and started again; its clients find it where it was."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "socket"
        self.config = folder / "asound.conf"
        self.config.write_text(
            _CONFIG.format(pcm=PCM, socket=self.socket, sink=_SINK), encoding="ascii"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What to set so that clients (ALSA's too) find this server and nothing else."""
        folder = str(self.folder)
        return {
            "HOME": folder,
            "XDG_RUNTIME_DIR": folder,
            "XDG_CONFIG_HOME": folder,
            "ALSA_CONFIG_PATH": str(self.config),
            "PULSE_SERVER": f"unix:{self.socket}",
        }

    def start(self) -> None:
        """Return once clients can connect."""
        sink = f"module-null-sink sink_name={_SINK} rate=48000 channels=2"
        door = f"module-native-protocol-unix auth-anonymous=1 socket={self.socket}"
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1"),
                *("--use-pid-file=no", "--disable-shm=yes", "--log-target=stderr"),
                *("--resample-method=speex-float-10", "-L", sink, "-L", door),
            ],
            env={**os.environ, **self.environment, "PULSE_SERVER": ""},
            stderr=subprocess.DEVNULL,
        )
        for _ in range(600):
            if self._run("pactl", "info") == 0:
                return
            time.sleep(0.1)
        raise AssertionError("PulseAudio did not start within a minute")

    def kill(self) -> None:
        """Take the server away from one moment to the next, as a plug is pulled."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def play(self, wav: Path) -> None:
        """Play ``wav`` into the sink in real time; return at its end."""
        assert self._run("paplay", f"--device={_SINK}", str(wav)) == 0

    def _run(self, *command: str) -> int:
        environment = {**os.environ, **self.environment}
        return subprocess.run(
            command,
            env=environment,
            stderr=subprocess.DEVNULL,
            check=False,
            stdout=subprocess.DEVNULL,
        ).returncode


@contextmanager
def running_pulse() -> Iterator[PulseServer]:
    """Run a server with this process's environment pointing to it; skip without one."""
    if shutil.which("pulseaudio") is None:
        pytest.skip("needs pulseaudio")
    # Not tmp_path: the name of a socket may have 107 characters only.
    with (
        tempfile.TemporaryDirectory(prefix="pulse-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        server = PulseServer(Path(folder))
        for name, value in server.environment.items():
            patch.setenv(name, value)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture
def pulse_server() -> Iterator[PulseServer]:
    """Run a sound server of the test's own; `PCM` is its microphone."""
    with running_pulse() as server:
        yield server

"""A killed build leaves no image; the next one is, byte for byte, what it had to be."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
from typing import TYPE_CHECKING

from tests.vm.world import build_image, image_words

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 3
LONGEST_S = 20.0  # about as long as a build with its base in the cache


def test_a_killed_build_is_begun_anew_and_comes_out_equal(tmp_path: Path) -> None:
    first, again = build_image("amd64"), tmp_path / "again"
    chance = random.Random(6)
    for _ in range(KILLS):
        with subprocess.Popen(
            image_words("amd64", again), start_new_session=True, stderr=subprocess.DEVNULL
        ) as build:
            with contextlib.suppress(subprocess.TimeoutExpired):
                build.wait(chance.random() * LONGEST_S)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(build.pid, signal.SIGKILL)
        if build.returncode == 0:
            break  # it was quicker: the image is whole
        assert not again.exists()
    if not again.exists():
        subprocess.run(image_words("amd64", again), check=True, capture_output=True)
    for name in ("root.squashfs", "firm.img", "image.json"):
        assert (again / name).read_bytes() == (first / name).read_bytes(), name
    assert [path.name for path in tmp_path.iterdir()] == ["again"]

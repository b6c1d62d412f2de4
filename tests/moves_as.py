"""Run the mover once, as a Unix user without rights.

    python moves_as.py USER FOLDER

The programs it needs may lie where that user can't read, so it becomes the user late.
"""

from __future__ import annotations

import json
import os
import pwd
import sys
from dataclasses import asdict
from pathlib import Path

from lab.server.folder import ServerFolder
from lab.server.mover import Mover


def main() -> None:
    user = pwd.getpwnam(sys.argv[1])
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.umask(0o027)
    print(json.dumps(asdict(Mover(ServerFolder(Path(sys.argv[2]))).take_all())))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()

"""Whether a process could leave a core dump."""

from __future__ import annotations

import re
from pathlib import Path


def leaves_no_core(pid: int) -> bool:
    """Tell whether neither ``pid`` nor what it starts can leave or pipe a core dump.

    1 byte stops files and handlers; 0 where it was given, as it can't be raised.
    """
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    found = re.search(r"^Max core file size +(\w+) +(\w+)", limits, re.MULTILINE)
    return found is not None and found.groups() in {("1", "1"), ("0", "0")}

"""No core dump: what is recorded stands in memory unsealed, and a dump would keep it."""

from __future__ import annotations

import resource

# Less than a page, so no file is written; and the one limit at which the kernel starts no
# handler such as systemd-coredump or apport either (fs/coredump.c), as it would at 0.
# PR_SET_DUMPABLE would do as well, but hides /proc/PID/smaps from whoever measures us.
_LIMIT_BYTES = 1


def forbid_core_dumps() -> None:
    """Let neither this process nor any that it starts ever leave a core dump."""
    _, hard_bytes = resource.getrlimit(resource.RLIMIT_CORE)
    if hard_bytes != 0:  # 0 can't be raised, and says the same
        resource.setrlimit(resource.RLIMIT_CORE, (_LIMIT_BYTES, _LIMIT_BYTES))
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

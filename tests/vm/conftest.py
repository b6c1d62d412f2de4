"""The stories with whole machines take many minutes: scripts/test-system asks for them."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("FIELDREC_SYSTEM") else ["test_*.py"]

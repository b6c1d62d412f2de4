"""Whatever a technician's command refuses, it says what to do."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import provisioning

ROOT = Path(provisioning.__file__).parent
REFUSALS = {"ProvisionError", "SetupError", "ServiceError", "StoreBusyError"}


def refusals(path: Path) -> list[ast.Call]:
    """Return every place in ``path`` where a refusal is made."""
    return [
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in REFUSALS
    ]


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_every_refusal_has_its_hint(path: Path) -> None:
    bare = [
        f"line {call.lineno}: {ast.unparse(call)}"
        for call in refusals(path)
        if not any(word.arg == "hint" for word in call.keywords)
    ]
    assert not bare


def test_the_search_finds_refusals() -> None:
    assert len(refusals(ROOT / "flash" / "target.py")) > 5

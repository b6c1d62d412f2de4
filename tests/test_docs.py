"""What the documents say is true of the programs, and leads somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

import lab.cli
import provisioning.cli
import recorder.cli
import tui.cli
from recorder.errors import FieldrecError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PROGRAMS = {
    "fieldrec": recorder.cli.app,
    "fieldrec-lab": lab.cli.app,
    "fieldrec-provision": provisioning.cli.app,
    "fieldrec-tui": tui.cli.app,
}
_CODE = re.compile(r"^```.*?^```|^(?: {4}.*\n)+|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_ERROR_ROW = re.compile(r"^\| (\d+) \| `(\w+)` \|", re.MULTILINE)
# Written so that this file does not name what it looks for.
_INDEX_HOSTS = re.compile(
    r"|".join(
        re.escape(".".join(words))
        for words in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("registry", "npmjs"),
            ("registry", "yarnpkg"),
            ("deb", "debian", "org"),
            ("crates", "io"),
        )
    )
)
_SOMEBODYS_FOLDER = re.compile(r"(?<![\w.~-])/(?:work|root|home/\w+|Users/\w+|opt/\w+)/\w")


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def commands_in(text: str) -> Iterator[list[str]]:
    """Yield the words of each command of ours in code: blocks and inline."""
    for code in _CODE.findall(text):
        joined = code.strip("`").replace("\\\n", " ")
        for line in joined.splitlines():
            found = re.match(r"\s*(?:\$ )?(fieldrec(?:-\w+)?(?: .*)?)$", line)
            if found and re.sub(r" .*", "", found[1]) in PROGRAMS:
                yield shlex.split(found[1], comments=True)


def check_command(words: list[str]) -> str:
    """Return what is wrong with a command, or nothing."""
    command: Any = typer.main.get_command(PROGRAMS[words[0]])
    rest = words[1:]
    while hasattr(command, "commands") and rest:
        if rest[0] not in command.commands:
            return f"{words[0]} has no command {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    options = {name: param for param in command.params for name in param.opts}
    for n, word in enumerate(rest):
        name = word.partition("=")[0]
        if not name.startswith("--") or name == "--help":
            continue
        if name not in options:
            return f"{shlex.join(words)}: no option {name}"
        needs_value = "=" not in word and not options[name].is_flag
        if needs_value and (n + 1 == len(rest) or rest[n + 1].startswith("--")):
            return f"{shlex.join(words)}: {name} without its value"
    return ""


def slugs(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as they are made of Markdown."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}


def all_errors(of: type[FieldrecError] = FieldrecError) -> Iterator[type[FieldrecError]]:
    if of.__module__ == FieldrecError.__module__:
        yield of
    for leaf in of.__subclasses__():
        yield from all_errors(leaf)


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode:
        pytest.skip("needs a git checkout")
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_command_in_code_exists_with_its_options(page: Path) -> None:
    problems = [check_command(words) for words in commands_in(page.read_text())]
    assert not [problem for problem in problems if problem]


def test_the_documents_show_every_program() -> None:
    shown = {words[0] for page in PAGES for words in commands_in(page.read_text())}
    assert shown == set(PROGRAMS)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("    fieldrec-lab fly --now\n", "fieldrec-lab has no command fly"),
        ("`fieldrec record --loud`", "fieldrec record --loud: no option --loud"),
        (
            "```\nfieldrec record \\\n  --box --json\n```",
            "fieldrec record --box --json: --box without its value",
        ),
        ("`fieldrec-provision device new --fleet F --box B`", ""),
        ("`fieldrec sessions --box BOX --json`", ""),
    ],
)
def test_a_wrong_command_would_be_found(text: str, problem: str) -> None:
    (words,) = commands_in(text)
    assert check_command(words) == problem


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_example_of_a_commands_help_is_a_command(name: str) -> None:
    commands = [typer.main.get_command(PROGRAMS[name])]
    problems = []
    while commands:
        command: Any = commands.pop()
        commands += getattr(command, "commands", {}).values()
        examples = (command.epilog or "").replace("\b", "").splitlines()
        problems += [
            check_command(shlex.split(line))
            for line in examples
            if line.startswith("  fieldrec")
        ]
    assert not [problem for problem in problems if problem]


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in slugs(target)):
            broken.append(link)
    assert not broken


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = (link.partition("#")[0] for link in _LINK.findall(page.read_text()))
        waiting += [
            (page.parent / link).resolve()
            for link in links
            if link and not re.match(r"[a-z]+:", link)
        ]
    assert not [page_id(page) for page in PAGES if page not in seen]


def test_the_list_of_errors_is_complete() -> None:
    listed = _ERROR_ROW.findall((ROOT / "docs" / "errors.md").read_text())
    assert [(int(code), name) for code, name in listed] == sorted(
        (error.code, error.__name__) for error in all_errors()
    )


def test_the_pictures_are_small_enough_to_load_anywhere() -> None:
    for picture in (ROOT / "docs").rglob("*.png"):
        assert picture.stat().st_size < 200_000


def test_no_file_names_a_package_index_or_somebodys_folder() -> None:
    for path in tracked_files():
        text = path.read_bytes().decode("utf-8", "replace")
        found = _INDEX_HOSTS.search(text) or _SOMEBODYS_FOLDER.search(text)
        assert not found, f"{path.relative_to(ROOT)} names {found[0]}"

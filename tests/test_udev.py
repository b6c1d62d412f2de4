"""The udev rules say what they should, and nothing that udev would drop unheard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

RULES = Path(__file__).parents[1] / "udev" / "60-fieldrec.rules"
FTDI = "0403"
DONGLES = {("0403", "6015"), ("0403", "6001"), ("2458", "0001")}
# As in docs/microphones.md and provisioning's parts list; the table is in udev/README.md.
MICROPHONES = {
    ("b58e", "9e84"),
    ("17a0", "0310"),
    ("1235", "8211"),
    ("0d8c", "0014"),
    ("0d8c", "013c"),
    ("046d", "0a8f"),
}
TABLE = RULES.with_name("README.md")
# What udev(7) knows, as far as it is used here: those compared, those assigned.
COMPARED = {
    "ACTION",
    "SUBSYSTEM",
    "SUBSYSTEMS",
    "KERNEL",
    "ENV{DEVTYPE}",
    *(
        f"{attribute}{{{name}}}"
        for attribute in ("ATTR", "ATTRS")
        for name in ("idVendor", "idProduct")
    ),
}
ASSIGNED = {
    "GOTO",
    "LABEL",
    "GROUP",
    "MODE",
    "SYMLINK",
    "ATTR{id}",
    "ATTR{latency_timer}",
    "ENV{ID_MM_DEVICE_IGNORE}",
}
_TERM = re.compile(r'([A-Z]+(?:\{\w+\})?)(==|\+=|=)"([^"]*)"')

Term = tuple[str, str, str]


def terms_of(line: str) -> list[Term]:
    """Return key, operator and value of each term; ValueError for what is none."""
    terms: list[Term] = []
    for text in line.split(", "):
        match = _TERM.fullmatch(text)
        if match is None:
            raise ValueError(text)
        terms.append((match[1], match[2], match[3]))
    return terms


def lines() -> list[str]:
    text = RULES.read_text("ascii")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def dongle_of(terms: list[Term]) -> tuple[str, str]:
    ids = {
        key.partition("{")[2]: value for key, operator, value in terms if operator == "=="
    }
    return ids.get("idVendor}", ""), ids.get("idProduct}", "")


def dongles_with(key: str, value: str) -> set[tuple[str, str]]:
    rules = [terms_of(line) for line in lines()]
    return {dongle_of(terms) for terms in rules if (key, "=", value) in terms}


@pytest.mark.parametrize("line", lines())
def test_every_line_compares_and_assigns_only_what_udev_knows(line: str) -> None:
    for key, operator, _ in terms_of(line):
        assert key in (COMPARED if operator == "==" else ASSIGNED)


@pytest.mark.parametrize("line", lines())
def test_every_id_is_four_hexadecimal_digits_in_lower_case(line: str) -> None:
    for key, _, value in terms_of(line):
        if "idVendor" in key or "idProduct" in key:
            assert re.fullmatch(r"[0-9a-f]{4}", value)


@pytest.mark.parametrize("line", lines())
def test_nothing_is_done_to_a_device_that_is_not_ours(line: str) -> None:
    terms = terms_of(line)
    if not {"GOTO", "LABEL"} & {key for key, _, _ in terms}:
        is_any_microphone = ("ATTR{id}", "=", "BoxMicX") in terms
        assert is_any_microphone or dongle_of(terms) in DONGLES | MICROPHONES


def test_the_latency_timer_is_set_for_ftdi_alone() -> None:
    served = dongles_with("ATTR{latency_timer}", "1")
    assert served == {dongle for dongle in DONGLES if dongle[0] == FTDI}


def test_every_dongle_can_be_opened_and_is_left_alone_by_modemmanager() -> None:
    assert dongles_with("GROUP", "dialout") == DONGLES
    assert dongles_with("ENV{ID_MM_DEVICE_IGNORE}", "1") == DONGLES


def test_every_dongle_has_its_own_name_and_its_serial_number() -> None:
    name = "box/eeg box/eeg-$attr{serial}"
    rules = [terms_of(line) for line in lines()]
    named = {dongle_of(terms) for terms in rules if ("SYMLINK", "+=", name) in terms}
    assert named == DONGLES


def test_known_microphones_have_one_name_and_unknown_ones_another() -> None:
    assert dongles_with("ATTR{id}", "BoxMic") == MICROPHONES
    names = [line for line in lines() if "ATTR{id}" in line]
    assert "BoxMicX" in names[0]  # what is known comes after and counts


def test_the_table_names_every_id_with_its_source() -> None:
    rows = re.findall(
        r"^\| `(\w{4}):(\w{4})` \|[^|]+\|[^|]+\| *(\w[^|]+)\|",
        TABLE.read_text(),
        re.MULTILINE,
    )
    assert {(vendor, product) for vendor, product, _ in rows} == DONGLES | MICROPHONES


def test_the_jump_has_its_target() -> None:
    terms = [term for line in lines() for term in terms_of(line)]
    targets = [value for key, _, value in terms if key == "LABEL"]
    assert [value for key, _, value in terms if key == "GOTO"] == targets


@pytest.mark.parametrize(
    "line", ['GROUP="dialout" MODE="0660"', "GROUP=dialout", "# GROUP"]
)
def test_a_line_udev_would_drop_is_found(line: str) -> None:
    with pytest.raises(ValueError, match="GROUP"):
        terms_of(line)

"""A planned session that did not take place is signed, verified and opened as such."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from recorder.errors import ClientCodeError, ConsentError, FormatError, OpenError
from recorder.protocol import calls, replies
from tests.service_rig import Rig
from tests.story import must, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.house import House


def skip_after_one_session(box: Path) -> replies.Finished:
    """Record a client once, then skip the next session; return what was signed."""
    with Rig(box) as rig:
        code = rig.begin()
        rig.do(calls.Discard())
        skipped = rig.ask(calls.Skip(code, "online", "client_absent"), replies.Finished)
        assert rig.phase == "home"
        (listed,) = rig.ask(calls.ListClients(), replies.ClientList).clients
        assert listed.sessions == 0  # nothing was recorded
        assert code not in "".join(rig.log)
        return skipped


def test_the_lab_verifies_and_opens_a_session_that_did_not_take_place(
    own_house: House, tmp_path: Path
) -> None:
    skipped = skip_after_one_session(own_house.box)
    assert skipped.clean
    folder = own_house.box / "sessions" / skipped.session
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["parts"], list(manifest["files"])) == (0, ["session.json.age"])
    said = must("fieldrec-lab", "verify", folder, "--lab", own_house.lab)
    assert "verified" in said
    out = tmp_path / "out"
    ended = run("fieldrec-lab", "open", folder, "--lab", own_house.lab, "--out", out)
    assert ended.code == 0
    assert "nothing was recorded (skipped client_absent)" in ended.err
    opened = out / skipped.session
    sheet = json.loads((opened / "session.json").read_text())
    assert sheet["ending"] == {
        "outcome": "skipped",
        "reason": "client_absent",
        "scales": {},
    }
    assert sheet["mode"] == "online"
    integrity = json.loads((opened / "integrity.json").read_text())
    assert (integrity["parts"], integrity["problems"]) == (0, [])
    assert integrity["clean"]
    drawn = run("fieldrec-lab", "overview", opened)
    assert drawn.code == OpenError.code
    assert "no opened session with EEG" in drawn.err


def test_the_box_lists_it_like_any_other(own_house: House) -> None:
    skipped = skip_after_one_session(own_house.box)
    rows = json.loads(must("fieldrec", "sessions", "--box", own_house.box, "--json"))
    (row,) = [one for one in rows if one["session"] == skipped.session]
    assert (row["state"], row["parts"], row["clean"]) == ("waiting", 0, True)


def test_only_a_client_with_consent_and_a_reason_of_the_study_is_skipped(
    own_house: House,
) -> None:
    with Rig(own_house.box) as rig:
        code = rig.new_code()
        with pytest.raises(ConsentError, match="no consent on file"):
            rig.do(calls.Skip(code, "online", "client_absent"))
        for reason in ("", "bored"):
            with pytest.raises(FormatError, match="no such reason"):
                rig.do(calls.Skip(code, "online", reason))
        with pytest.raises(ClientCodeError):
            rig.do(calls.Skip("Ivanova", "online", "client_absent"))
    assert list((own_house.box / "sessions").glob("*/manifest.json")) == []

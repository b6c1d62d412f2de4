"""A box in the field takes over what its lab and technicians sign, and nothing older."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lab.identity import X25519Identity
from lab.settings import Lab
from recorder.box import Box
from recorder.cli import main
from recorder.clients import Clients
from recorder.errors import FormatError, RegisterError
from recorder.format.age import recipient_text
from recorder.format.fleet import FleetServer, FleetUpdate, encode_fleet
from recorder.format.manifest import NAMESPACE_CLIENTS, NAMESPACE_FLEET
from recorder.format.registers import LabRegister, encode_register
from recorder.format.sshsig import sign
from recorder.upload.fleet import Renewal, with_server
from tests.house import exit_code
from tests.upload_rig import World, add_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.house import House
    from tests.sftp_server import IntakeServer


@dataclass
class Mail:
    """What lies in a box's receipts folder or on its card."""

    house: House
    files: dict[str, bytes] = field(default_factory=dict)

    def read(self, name: str, limit_bytes: int) -> bytes | None:
        content = self.files.get(name)
        assert content is None or len(content) <= limit_bytes
        return content

    def put(
        self, name: str, content: bytes, key: Ed25519PrivateKey, namespace: str
    ) -> None:
        self.files[name] = content
        self.files[f"{name}.sig"] = sign(content, key, namespace=namespace).encode()

    def fleet(self, box: Box, serial: int = 1, **fields: object) -> None:
        fields = {"serial": serial, "device": box.device, **fields}
        update = FleetUpdate(**fields)  # type: ignore[arg-type] # a test's choice
        key = self.house.load_fleet().fleet_key()
        self.put("fleet.json", encode_fleet(update), key, NAMESPACE_FLEET)

    def clients(self, serial: int = 1, pool: tuple[str, ...] = ()) -> None:
        content = encode_register(LabRegister(serial=serial, pool=pool))
        key = Lab.load(self.house.lab).receipt_key()
        self.put("clients.json", content, key, NAMESPACE_CLIENTS)


@pytest.fixture
def mail(house: House) -> Mail:
    return Mail(house)


def take(box: Box, mail: Mail) -> list[str]:
    return Renewal(box).take(mail.read)


def new_certificate(house: House, box: Box, tmp_path: Path) -> str:
    public = tmp_path / "copy.pub"
    public.write_bytes(box.key_path.with_suffix(".pub").read_bytes())
    authority = house.load_fleet().authority_path
    command = ["ssh-keygen", "-q", "-s", authority, "-I", "new", "-n", box.device.lower()]
    subprocess.run([*map(str, command), "-V", "+52w", str(public)], check=True)
    return (tmp_path / "copy-cert.pub").read_text()


def two_recipients() -> str:
    return "".join(f"{recipient_text(X25519Identity.generate().recipient)}\n" for _ in "ab")


def test_everything_is_renewed_at_once(
    house: House, box: Box, mail: Mail, tmp_path: Path
) -> None:
    texts = {
        "certificate": new_certificate(house, box, tmp_path),
        "recipients": two_recipients(),
        "known_hosts": "other.example ssh-ed25519 AAAA\n",
        "allowed_signers": box.signers_path.read_text() + "# one more line\n",
    }
    server = FleetServer(host="other.example", port=2222, user="box-00019")
    mail.fleet(box, 7, server=server, **texts)
    assert take(box, mail) == ["fleet.json"]
    renewed = Box.load(box.root)
    assert renewed.certificate_path.read_text() == texts["certificate"]
    assert (renewed.lab / "recipients.txt").read_text() == texts["recipients"]
    assert renewed.known_hosts_path.read_text() == texts["known_hosts"]
    assert renewed.signers_path.read_text() == texts["allowed_signers"]
    assert renewed.server is not None
    assert (renewed.server.host, renewed.server.port) == ("other.example", 2222)
    assert renewed.device == box.device


def test_an_empty_text_changes_nothing(box: Box, mail: Mail) -> None:
    before = {path: path.read_bytes() for path in box.root.rglob("*") if path.is_file()}
    mail.fleet(box)
    take(box, mail)
    for path, content in before.items():
        assert path.read_bytes() == content


def test_the_same_again_is_nothing_new(box: Box, mail: Mail) -> None:
    mail.fleet(box, 3)
    mail.clients(4)
    assert take(box, mail) == ["fleet.json", "clients.json"]
    assert take(box, mail) == []


def test_an_older_serial_is_refused(box: Box, mail: Mail) -> None:
    mail.fleet(box, 3)
    take(box, mail)
    mail.fleet(box, 2, recipients=two_recipients())
    before = (box.lab / "recipients.txt").read_bytes()
    with pytest.raises(RegisterError, match="serial 2: older than serial 3"):
        take(box, mail)
    assert (box.lab / "recipients.txt").read_bytes() == before


def test_a_second_one_with_the_same_serial_is_refused(box: Box, mail: Mail) -> None:
    mail.fleet(box, 3)
    take(box, mail)
    mail.fleet(box, 3, recipients=two_recipients())
    with pytest.raises(RegisterError, match="another one than serial 3"):
        take(box, mail)


def test_another_boxs_is_refused(box: Box, mail: Mail) -> None:
    mail.fleet(box, device="BOX-00027")
    with pytest.raises(RegisterError, match="is for BOX-00027"):
        take(box, mail)


@pytest.mark.parametrize("who", ["stranger", "box", "lab"])
def test_only_the_fleets_key_signs_fleet_json(who: str, box: Box, mail: Mail) -> None:
    keys = {
        "stranger": Ed25519PrivateKey.generate(),
        "box": box.signing_key(),
        "lab": Lab.load(mail.house.lab).receipt_key(),
    }
    update = FleetUpdate(serial=1, device=box.device, recipients=two_recipients())
    mail.put("fleet.json", encode_fleet(update), keys[who], NAMESPACE_FLEET)
    with pytest.raises(RegisterError, match="unknown key"):
        take(box, mail)
    assert not (box.lab / "fleet.json").exists()


def test_the_fleets_key_does_not_sign_registers_of_clients(box: Box, mail: Mail) -> None:
    content = encode_register(LabRegister(serial=9, pool=("2222Q",)))
    key = mail.house.load_fleet().fleet_key()
    mail.put("clients.json", content, key, NAMESPACE_CLIENTS)
    with pytest.raises(RegisterError, match="unknown key"):
        take(box, mail)


def test_signers_without_the_lab_or_the_fleet_are_never_made(box: Box) -> None:
    lines = box.signers_path.read_text().splitlines()
    for missing in ("lab", "fleet"):
        left = "\n".join(line for line in lines if not line.startswith(missing)) + "\n"
        with pytest.raises(FormatError, match=f"no key of '{missing}'"):
            encode_fleet(FleetUpdate(serial=1, device=box.device, allowed_signers=left))


def test_a_certificate_for_another_key_is_refused(
    house: House, box: Box, mail: Mail, tmp_path: Path
) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")],
        check=True,
    )
    authority = house.load_fleet().authority_path
    command = ["ssh-keygen", "-q", "-s", authority, "-I", "x", "-n", box.device.lower()]
    subprocess.run([*map(str, command), str(tmp_path / "key.pub")], check=True)
    mail.fleet(box, certificate=(tmp_path / "key-cert.pub").read_text())
    before = box.certificate_path.read_bytes()
    with pytest.raises(RegisterError, match="not for this box's key"):
        take(box, mail)
    assert box.certificate_path.read_bytes() == before


def test_a_refused_fleet_json_does_not_stop_the_clients(box: Box, mail: Mail) -> None:
    mail.fleet(box, device="BOX-00027")
    mail.clients(1, pool=("K7QX3",))
    with pytest.raises(RegisterError):
        take(box, mail)
    assert (box.lab / "clients.json").exists()


def test_clients_come_and_are_believed(box: Box, mail: Mail) -> None:
    mail.clients(2, pool=("K7QX3",))
    take(box, mail)
    Clients.of(box).authorise(
        "K7QX3", scopes=frozenset({"eeg"}), form="1", needs=frozenset({"eeg"})
    )
    mail.clients(1)
    with pytest.raises(RegisterError, match="older than serial 2"):
        take(box, mail)


def test_a_lost_register_comes_again(box: Box, mail: Mail) -> None:
    mail.clients(2, pool=("K7QX3",))
    take(box, mail)
    for name in ("clients.json", "clients.json.sig"):
        (box.lab / name).unlink()
    assert take(box, mail) == ["clients.json"]


class PlugPulledError(Exception):
    """No OSError: nobody may catch it."""


@contextmanager
def plug_pulled_after(n_replaced: int) -> Iterator[None]:
    """Pull the plug before the file after ``n_replaced`` others is replaced."""
    left = iter(range(n_replaced))
    original = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if next(left, None) is None:
            raise PlugPulledError
        return original(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        yield


def test_a_renewal_cut_off_at_any_write_is_finished(
    house: House, box: Box, mail: Mail, tmp_path: Path
) -> None:
    texts = {
        "certificate": new_certificate(house, box, tmp_path),
        "recipients": two_recipients(),
        "known_hosts": "other.example ssh-ed25519 AAAA\n",
    }
    server = FleetServer(host="other.example", port=2222)
    for steps in range(100):
        mail.fleet(box, steps + 1, server=server, **texts)
        pulled = is_pulled(box, mail, steps)
        Renewal(Box.load(box.root)).finish()
        take(Box.load(box.root), mail)
        renewed = Box.load(box.root)
        assert renewed.certificate_path.read_text() == texts["certificate"]
        assert renewed.known_hosts_path.read_text() == texts["known_hosts"]
        assert renewed.server is not None
        assert renewed.server.host == "other.example"
        if not pulled:
            break
        box = copy_again(house, box)
    assert steps >= 6


def is_pulled(box: Box, mail: Mail, steps: int) -> bool:
    try:
        with plug_pulled_after(steps):
            take(box, mail)
    except PlugPulledError:
        return True
    return False


def copy_again(house: House, box: Box) -> Box:
    shutil.rmtree(box.root)
    return Box.load(shutil.copytree(house.box, box.root))


def test_it_comes_through_the_receipts_folder(
    box: Box, server: IntakeServer, mail: Mail, world: World
) -> None:
    mail.fleet(box, known_hosts=server.known_hosts_line + "\n# renewed\n")
    mail.clients()
    for name, content in mail.files.items():
        (server.folder.receipts(box.device.lower()) / name).write_bytes(content)
    add_session(box)
    outcome = world.sync(box.root)
    assert outcome.tally.renewed == ["fleet.json", "clients.json"]
    assert len(outcome.tally.sent) == 1
    assert "renewed" in box.known_hosts_path.read_text()
    assert world.sync(box.root).tally.renewed == []


def test_a_forged_one_on_the_server_does_not_stop_the_sessions(
    box: Box, server: IntakeServer, mail: Mail, world: World
) -> None:
    mail.fleet(box)
    folder = server.folder.receipts(box.device.lower())
    (folder / "fleet.json").write_bytes(mail.files["fleet.json"].replace(b":1,", b":2,"))
    (folder / "fleet.json.sig").write_bytes(mail.files["fleet.json.sig"])
    add_session(box)
    with pytest.raises(RegisterError, match="bad signature"):
        world.sync(box.root)
    assert len(server.take().taken) == 1


def test_it_comes_from_a_card(house: House, mail: Mail, tmp_path: Path) -> None:
    root = shutil.copytree(house.box, tmp_path / "box")
    card = tmp_path / "card"
    card.mkdir()
    arguments = ("sync", "--from-card", card, "--box", root)
    assert exit_code(main, *arguments) == 10
    mail.fleet(Box.load(root), recipients=two_recipients())
    for name, content in mail.files.items():
        (card / name).write_bytes(content)
    assert exit_code(main, *arguments) == 0
    assert exit_code(main, *arguments) == 0
    mail.fleet(Box.load(root), 2, device="BOX-00027")
    for name, content in mail.files.items():
        (card / name).write_bytes(content)
    assert exit_code(main, *arguments) == 13


NEW = FleetServer(host="new.example", port=22, user="")


@pytest.mark.parametrize(
    "text",
    [
        'device = "BOX-00019"\n',
        'device = "BOX-00019"\n\n# names\n[headsets]\nmuse = "simulated"\n',
        '[server]\nhost = "old"   # a comment\nport = 1\n\n# names\n[headsets]\na = "b"\n',
        '[server]\nwhile_recording = true\n[headsets]\nhost = "not this"\n',
        'x = 1\n[server]\nhost="a"\nuser="b"\nport=3',
    ],
)
def test_the_server_is_entered_and_all_else_stays(text: str) -> None:
    before = tomllib.loads(text)
    after = tomllib.loads(with_server(text, NEW))
    wanted = {**before.get("server", {}), "host": "new.example", "port": 22, "user": ""}
    assert after == {**before, "server": wanted}
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert all(comment in with_server(text, NEW) for comment in comments)
    assert with_server(with_server(text, NEW), NEW) == ""

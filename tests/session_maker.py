"""Write session folders as a box writes them, with the box's own encoder.

Everything is deterministic but the keys. What was put in is kept, so that a test can
compare it with what `open` gives back.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lab.identity import HybridIdentity, Identity, X25519Identity
from lab.verify import hash_file
from recorder.audio.source import AudioFormat
from recorder.clock import HostClockReading
from recorder.format import manifest as manifests
from recorder.format.age import fingerprint, seal
from recorder.format.journal import JournalSealer, header_block
from recorder.format.marks import MarkRecord
from recorder.format.sheet import Consent, Equipment, SessionSheet, encode_sheet
from recorder.format.signers import AllowedSigners, allowed_signers_line, public_line
from recorder.format.sshsig import sign
from recorder.format.streams import EegStream, PartIdentity
from recorder.store.encoder import Packets, PartEncoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

SESSION = UUID("7e57ab1e-0000-4000-8000-000000000001")
DEVICE = "BOX-0007Y"
RATE_HZ = 250
AUDIO_RATE_HZ = 48_000
TICK_S = 0.5
WAITING_FRAMES = 480  # in the sound card at each reading of its clock
AT = datetime(2026, 11, 23, tzinfo=UTC)
START_NS = 1_000 * 10**9
N_CHANNELS = 4
# A journal of a test need not have all its 24 MiB; what lies behind is zeros or stale.
_JOURNAL_BYTES = 2 * 1024 * 1024
_EEG = EegStream(
    model="Test headset",
    labels=tuple(f"C{n}" for n in range(N_CHANNELS)),
    uv_per_count=(0.0,) * N_CHANNELS,
    offset_counts=(0.0,) * N_CHANNELS,
    rate_hz=RATE_HZ,
)

Ending = Literal["closed", "open", "closing"]


def new_identities(*, post_quantum: bool = False) -> tuple[Identity, Identity]:
    """Return a working and a recovery identity."""
    kind = HybridIdentity if post_quantum else X25519Identity
    return kind.generate(), kind.generate()


@dataclass
class MadePart:
    """What one part was made of: both files in plain, and where its journal's ticks end."""

    number: int
    xdf: bytes
    flac: bytes
    xdf_ticks: list[int] = field(default_factory=list)
    flac_ticks: list[int] = field(default_factory=list)
    journal_ends: list[int] = field(default_factory=list)


@dataclass
class SessionMaker:
    """One session being made; ``folder`` is named after it."""

    root: Path
    identities: tuple[Identity, Identity]
    session: UUID = SESSION
    device: str = DEVICE
    audio: AudioFormat | None = field(default_factory=AudioFormat)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    parts: list[MadePart] = field(default_factory=list)
    eeg_uv: list[NDArray[np.float32]] = field(default_factory=list)
    eeg_ns: list[NDArray[np.int64]] = field(default_factory=list)
    frames: list[NDArray[np.int16] | NDArray[np.int32]] = field(default_factory=list)
    marks: list[MarkRecord] = field(default_factory=list)
    now_ns: int = START_NS
    n_frames: int = 0
    n_rows: int = 0
    segment: int = 0
    xruns: int = 0
    seed: int = 0
    alter: Callable[[Packets], Packets] = lambda packets: packets  # before they are written

    def __post_init__(self) -> None:
        """Make the folder."""
        self.folder = self.root / str(self.session)
        self.folder.mkdir(parents=True)
        self._random = np.random.default_rng(self.seed)

    @property
    def signers(self) -> AllowedSigners:
        """The fleet's registry: this one box."""
        return AllowedSigners.parse(self.signers_text)

    @property
    def signers_text(self) -> str:
        """The fleet's ``allowed_signers`` file."""
        return allowed_signers_line(
            self.device,
            public_line(self.key, "test"),
            namespaces=[manifests.NAMESPACE_MANIFEST],
            valid_after=datetime(2020, 1, 1, tzinfo=UTC),
        )

    def seal(self, plain: bytes) -> bytes:
        """Seal as the box does."""
        return seal(plain, [identity.recipient for identity in self.identities])

    def write_sheet(self) -> None:
        """Write session.json.age."""
        sheet = SessionSheet(
            device=self.device,
            session=self.session,
            client="K7QX3",
            consent=Consent(scopes=("eeg", "audio"), form="2026-1"),
            mode="in-person",
            headset=Equipment(
                spec="simulated", description={}, simulated=True, board="simulated"
            ),
            microphone=Equipment(
                spec="simulated" if self.audio else "none", description={}, simulated=True
            ),
            codebook="v1",
            software={"fieldrec": "0"},
            started_wall_ns=0,
            clock_state="unknown",
            started_host_ns=START_NS,
        )
        (self.folder / "session.json.age").write_bytes(self.seal(encode_sheet(sheet)))

    def pause(self, seconds: float) -> None:
        """Let time pass without samples; a new audio segment begins."""
        self.now_ns += round(seconds * 1e9)
        self.segment += 1

    def add_part(
        self,
        seconds: float = 2.0,
        *,
        ending: Ending = "closed",
        keep_journal: bool = False,
        stale: bytes = b"",
    ) -> MadePart:
        """Record ``seconds`` and close the part, leave it open, or half-way through.

        ``stale`` lies in the journal's file beneath what is written.
        """
        number = len(self.parts) + 1
        identity = PartIdentity(self.device, self.session, number, self.n_frames)
        encoder = PartEncoder(identity, eeg=_EEG, audio=self.audio)
        made = MadePart(number, b"", b"")
        journal = self._journal(encoder, number, made, seconds, stale)
        files = encoder.finish()
        made.xdf = bytes(files["eeg.xdf.age"])
        made.flac = bytes(files.get("audio.flac.age", b""))
        self.parts.append(made)
        state = "" if ending == "closed" else ".open"
        folder = self.folder / f"{number:04d}{state}"
        folder.mkdir()
        if ending != "closed" or keep_journal:
            (folder / "journal").write_bytes(journal)
        if ending == "closed":
            for name, plain in files.items():
                (folder / name).write_bytes(self.seal(bytes(plain)))
        elif ending == "closing":
            whole = self.seal(made.xdf)
            (folder / "eeg.xdf.age").write_bytes(whole[: len(whole) * 2 // 3])
        return made

    def erase(self, number: int) -> None:
        """Erase a closed part as the box does."""
        folder = self.folder / f"{number:04d}"
        for path in folder.iterdir():
            path.unlink()
        folder.rename(self.folder / f"{number:04d}.erased")

    def sign(self, *, clean: bool = True, discarded: bool = False) -> manifests.Manifest:
        """Write the manifest of what lies there now, and its signature."""
        files = {
            path.relative_to(self.folder).as_posix(): manifests.FileEntry(
                size=path.stat().st_size, sha256=hash_file(path)
            )
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and not path.name.startswith("manifest.json")
        }
        erased = sorted(int(path.name[:4]) for path in self.folder.glob("*.erased"))
        manifest = manifests.Manifest(
            device=self.device,
            chain=str(UUID(int=1)),
            sequence=1,
            previous="",
            session=str(self.session),
            clean=clean,
            discarded=discarded,
            parts=len({path.split("/")[0] for path in files if "/" in path}),
            erased=tuple(erased),
            recipients=tuple(fingerprint(i.recipient) for i in self.identities),
            files=files,
        )
        self.write_manifest(manifest)
        return manifest

    def write_manifest(self, manifest: manifests.Manifest) -> None:
        """Write ``manifest`` and sign it with this box's key."""
        content = manifests.encode(manifest)
        (self.folder / "manifest.json").write_bytes(content)
        signature = sign(content, self.key, namespace=manifests.NAMESPACE_MANIFEST)
        (self.folder / "manifest.json.sig").write_text(signature)

    def _journal(
        self,
        encoder: PartEncoder,
        number: int,
        made: MadePart,
        seconds: float,
        stale: bytes,
    ) -> bytes:
        """Record into ``encoder``; return the journal as it lay when it ended."""
        key = os.urandom(32)
        sealer = JournalSealer(key)
        content = bytearray(
            header_block(
                journal_key=key,
                session=self.session,
                part=number,
                recipients=[identity.recipient for identity in self.identities],
                random_bytes=os.urandom,
            )
        )
        n_ticks = round(seconds / TICK_S)
        for tick in range(n_ticks):
            self._record_tick(encoder, tick)
            content += sealer.tick(encoder.new_bytes())
            made.journal_ends.append(len(content))
            made.xdf_ticks.append(encoder._xdf_taken)
            made.flac_ticks.append(encoder._flac_taken)
        under = (stale + bytes(_JOURNAL_BYTES))[: max(_JOURNAL_BYTES, len(content))]
        return bytes(content) + under[len(content) :]

    def _record_tick(self, encoder: PartEncoder, tick: int) -> None:
        n = round(RATE_HZ * TICK_S)
        stamps_ns = self.now_ns + np.arange(n, dtype=np.int64) * (10**9 // RATE_HZ)
        samples = self._random.normal(0, 20, (N_CHANNELS, n)).astype(np.float32)
        counter = np.arange(self.n_rows, self.n_rows + n, dtype=np.int64)
        packets = Packets(
            stamps_ns, counter, stamps_ns / 1e9 + 1e9, int(stamps_ns[-1]), n, 1
        )
        encoder.add_eeg(stamps_ns, samples, self.alter(packets))
        self.eeg_uv.append(samples)
        self.eeg_ns.append(stamps_ns)
        self.n_rows += n
        self.now_ns += round(TICK_S * 1e9)
        if self.audio is not None:
            self._record_sound(encoder, self.audio)
        mark = MarkRecord(
            n=len(self.marks) + 1, id="insight", act="point", stamp_ns=self.now_ns
        )
        encoder.add_mark(mark)
        self.marks.append(mark)
        if tick % 2:
            reading = HostClockReading(self.now_ns, self.now_ns, self.now_ns, 0)
            encoder.add_host_clock(reading)

    def _record_sound(self, encoder: PartEncoder, audio: AudioFormat) -> None:
        shape = (round(AUDIO_RATE_HZ * TICK_S), audio.n_channels)
        frames = self._random.normal(0, 500, shape).astype(np.int16)
        block = frames if audio.bits == 16 else (frames.astype(np.int32) * 77) << 8
        encoder.add_audio(block)
        self.frames.append(block)
        self.n_frames += len(block)
        encoder.add_audio_clock(
            stamp_ns=self.now_ns + WAITING_FRAMES * 10**9 // AUDIO_RATE_HZ,
            frame=self.n_frames + WAITING_FRAMES,
            xruns=self.xruns,
            segment=self.segment,
        )

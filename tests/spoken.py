"""A session in which two people speak, made by espeak-ng, taken in by a lab of its own."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import soundfile
import soxr
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from lab.catalogue import Catalogue
from lab.identity import read_identities
from lab.review.cases import Cases
from lab.settings import Lab
from lab.transcripts.keeping import Keeping
from lab.transcripts.reviewers import add_reviewer
from lab.transcripts.taking_in import TakeDone, TakeJob, take_in
from recorder.audio.source import AudioFormat
from recorder.files import create
from recorder.format.sheet import Consent, Equipment, SessionSheet, encode_sheet
from recorder.format.signers import public_line
from tests.intake_bench import DEVICE, TAKEN, IntakeBench, box_key, session_uuid
from tests.session_maker import AUDIO_RATE_HZ, START_NS, TICK_S, SessionMaker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recorder.format.sheet import Scope
    from recorder.store.encoder import PartEncoder

CLIENT = "K7QX3"
ALL_SCOPES: tuple[Scope, ...] = ("eeg", "audio", "transcript", "sharing")
DIALOGUE = (
    ("therapist", "Здравствуйте. Как прошла неделя?"),
    ("client", "Тяжело. Вчера мне опять звонила Марина."),
    ("therapist", "И что она сказала?"),
    ("client", "Что уезжает с детьми в Нижний Тагил, к своей маме."),
    ("therapist", "Что вы почувствовали, когда это услышали?"),
    ("client", "Пустоту. Потом злость. Я ушёл на работу, в Сбербанк, и сидел там до ночи."),
    ("therapist", "А двадцать третьего мая вы были вместе?"),
    ("client", "Да. Марине было всё равно. Мой телефон она удалила, 8 916 204 33 18."),
    ("therapist", "Спасибо, что рассказали."),
)
_GAP_S = 0.7
_CROSSTALK = 10 ** (-12 / 20)


@dataclass(frozen=True)
class Speech:
    """Two channels of sound, shape ``(n, 2)``, and when each line was said."""

    frames: NDArray[np.int16]
    lines: tuple[tuple[str, str, float, float], ...]


@cache
def dialogue_speech() -> Speech:
    """Return the dialogue: the client on the first channel, the therapist on the second."""
    sound = [_silence(1.0)]
    lines, at_s = [], 1.0
    for speaker, text in DIALOGUE:
        said = _say(text, voice="ru+f3" if speaker == "client" else "ru")
        own, other = (0, 1) if speaker == "client" else (1, 0)
        frames = np.zeros((len(said), 2))
        frames[:, own], frames[:, other] = said, said * _CROSSTALK
        lines.append((speaker, text, at_s, at_s + len(said) / AUDIO_RATE_HZ))
        sound += [frames, _silence(_GAP_S)]
        at_s += len(said) / AUDIO_RATE_HZ + _GAP_S
    noise = np.random.default_rng(1).normal(0, 1e-3, (sum(map(len, sound)), 2))
    return Speech(
        np.rint((np.concatenate(sound) + noise) * 32767).astype(np.int16), tuple(lines)
    )


def _silence(seconds: float) -> NDArray[np.float64]:
    return np.zeros((round(seconds * AUDIO_RATE_HZ), 2))


def _say(text: str, *, voice: str) -> NDArray[np.float64]:
    wav = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", "165", "--stdout", text],
        capture_output=True,
        check=True,
    ).stdout
    # espeak-ng can't know the length of a pipe and writes a false one.
    frames = np.frombuffer(wav[44:], np.int16).astype(np.float64) / 32768
    rate_hz = int.from_bytes(wav[24:28], "little")
    n = round(len(frames) * AUDIO_RATE_HZ / rate_hz)
    at = np.arange(n) * rate_hz / AUDIO_RATE_HZ
    return 0.5 * np.interp(at, np.arange(len(frames)), frames)


@dataclass
class SpokenSession(SessionMaker):
    """A session whose sound is ``speech``; whole parts of 2 s."""

    speech: NDArray[np.int16] = field(default_factory=lambda: dialogue_speech().frames)
    scopes: tuple[Scope, ...] = ALL_SCOPES

    def write_sheet(self) -> None:
        sheet = SessionSheet(
            device=self.device,
            session=self.session,
            client=CLIENT,
            consent=Consent(scopes=self.scopes, form="2026-1"),
            mode="in-person",
            headset=Equipment(spec="simulated", description={}, simulated=True),
            microphone=Equipment(spec="simulated", description={}, simulated=True),
            codebook="1",
            software={"fieldrec": "0"},
            started_wall_ns=1_795_428_000 * 10**9,
            clock_state="synchronised",
            started_host_ns=START_NS,
        )
        (self.folder / "session.json.age").write_bytes(self.seal(encode_sheet(sheet)))

    def record(self) -> None:
        """Record all of the speech, and sign."""
        self.write_sheet()
        total_s = len(self.speech) / AUDIO_RATE_HZ
        while self.n_frames < len(self.speech):
            left_s = total_s - self.n_frames / AUDIO_RATE_HZ
            self.add_part(min(20.0, max(TICK_S, round(left_s / TICK_S) * TICK_S)))
        manifest = self.sign()
        number = self.session.int & 0xFF
        previous = "0" * 64 if number > 1 else ""
        self.write_manifest(
            msgspec.structs.replace(manifest, sequence=number, previous=previous)
        )

    def _record_sound(self, encoder: PartEncoder, audio: AudioFormat) -> None:
        size = round(AUDIO_RATE_HZ * TICK_S)
        block = np.zeros((size, audio.n_channels), np.int16)
        here = self.speech[self.n_frames : self.n_frames + size]
        block[: len(here)] = here
        encoder.add_audio(block)
        self.n_frames += size
        encoder.add_audio_clock(
            stamp_ns=self.now_ns, frame=self.n_frames, xruns=0, segment=self.segment
        )


@cache
def _recorded(number: int, scopes: tuple[Scope, ...], wav: Path | None = None) -> Path:
    """Return a signed session of the dialogue, or of ``wav``; nobody changes it."""
    speech = dialogue_speech().frames if wav is None else _read(wav)
    root = Path(mkdtemp(prefix="fieldrec-spoken-"))
    bench = IntakeBench(root / "lab")
    maker = SpokenSession(
        root / "made",
        (bench.identities[0], read_identities(bench.recovery)[0]),
        session=session_uuid(number),
        device=DEVICE,
        key=box_key(DEVICE),
        audio=AudioFormat(n_channels=speech.shape[1]),
        speech=speech,
        scopes=scopes,
    )
    maker.record()
    return maker.folder


def _read(wav: Path) -> NDArray[np.int16]:
    """Return the sound in a WAV file at the rate of a recording."""
    frames, rate_hz = soundfile.read(wav, dtype="float64", always_2d=True)
    heard = soxr.resample(frames, rate_hz, AUDIO_RATE_HZ)
    return np.asarray(np.rint(np.clip(heard, -1, 1) * 32767), np.int16)


def dialogue_vtt(*, labels: bool = True, shift_s: float = 0.0) -> str:
    """Return the dialogue as WebVTT."""
    names = {"client": "Клиент", "therapist": "Терапевт"}
    out = io.StringIO()
    out.write("WEBVTT\n\n")
    for speaker, text, start_s, end_s in dialogue_speech().lines:
        voice = f"<v {names[speaker]}>" if labels else ""
        out.write(
            f"{_clock(start_s + shift_s)} --> {_clock(end_s + shift_s)}\n{voice}{text}\n\n"
        )
    return out.getvalue()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes) // 60:02d}:{int(minutes) % 60:02d}:{rest:06.3f}"


class SpokenBench:
    """A lab that has taken in spoken sessions of one client."""

    def __init__(
        self,
        root: Path,
        *,
        sessions: int = 1,
        scopes: tuple[Scope, ...] = ALL_SCOPES,
        wav: Path | None = None,
    ) -> None:
        self.root = root
        self.bench = IntakeBench(root)
        for number in range(1, sessions + 1):
            folder = self.bench.intake(number)
            folder.parent.mkdir(exist_ok=True)
            taken = {"version": 1, "taken_utc": TAKEN.isoformat().replace("+00:00", "Z")}
            folder.with_name(f"{folder.name}.intake.json").write_text(json.dumps(taken))
            shutil.copytree(_recorded(number, scopes, wav), folder)
        self.bench.pull()

    def copy(self, root: Path) -> SpokenBench:
        """Return the same lab in another place."""
        shutil.copytree(self.root, root)
        other = object.__new__(SpokenBench)
        other.root = root
        Lab.load(other.lab).remember_fleet(root / "fleet")
        return other

    @property
    def lab(self) -> Path:
        return self.root / "lab"

    def take_in(self, number: int = 1, text: str | None = None, **wishes: Any) -> TakeDone:  # noqa: ANN401 - fields of TakeJob
        """Take in a transcript; the dialogue's own where no text is given."""
        name = wishes.pop("name", f"words{number}.vtt")
        wishes.setdefault(
            "file", self.vtt(text or f"{dialogue_vtt()}\nNOTE {number}\n", name=name)
        )
        wishes.setdefault("language", "ru")
        job = TakeJob(lab=self.lab, device=DEVICE, session=self.session(number), **wishes)
        return take_in(job)

    def cases(self, who: str = "anna") -> Cases:
        return Cases(Keeping(Lab.load(self.lab)), who)

    def bench_catalogue(self) -> Catalogue:
        """Open the lab's catalogue."""
        return Catalogue(self.lab / "catalogue.sqlite")

    def add_reviewer(self, name: str = "anna") -> Path:
        """Let somebody sign; return the private key's file."""
        key = self.root / f"{name}_ed25519"
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        create(key, pem, mode=0o600)
        public = key.with_suffix(".pub")
        public.write_text(public_line(private, name) + "\n")
        add_reviewer(Lab.load(self.lab), name, public)
        return key

    @staticmethod
    def session(number: int = 1) -> str:
        return str(session_uuid(number))

    def vtt(self, text: str | None = None, *, name: str = "words.vtt") -> Path:
        path = self.root / name
        path.write_text(text or dialogue_vtt(), "utf-8")
        return path

"""Everything a screen shows, as the recorder tells it twice a second."""

from __future__ import annotations

from typing import Literal

import msgspec

from recorder.protocol.calls import Mode  # noqa: TC001 - msgspec reads them
from recorder.protocol.replies import Fault  # noqa: TC001 - msgspec reads them

Sound = Literal["recorded", "no_consent", "no_microphone"]
Phase = Literal["home", "fit", "recording", "paused", "finish"]
Link = Literal["none", "connecting", "connected", "lost"]


class Headset(msgspec.Struct, frozen=True):
    """The headset in use. ``name`` is its paired name or spec, empty without one.

    ``lost_samples`` counts since the recording began. ``problem`` says why it is not
    connected; it is being tried again.
    """

    name: str
    model: str
    link: Link
    simulated: bool = False
    battery_percent: float | None = None
    rate_hz: float = 0.0
    drift_ppm: float = 0.0
    jitter_ms: float = 0.0
    lost_samples: int = 0
    silent_s: float | None = None
    problem: str = ""


class Electrode(msgspec.Struct, frozen=True):
    """One EEG channel: verdict 0 dead, 1 bad, 2 warn, 3 good, and why.

    ``reason`` is one of `recorder.eeg.quality.Reason`; ``x`` and ``y`` are its place on
    the head seen from above, -1 to 1, nose up.
    """

    label: str
    verdict: int
    reason: str
    x: float
    y: float


class Microphone(msgspec.Struct, frozen=True):
    """The microphone in use; one level (dB of full scale) and one flag per channel.

    Levels are peaks of the last second, -120 at least. ``silent`` means that a channel
    gave nothing at all for 10 s, not even its own noise: a quiet room is not silent.
    """

    name: str
    link: Link
    simulated: bool = False
    levels_db: tuple[float, ...] = ()
    silent: tuple[bool, ...] = ()
    clipping: tuple[bool, ...] = ()
    xruns: int = 0
    problem: str = ""


class Gate(msgspec.Struct, frozen=True):
    """Whether the fit is good enough: share of electrodes that are good or warn only.

    ``override_in_s`` counts down in the fit; in every other phase it is the whole time.
    """

    good_share: float
    good_for_s: float
    open: bool
    override_in_s: float  # 0: may be overridden now


class Trace(msgspec.Struct, frozen=True):
    """New samples since the last trace, at about 50 Hz, without offset and drift.

    ``rows_uv`` has a list per channel, empty while nothing comes. A trace comes with each
    of the regular news, not with those that come early.
    """

    rate_hz: float
    rows_uv: tuple[tuple[float, ...], ...]


class Baseline(msgspec.Struct, frozen=True):
    """The two minutes of rest; ``alpha_ratio`` is eyes closed over open, once known."""

    stage: Literal["eyes_open", "eyes_closed", "done"]
    left_s: float
    alpha_ratio: float | None = None


class LoggedMark(msgspec.Struct, frozen=True):
    """One of the newest marks of the session."""

    n: int
    id: str
    act: str
    key_ns: int
    value: int | float | str | None = None
    back_s: float = 0
    undone: bool = False


class Session(msgspec.Struct, frozen=True):
    """The session being prepared, recorded or finished."""

    client: str
    number: int  # of this client on this box, this one included
    wanted: int  # the study wants at least so many
    mode: Mode
    sound: Sound = "recorded"
    session: str = ""  # its UUID once it is recorded
    elapsed_s: float = 0.0
    saved_s: float = 0.0
    saved_ago_s: float | None = None  # age of the last tick that reached the medium
    written_s: float = 0.0  # recorded without pauses and erased spans
    lost_share: float = 0.0
    marks: tuple[LoggedMark, ...] = ()
    running: tuple[str, ...] = ()  # ids of marks that are on
    baseline: Baseline | None = None
    signs_in_s: float | None = None  # in finish: it is signed by itself then
    trouble: str = ""  # what could not be saved or signed


AlarmId = Literal[
    "headset_lost",
    "headset_battery",
    "microphone_lost",
    "microphone_silent",
    "microphone_clipping",
    "not_saved",
    "queue_full",
    "disk_low",
    "hot",
    "undervoltage",
    "contact",
    "box_battery",
]


class Alarm(msgspec.Struct, frozen=True):
    """Something a person should know; ``detail`` is for technicians.

    It is listed while its cause lasts, and after that until somebody has seen it.
    """

    id: AlarmId
    since_ns: int
    seen: bool = False
    lasting: bool = True
    detail: str = ""


UploadPhase = Literal[
    "off", "idle", "connecting", "asking", "sending", "waiting", "recording"
]


class Upload(msgspec.Struct, frozen=True):
    """What waits for the lab; figures of sending are None where nothing is sent.

    ``waiting`` sessions are not wholly sent, ``sent`` ones not answered yet, ``verified``
    ones at the lab for certain. ``phase`` is that of ``fieldrec sync``; ``off`` says that
    it does not run.
    """

    waiting: int
    verified: int
    sent: int = 0
    phase: UploadPhase = "off"
    percent: float | None = None
    rate_bytes_s: float | None = None
    left_s: float | None = None
    trouble: str = ""
    trouble_code: int = 0
    last_verified_wall_ns: int | None = None


class Interrupted(msgspec.Struct, frozen=True):
    """The session a crash cut off, which may be continued."""

    client: str
    ago_s: float


class State(msgspec.Struct, frozen=True):
    """Everything a screen shows, at host time ``at_ns``."""

    at_ns: int
    phase: Phase
    ready: bool  # a session may be begun
    problems: tuple[Fault, ...]  # why not
    headset: Headset
    electrodes: tuple[Electrode, ...]
    microphone: Microphone
    gate: Gate
    free_min: float
    alarms: tuple[Alarm, ...]
    upload: Upload
    session: Session | None = None
    interrupted: Interrupted | None = None
    busy: str = ""  # the request being carried out, where that takes long: "stop" ...
    box_battery_percent: float | None = None
    box_temperature_c: float | None = None
    trace: Trace | None = None

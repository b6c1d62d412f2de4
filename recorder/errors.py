"""Everything that can go wrong, one tree.

FieldrecError
├── BoxError                 10  the box folder is missing, incomplete or unsafe
│   ├── KeyFileError         11  a key file is missing, unreadable or open to others
│   ├── RecipientsError      12  no, one, mixed or private recipients
│   └── RegisterError        13  a signed register is forged, stale or broken
├── ConsentError             20  no consent covers what was asked
│   └── ClientCodeError      21  a client code is malformed, unknown or blocked
├── HeadsetError             30  the headset can't be used
│   ├── UnknownHeadsetError  31  no such headset, board or address
│   ├── PlaybackFileError    32  a playback file can't be read
│   └── FitError             33  too few electrodes are fine
├── MicrophoneError          40  the microphone can't be used
│   ├── NoSuchMicrophoneError    41  no PCM of that name
│   ├── MicrophoneBusyError      42  another program holds it
│   └── MicrophoneFormatError    43  it can't do the rate, width or channels
├── StoreError               50  the box's disk refused
│   ├── StoreSpaceError      51  the session would not fit
│   ├── StoreRightsError     52  the store can't be written by this user
│   ├── StoreBusyError       53  another program records or uploads
│   └── StoreWriteError      54  writing failed while recording
├── FormatError              60  bytes are not what their standard says
│   ├── ClockError           61  clock readings can't be used
│   ├── SignatureError       62  a signature is missing, wrong or by a stranger
│   └── TranscriptError      63  a transcript can't be read, or is not of this session
├── OpenError                70  a session can't be opened
│   ├── IdentityError        71  no identity at hand opens it
│   ├── ManifestError        72  files and signed manifest disagree
│   ├── UnsignedError        73  opened, but nobody signed it
│   └── DamagedError         74  opened what was sound; some of it was lost
├── UploadError              75  something could not be sent or fetched
│   ├── LinkError            76  the server can't be reached, or the link was cut
│   ├── HostKeyError         77  the server is not the one this box knows
│   ├── AccessError          78  the server does not let this box in
│   │   └── CertificateError 79  the box's certificate is not valid (any more)
│   ├── ServerDiskError      83  the server could not write; its disk may be full
│   └── ReceiptError         84  a receipt is forged, of another box, or broken
├── ProvisionError           80  provisioning refused
├── LabError                 85  the lab's folder is missing, incomplete or in the way
│   └── ReviewError          86  a transcript is not reviewed and signed, or changed since
├── SetupError               90  a program or library this needs is missing
│   └── ModelError           94  a recogniser's model is missing, broken or another one
└── ServiceError             91  the recorder's service can't be reached, or refuses
    ├── PhaseError           92  not now: the recorder is doing something else
    └── MarkError            93  a mark can't be taken

``code`` is the program's exit code and never changes its meaning; 0 is success, 1 a
fault of ours, 2 wrong usage, 130 an interrupt. A message is one line: what failed, the
value, the limit. ``hint`` says what to do. Neither holds secrets or client data.
"""

from __future__ import annotations

from typing import ClassVar


class FieldrecError(Exception):
    """What the caller can tell a person: ``message``, ``hint`` and a stable ``code``."""

    code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class BoxError(FieldrecError):
    """The box folder is missing, incomplete or unsafe."""

    code = 10


class KeyFileError(BoxError):
    """A key file is missing, unreadable, of the wrong kind or readable by others."""

    code = 11


class RecipientsError(BoxError):
    """The recipients are none, only one, of mixed types, or hold a private key."""

    code = 12


class RegisterError(BoxError):
    """A signed register (clients, fleet) is forged, older than the one held, or broken."""

    code = 13


class ConsentError(FieldrecError):
    """No consent on file covers what was asked."""

    code = 20


class ClientCodeError(ConsentError):
    """A client code is malformed, unknown to this box, or blocked."""

    code = 21


class HeadsetError(FieldrecError):
    """The headset can't be reached or can't be used."""

    code = 30


class UnknownHeadsetError(HeadsetError):
    """There is no such headset, board or address."""

    code = 31


class PlaybackFileError(HeadsetError):
    """A playback file can't be read or does not fit its board."""

    code = 32


class FitError(HeadsetError):
    """Too few electrodes are fine to begin."""

    code = 33


class MicrophoneError(FieldrecError):
    """The microphone can't be used."""

    code = 40


class NoSuchMicrophoneError(MicrophoneError):
    """There is no PCM or file of that name."""

    code = 41


class MicrophoneBusyError(MicrophoneError):
    """Another program holds the microphone."""

    code = 42


class MicrophoneFormatError(MicrophoneError):
    """The microphone can't do the rate, width or number of channels."""

    code = 43


class StoreError(FieldrecError):
    """The box's disk refused."""

    code = 50


class StoreSpaceError(StoreError):
    """The session would not fit."""

    code = 51


class StoreRightsError(StoreError):
    """The store can't be read or written by this user."""

    code = 52


class StoreBusyError(StoreError):
    """Another program holds the lock on recording or uploading."""

    code = 53


class StoreWriteError(StoreError):
    """Writing failed while recording; what was saved before stays saved."""

    code = 54


class FormatError(FieldrecError):
    """Bytes are not what their standard says, or values don't fit the format."""

    code = 60


class ClockError(FormatError):
    """Clock readings can't be used."""

    code = 61


class SignatureError(FormatError):
    """A signature is missing, wrong, or by a key nobody vouches for."""

    code = 62


class TranscriptError(FormatError):
    """A transcript can't be read, or does not belong to the session it was given for."""

    code = 63


class OpenError(FieldrecError):
    """A session can't be opened."""

    code = 70


class IdentityError(OpenError):
    """No identity at hand opens it."""

    code = 71


class ManifestError(OpenError):
    """The files and the signed manifest disagree."""

    code = 72


class UnsignedError(OpenError):
    """The session was opened, but no device ever signed it."""

    code = 73


class DamagedError(OpenError):
    """What was sound was opened; some of the session was lost."""

    code = 74


class UploadError(FieldrecError):
    """Something could not be sent or fetched; the box keeps all it has.

    ``temporary`` tells whether trying again later can help without anybody's doing.
    """

    code = 75
    temporary: ClassVar[bool] = False


class LinkError(UploadError):
    """The server can't be reached, does not answer, or the link was cut."""

    code = 76
    temporary = True


class HostKeyError(UploadError):
    """The server's key is unknown to this box, or not the one it knows."""

    code = 77


class AccessError(UploadError):
    """The server does not let this box in."""

    code = 78


class CertificateError(AccessError):
    """The box's certificate is missing, broken, for another key, or not valid now."""

    code = 79


class ServerDiskError(UploadError):
    """The server could not write; its disk may be full."""

    code = 83
    temporary = True


class ReceiptError(UploadError):
    """A receipt is forged, speaks of another box or session, or can't be read."""

    code = 84


class ProvisionError(FieldrecError):
    """Provisioning refused."""

    code = 80


class LabError(FieldrecError):
    """The lab's folder is missing, incomplete or in the way."""

    code = 85


class ReviewError(LabError):
    """A transcript is not reviewed and signed, or changed after it was."""

    code = 86


class SetupError(FieldrecError):
    """A program or library this needs is missing."""

    code = 90


class ModelError(SetupError):
    """A recogniser's model is missing, broken, or not the one its list names."""

    code = 94


class ServiceError(FieldrecError):
    """The recorder's service can't be reached, or refuses what was asked."""

    code = 91


class PhaseError(ServiceError):
    """It can't be done now: the recorder is doing something else."""

    code = 92


class MarkError(ServiceError):
    """A mark can't be taken: unknown, out of range, too old, or made in a pause."""

    code = 93

"""Sample formats: what may be asked of a microphone, and bytes into frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recorder.errors import MicrophoneFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recorder.audio.source import AudioFormat

RATE_HZ = 48_000
BITS = (16, 24)
CHANNELS = (1, 2)


def check_format(fmt: AudioFormat) -> None:
    """Refuse what the recorder does not write: MicrophoneFormatError."""
    for what, value, allowed in (
        ("rate in Hz", fmt.rate_hz, (RATE_HZ,)),
        ("sample width in bits", fmt.bits, BITS),
        ("number of channels", fmt.n_channels, CHANNELS),
    ):
        if value not in allowed:
            limits = " or ".join(str(limit) for limit in allowed)
            raise MicrophoneFormatError(
                f"microphone {what}: {value}, allowed is {limits}",
                hint="change the microphone's format in box.toml",
            )


def frames_from_s16(data: bytes, n_channels: int) -> NDArray[np.int16]:
    """Return ``(n_frames, n_channels)`` of interleaved little-endian 16 bit samples."""
    return np.frombuffer(data, dtype="<i2").reshape(-1, n_channels)


def frames_from_s24_3(data: bytes, n_channels: int) -> NDArray[np.int32]:
    """Return packed 24 bit samples (3 bytes each), shifted into the upper 24 bits."""
    packed = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
    wide = np.zeros((packed.shape[0], 4), dtype=np.uint8)
    wide[:, 1:] = packed
    samples: NDArray[np.int32] = wide.view("<i4")
    return samples.reshape(-1, n_channels)


def frames_from_s24(data: bytes, n_channels: int) -> NDArray[np.int32]:
    """Return 24 bit samples in the lower part of 4 bytes, shifted into the upper 24."""
    # The fourth byte may hold anything; the shift drops it and keeps the sign.
    samples: NDArray[np.int32] = np.frombuffer(data, dtype="<i4") << 8
    return samples.reshape(-1, n_channels)


def frames_from_s32(data: bytes, n_channels: int) -> NDArray[np.int32]:
    """Return 32 bit samples cut to their upper 24 bits."""
    samples: NDArray[np.int32] = np.frombuffer(data, dtype="<i4") & np.int32(-256)
    return samples.reshape(-1, n_channels)


def frames_from_shares(
    shares: NDArray[np.float64], bits: int
) -> NDArray[np.int16] | NDArray[np.int32]:
    """Return numbers of -1 to 1 as samples of ``bits``, in the same shape."""
    counts = np.rint(shares * (2 ** (bits - 1) - 1))
    if bits == 16:  # noqa: PLR2004 - the other width is 24
        return np.ascontiguousarray(counts, dtype=np.int16)
    shifted: NDArray[np.int32] = np.ascontiguousarray(counts, dtype=np.int32) << 8
    return shifted
